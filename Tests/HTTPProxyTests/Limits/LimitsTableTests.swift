import EdgeCrypto
import Foundation
import HTTPWire
import NIOCore
import Patterns
import Routing
import Testing

@testable import HTTPProxy

/// "Limits of the front door" in docs/operations.md names every limit of the code with its value, and nothing else.
struct LimitsTableTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

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
    limits["HTTP2UpstreamConnection.startTime"] = time(HTTP2UpstreamConnection.startTime.nanoseconds / 1_000_000)
    limits["HTTP2UpstreamConnection.patience"] = time(HTTP2UpstreamConnection.patience.nanoseconds / 1_000_000)
    limits["HTTP2UpstreamConnection.idleFactor"] = "\(HTTP2UpstreamConnection.idleFactor)"
    limits["TCPStream.closingTime"] = time(TCPStream.closingTime.nanoseconds / 1_000_000)
    add("ConnectionLimits", ConnectionLimits())
    limits["HTTPProxyConfiguration.crowdedIdleTime"] = time(HTTPProxyConfiguration.crowdedIdleTime)
    limits["ConnectionGate.toldBeyond"] = "\(ConnectionGate.toldBeyond)"
    limits["ConnectionGate.toldBeyondPerSource"] = "\(ConnectionGate.toldBeyondPerSource)"
    limits["RequestGate.mostVisitors"] = "\(RequestGate.mostVisitors)"
    limits["VisitorConnection.timeToBeTold"] = time(VisitorConnection.timeToBeTold)
    limits["VisitorConnection.lingerTime"] = time(VisitorConnection.lingerTime)
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
    case let milliseconds as Int64: time(milliseconds)
    case let number as any BinaryInteger: "\(number)"
    case let number as Double: "\(Int(number))"
    default: nil
    }
  }

  private static func time(_ milliseconds: Int64) -> String {
    milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
  }

  private struct Row {
    let value: String
    let key: String
    let name: String
  }

  private static func rows() throws -> [Row] {
    let page = try String(contentsOf: root.appending(path: "docs/operations.md"), encoding: .utf8)
    let section = page.components(separatedBy: "\n## ").first { $0.hasPrefix("Limits of the front door") }
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
