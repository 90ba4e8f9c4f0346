import NIOCore

/// Where a visitor's connection comes from: the other end of it, or whom a trusted proxy announces.
struct VisitorAddress {
  var text: String
  /// 0 when not known.
  var port: Int

  init(_ address: SocketAddress?) {
    text = address?.ipAddress.map(Self.withoutMapping) ?? "unknown"
    port = address?.port ?? 0
  }

  /// `::ffff:192.0.2.1` is the address behind it.
  private static func withoutMapping(_ address: String) -> String {
    let lowered = address.lowercased()
    return lowered.hasPrefix("::ffff:") && lowered.contains(".") ? String(address.dropFirst(7)) : address
  }
}
