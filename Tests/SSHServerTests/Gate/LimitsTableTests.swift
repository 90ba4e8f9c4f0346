import Foundation
import NIOCore
import Policy
import Testing

@testable import Identity
@testable import SSHProtocol
@testable import SSHServer

/// "Limits of the ssh server" in docs/operations.md names every limit of the code with its value, and nothing else.
struct LimitsTableTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

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
    limits["KeyExchangePool.mostUnproved"] = "\(KeyExchangePool.mostUnproved)"
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
    nanoseconds % 1_000_000_000 == 0 ? "\(nanoseconds / 1_000_000_000) s" : "\(nanoseconds / 1_000_000) ms"
  }

  private struct Row {
    let value: String
    let key: String
    let name: String
  }

  private static func rows() throws -> [Row] {
    let page = try String(contentsOf: root.appending(path: "docs/operations.md"), encoding: .utf8)
    let section = page.components(separatedBy: "\n## ").first { $0.hasPrefix("Limits of the ssh server") }
    return try #require(section).split(separator: "\n").compactMap { line in
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard cells.count == 4, cells[3].hasPrefix("`") else { return nil }
      return Row(value: cells[1], key: cells[2], name: cells[3].trimmingCharacters(in: ["`"]))
    }
  }

  @Test func thePageSaysWhatTheCodeSays() throws {
    let written = Dictionary(try Self.rows().map { ($0.name, $0.value) }, uniquingKeysWith: { "\($0), \($1)" })
    let code = Self.ofTheCode
    for (name, value) in code.sorted(by: { $0.key < $1.key }) {
      #expect(written[name] == value, "\(name) in docs/operations.md")
    }
    for name in written.keys where code[name] == nil { Issue.record("\(name) is not a limit of the code any more") }
  }

  @Test func everyNamedKeyExists() throws {
    let page = try String(contentsOf: Self.root.appending(path: "docs/configuration.md"), encoding: .utf8)
    let keys = try Self.rows().map(\.key).filter { !$0.isEmpty }
    #expect(keys.count > 5)
    for key in keys { #expect(page.contains("| \(key) |"), "\(key)") }
  }
}
