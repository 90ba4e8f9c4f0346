/// One outbound HTTP exchange: libcurl in the product, a script in tests.
package protocol Fetcher: Sendable {
  func fetch(_ request: FetchRequest) async throws(FetchError) -> FetchResponse
}

package struct FetchRequest: Sendable {
  package enum Method: String, Sendable { case get = "GET", post = "POST" }

  package var method: Method
  package var url: String
  package var headers: [(name: String, value: String)]
  package var body: [UInt8]
  /// Bounds the whole exchange.
  package var timeoutMilliseconds = 10_000
  package var connectTimeoutMilliseconds = 5_000
  /// A longer body fails the exchange.
  package var maximumBytes = Self.defaultMaximumBytes

  package static let defaultMaximumBytes = 1 << 20

  package init(
    _ method: Method, _ url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = []
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
  }
}

package struct FetchResponse: Sendable {
  package var status: Int
  package var headers: [(name: String, value: String)]
  package var body: [UInt8]

  package init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8]) {
    self.status = status
    self.headers = headers
    self.body = body
  }
}

/// Why there is no answer; the text names the URL and says what to do.
package struct FetchError: Error, Sendable, Hashable, CustomStringConvertible {
  package enum Kind: Sendable, Hashable {
    case badURL, cannotResolve, cannotConnect, timedOut, tooLarge, untrustedCertificate, broken, cancelled, closed
  }

  package let kind: Kind
  /// Without query and user information, which may hold secrets.
  package let url: String
  package let reason: String

  package init(_ kind: Kind, url: String, reason: String) {
    self.kind = kind
    self.url = Self.redacted(url)
    self.reason = reason
  }

  package var description: String { "\(url): \(reason)\(advice)" }

  private var advice: String {
    switch kind {
    case .badURL: "; write an http or https URL"
    case .cannotResolve: "; check the host name and the resolver of this machine"
    case .cannotConnect: "; check that the server runs and that this machine may reach its address and port"
    case .timedOut: "; the server is slow or a firewall drops packets"
    case .tooLarge: "; the answer is longer than any honest one"
    case .untrustedCertificate: "; check the server's certificate, or name its CA in certificate_authority_file"
    case .broken: "; check that the URL belongs to an HTTP server of the right scheme"
    case .cancelled, .closed: ""
    }
  }

  private static func redacted(_ url: String) -> String {
    var text = String(url.prefix { $0 != "?" && $0 != "#" })
    if let scheme = text.firstRange(of: "://") {
      let authority = text[scheme.upperBound...].prefix { $0 != "/" }
      if let at = authority.lastIndex(of: "@") { text.removeSubrange(scheme.upperBound...at) }
    }
    return String(text.prefix(300))
  }
}
