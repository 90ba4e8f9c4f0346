/// Where programmatic login may send a token: a program on the machine of the browser (RFC 8252 section 7.3). Read strictly;
/// an address that another reader could take for another machine's is none.
package struct LoopbackTarget: Sendable, Hashable {
  /// As it was written, lower case where that means nothing.
  package let url: String
  /// `http://127.0.0.1:49152`: what the consent page names.
  package let origin: String
  let host: String

  /// The only names and addresses there are, each spelled in one way.
  package static let hosts = ["localhost", "127.0.0.1", "[::1]"]
  /// In bytes; the address travels in a query of ours.
  package static let maximumLength = 512

  /// - Parameter allowed: those of `hosts` that `programmatic_redirect_domain_whitelist` leaves.
  package init?(_ text: String, allowed: Set<String> = Set(hosts)) {
    guard text.utf8.count <= Self.maximumLength, let url = WebURL(text), allowed.contains(url.host),
      !url.rest.contains("#")
    else { return nil }
    // What comes back is added to the query; a second value of the name would be somebody else's.
    let query = url.rest.split(separator: "?", maxSplits: 1).dropFirst().first ?? ""
    let taken = QueryString.parse(query).contains { Self.reserved.contains($0.0) }
    guard !taken else { return nil }
    self.url = url.origin + url.rest
    origin = url.origin
    host = url.host
  }

  /// The address with one more parameter.
  package func with(_ name: String, _ value: String) -> String {
    url + (url.contains("?") ? "&" : "?") + QueryString.encode([(name, value)])
  }

  private static let reserved: Set<String> = ["pomerium_jwt", "code", "error"]
}
