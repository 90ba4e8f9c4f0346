import HTTPWire
import Policy

/// Whom a request comes from, where trusted proxies stand before us.
enum ForwardedAddress {
  /// The last address of the chain that no trusted proxy has (read from the right: what stands left of a stranger's address
  /// was written by the stranger).
  static func client(peer: String, head: RequestHead?, trusted: [AddressRange]) -> (String, isTrusted: Bool) {
    guard isTrusted(peer, trusted) else { return (peer, false) }
    guard let head else { return (peer, true) }
    let chain = head.headers.listElements(.xForwardedFor)
    for address in chain.reversed() {
      guard IPAddress(address) != nil else { break }
      if !isTrusted(address, trusted) { return (address, true) }
    }
    return (peer, true)
  }

  private static func isTrusted(_ text: String, _ trusted: [AddressRange]) -> Bool {
    guard let address = IPAddress(text) else { return false }
    return trusted.contains { $0.contains(address) }
  }
}
