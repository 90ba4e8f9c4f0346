import NIOCore
import Policy
import TestSupport
import Testing

@testable import Identity
@testable import SSHProtocol
@testable import SSHServer

/// "Limits of the ssh server" in docs/operations.md names every limit of the code with its value, and nothing else.
struct LimitsTableTests {
  /// Name in the code to value, as the page writes it.
  private static var ofTheCode: [String: String] {
    var limits: [String: String] = [:]
    func add(_ type: String, _ value: Any, except excepted: Set<String> = []) {
      for child in Mirror(reflecting: value).children {
        guard let label = child.label, !excepted.contains(label), let text = text(of: child.value, label) else {
          continue
        }
        limits["\(type).\(label)"] = text
      }
    }
    add("SSHLimits", SSHLimits())
    add("ChannelConfiguration", ChannelConfiguration())
    add("AuthenticationConfiguration", AuthenticationConfiguration(), except: ["graceTime"])
    add("RekeyLimits", RekeyLimits())
    add("SSHServerConfiguration", SSHServerConfiguration(addresses: [], hostKeys: []))
    add("SourceLimits", SourceLimits())
    add("SourcePenalties", SourcePenalties())
    for (misconduct, seconds) in SourcePenalties().amounts {
      limits["Misconduct.\(misconduct)"] = "\(seconds) s"
    }
    add("SignInCodes.Limits", SignInCodes.Limits())
    limits["WaitingRoom.patienceBeforeKeys"] = time(WaitingRoom.patienceBeforeKeys)
    limits["WaitingRoom.patienceWithKeys"] = time(WaitingRoom.patienceWithKeys)
    limits["ConnectionGate.penalisedShareOfKnown"] = "\(ConnectionGate.penalisedShareOfKnown) %"
    limits["CryptographyPool.mostUnproved"] = "\(CryptographyPool.mostUnproved)"
    limits["ConnectionHandler.outboundLimit"] = "\(ConnectionHandler.outboundLimit)"
    return limits
  }

  private static func text(of value: Any, _ label: String) -> String? {
    switch value {
    case let seconds as Int64 where label.hasSuffix("Seconds"): "\(seconds) s"
    case let milliseconds as Int64 where label.hasSuffix("Milliseconds"): time(UInt64(milliseconds) * 1_000_000)
    case let seconds as Int where label == "minimum" || label == "maximum": "\(seconds) s"
    case let count as UInt64 where label == "packets" || label.hasSuffix("Bytes"): "\(count)"
    case let nanoseconds as UInt64: time(nanoseconds)
    case let number as any BinaryInteger: "\(number)"
    case let number as Double: "\(Int(number))"
    case let startups as SSHServerConfiguration.MaxStartups: "\(startups.start):\(startups.rate):\(startups.full)"
    case let block as SourceBlockSize: "\(block.ipv4):\(block.ipv6)"
    default: nil
    }
  }

  private static func time(_ nanoseconds: UInt64) -> String {
    LimitsTable.time(milliseconds: Int64(nanoseconds / 1_000_000))
  }

  @Test func thePageSaysWhatTheCodeSays() throws {
    let table = try LimitsTable(section: "Limits of the ssh server")
    #expect(table.differences(from: Self.ofTheCode) == [])
    #expect(try table.unknownKeys() == [])
  }
}
