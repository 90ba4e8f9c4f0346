import HTTPWire
import Policy

/// Whom a request comes from, where trusted proxies stand before us.
enum ForwardedAddress {
  /// With `hops` the address that so many proxies in front have written, the last of them being the peer: counted from the
  /// right, and the peer itself where there are not as many. Without, the last address of the chain that no trusted proxy has (read from the right: what stands left of a stranger's address
  /// was written by the stranger).
  static func client(
    peer: String, head: RequestHead?, trusted: [AddressRange], hops: Int = 0
  ) -> (String, isTrusted: Bool) {
    guard isTrusted(peer, trusted) else { return (peer, false) }
    guard let head else { return (peer, true) }
    let chain = head.headers.listElements(.xForwardedFor)
    if hops > 0 {
      guard chain.count >= hops, IPAddress(chain[chain.count - hops]) != nil else { return (peer, true) }
      return (chain[chain.count - hops], true)
    }
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
