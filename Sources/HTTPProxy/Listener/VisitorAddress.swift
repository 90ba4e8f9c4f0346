import NIOCore
import ProxyProtocol

/// Where a visitor's connection comes from: the other end of it, or whom a trusted proxy announces.
struct VisitorAddress {
  var text: String
  /// 0 when not known.
  var port: Int

  init(_ address: SocketAddress?) {
    text = address?.plainIPAddress ?? "unknown"
    port = address?.port ?? 0
  }
}
