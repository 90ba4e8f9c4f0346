import Identity

/// A browser without a screen, enough to walk the demo: cookies per host, redirects, forms.
struct DemoBrowser {
  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  struct Page: Sendable {
    var url: String
    var status: Int
    var text: String
  }

  private static let mostRedirects = 12

  private let fetcher: any Fetcher
  private var cookies: [String: [String: String]] = [:]

  init(fetcher: any Fetcher) {
    self.fetcher = fetcher
  }

  mutating func get(_ url: String) async throws -> Page {
    try await follow(FetchRequest(.get, url, headers: [("Accept", "text/html")]))
  }

  /// Sends a form of a page, as its button would.
  mutating func submit(
    _ form: WebForm, of page: Page, setting values: [String: String], button: (name: String, value: String)? = nil
  ) async throws -> Page {
    let url = try Self.resolve(form.action, against: page.url)
    return try await follow(
      FetchRequest(
        .post, url,
        headers: [
          ("Accept", "text/html"), ("Content-Type", "application/x-www-form-urlencoded"),
          ("Origin", try Self.origin(of: url)), ("Sec-Fetch-Site", "same-origin"),
        ],
        body: form.encoded(setting: values, button: button)))
  }

  private mutating func follow(_ first: FetchRequest) async throws -> Page {
    var request = first
    for _ in 0..<Self.mostRedirects {
      let host = try Self.host(of: request.url)
      if let jar = cookies[host], !jar.isEmpty {
        request.headers.append(("Cookie", jar.map { "\($0.key)=\($0.value)" }.joined(separator: "; ")))
      }
      let response = try await fetcher.fetch(request)
      for header in response.headers where header.name.lowercased() == "set-cookie" { keep(header.value, host: host) }
      let location = response.headers.first { $0.name.lowercased() == "location" }?.value
      guard (300..<400).contains(response.status), let location else {
        return Page(url: request.url, status: response.status, text: String(decoding: response.body, as: UTF8.self))
      }
      request = FetchRequest(
        .get, try Self.resolve(location, against: request.url), headers: [("Accept", "text/html")])
    }
    throw Failure(description: "more than \(Self.mostRedirects) redirects from \(first.url)")
  }

  private mutating func keep(_ header: String, host: String) {
    let pair = header.prefix { $0 != ";" }
    guard let equals = pair.firstIndex(of: "=") else { return }
    let name = String(pair[..<equals])
    let value = String(pair[pair.index(after: equals)...])
    let isGone = header.lowercased().contains("max-age=0")
    cookies[host, default: [:]][name] = isGone ? nil : value
  }

  private static func origin(of url: String) throws -> String {
    guard let scheme = url.firstRange(of: "://") else { throw Failure(description: "not an address: \(url)") }
    return String(url[..<scheme.upperBound] + url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" })
  }

  private static func host(of url: String) throws -> String {
    let origin = try origin(of: url)
    guard let scheme = origin.firstRange(of: "://") else { return origin }
    return String(origin[scheme.upperBound...].prefix { $0 != ":" })
  }

  private static func resolve(_ reference: String, against base: String) throws -> String {
    if reference.contains("://") { return reference }
    if reference.hasPrefix("/") { return try origin(of: base) + reference }
    let path = String(base.prefix { $0 != "?" && $0 != "#" })
    if reference.isEmpty { return base }
    if reference.hasPrefix("?") { return path + reference }
    guard let slash = path.lastIndex(of: "/") else { throw Failure(description: "not an address: \(base)") }
    return path[...slash] + reference
  }
}
