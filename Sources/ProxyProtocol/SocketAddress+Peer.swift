import NIOCore

extension SocketAddress {
  /// The IP address without the form in which a socket for both families shows IPv4: `::ffff:192.0.2.1` is 192.0.2.1. `nil`
  /// for what is no IP address.
  package var plainIPAddress: String? {
    guard let text = ipAddress else { return nil }
    let lowered = text.lowercased()
    return lowered.hasPrefix("::ffff:") && lowered.contains(".") ? String(text.dropFirst(7)) : text
  }

  /// For people: `192.0.2.1:443`, `[2001:db8::1]:443`.
  package var endpointText: String {
    guard let text = plainIPAddress, let port else { return description }
    return text.contains(":") ? "[\(text)]:\(port)" : "\(text):\(port)"
  }
}
