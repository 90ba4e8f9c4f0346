import EdgeCrypto
import HTTPWire
import NIOCore
import Patterns
import Routing
import TestSupport
import Testing

@testable import HTTPProxy

/// "Limits of the front door" in docs/operations.md names every limit of the code with its value, and nothing else.
struct LimitsTableTests {
  /// Name in the code to value, as the page writes it.
  private static var ofTheCode: [String: String] {
    var limits: [String: String] = [:]
    func add(_ type: String, _ value: Any, where isLimit: (String) -> Bool = { _ in true }) {
      for child in Mirror(reflecting: value).children {
        guard let label = child.label, isLimit(label), let text = text(of: child.value, label) else { continue }
        limits["\(type).\(label)"] = text
      }
    }
    add("HTTPProxyConfiguration", HTTPProxyConfiguration(address: .init(port: 0), tls: nil)) {
      $0.hasSuffix("Timeout") || $0.hasPrefix("pooled")
    }
    add("HeadLimits", HeadLimits())
    add("HTTP2Limits", HTTP2Limits())
    add("HTTP2Limits.service", HTTP2Limits.service)
    // Those that are the same as a visitor's are not told twice.
    for (name, value) in limits where limits[name.replacing(".service", with: "")] == value && name.contains(".service")
    {
      limits[name] = nil
    }
    limits["HTTP2UpstreamConnection.startTime"] = time(HTTP2UpstreamConnection.startTime)
    limits["ServicePulse.patience"] = time(ServicePulse.patience)
    limits["ConnectionUse.mostGivenUp"] = "\(ConnectionUse.mostGivenUp)"
    limits["HTTP2UpstreamConnection.idleFactor"] = "\(HTTP2UpstreamConnection.idleFactor)"
    limits["TCPStream.closingTime"] = time(TCPStream.closingTime)
    add("ConnectionLimits", ConnectionLimits())
    limits["HTTPProxyConfiguration.crowdedIdleTime"] = LimitsTable.time(
      milliseconds: HTTPProxyConfiguration.crowdedIdleTime)
    limits["ConnectionGate.toldBeyond"] = "\(ConnectionGate.toldBeyond)"
    limits["ConnectionGate.toldBeyondPerSource"] = "\(ConnectionGate.toldBeyondPerSource)"
    limits["RequestGate.mostVisitors"] = "\(RequestGate.mostVisitors)"
    limits["VisitorConnection.timeToBeTold"] = LimitsTable.time(milliseconds: VisitorConnection.timeToBeTold)
    limits["VisitorConnection.lingerTime"] = LimitsTable.time(milliseconds: VisitorConnection.lingerTime)
    limits["VisitorConnection.discardLimit"] = "\(VisitorConnection.discardLimit)"
    limits["VisitorConnection.unreadLimit"] = "\(VisitorConnection.unreadLimit)"
    limits["Substitution.mostWork"] = "\(Substitution.mostWork)"
    add("TunnelRegistryConfiguration", TunnelRegistryConfiguration()) {
      $0.hasPrefix("parked") || $0 == "reconnectGrace"
    }
    limits["HealthDialog.largestAnswer"] = "\(HealthDialog.largestAnswer)"
    limits["HTTP2Dialog.largestMessage"] = "\(HTTP2Dialog.largestMessage)"
    limits["ClientCertificateVerifier.longestChain"] = "\(ClientCertificateVerifier.longestChain)"
    limits["Exchange.collectLimit"] = "\(Exchange.collectLimit)"
    return limits
  }

  private static func text(of value: Any, _ label: String) -> String? {
    switch value {
    case let milliseconds as Int64: LimitsTable.time(milliseconds: milliseconds)
    case let number as any BinaryInteger: "\(number)"
    case let number as Double: "\(Int(number))"
    default: nil
    }
  }

  private static func time(_ amount: TimeAmount) -> String {
    LimitsTable.time(milliseconds: amount.nanoseconds / 1_000_000)
  }

  @Test func thePageSaysWhatTheCodeSays() throws {
    let table = try LimitsTable(section: "Limits of the front door")
    #expect(table.differences(from: Self.ofTheCode) == [])
    #expect(try table.unknownKeys() == [])
  }
}
