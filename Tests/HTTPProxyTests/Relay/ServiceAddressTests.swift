import HTTPWire
import Testing

@testable import HTTPProxy

/// Where redirects of services lead.
struct ServiceAddressTests {
  private func led(
    _ location: String, service: Authority = Authority(host: "localhost"), path: String = "/asked"
  ) -> String? {
    let address = ServiceAddress(
      host: service, scheme: "https", visitors: Authority(host: "app.example.org", port: 8443), path: path)
    return address.visitorsLocation(for: Array(location.utf8)[...])
  }

  @Test(arguments: [
    ("http://localhost/there?x=1#y", "/there?x=1#y"), ("https://localhost/there", "/there"), ("http://localhost", ""),
    ("HTTP://LocalHost:80/there", "/there"), ("http://localhost:443/there", "/there"),
    ("http://localhost?query", "?query"), ("http://localhost:3000/asked/", "/asked/"),
    ("http://localhost:3000/asked/?x=/", "/asked/?x=/"),
  ])
  func theServiceItselfIsTheVisitorsAddress(location: String, rest: String) {
    #expect(led(location) == "https://app.example.org:8443" + rest)
  }

  @Test(arguments: [
    "/there", "there", "//localhost/there", "?x", "", "http://", "http:///x", "ftp://localhost/",
    "http://localhost.evil/",
    "http://user@localhost/", "http://localhost:3000/there", "http://localhost:3000/asked", "http://localhost:0/asked/",
    "https://elsewhere.example/asked/", "http://localhost:99999/", "http:localhost/", "http://localhost\\@x/",
  ])
  func otherPlacesStay(location: String) {
    #expect(led(location) == nil)
  }

  @Test func aPortIsPartOfTheName() {
    let service = Authority(host: "localhost", port: 3000)
    #expect(led("http://localhost:3000/x", service: service) == "https://app.example.org:8443/x")
    #expect(led("http://localhost/x", service: service) == nil)
    #expect(led("http://localhost:5556/x", service: service) == nil)
  }

  @Test func underTheVisitorsNameEveryPortIsTheServices() {
    let service = Authority(host: "app.example.org", port: 8443)
    #expect(led("http://app.example.org/x", service: service) == "https://app.example.org:8443/x")
    #expect(led("http://app.example.org:3000/x", service: service) == "https://app.example.org:8443/x")
    // Nothing to change.
    #expect(led("https://app.example.org:8443/x", service: service) == nil)
  }

  @Test func aPathMayHoldAnything() {
    #expect(led("http://localhost/\u{e9}//%2F", path: "/") == "https://app.example.org:8443/\u{e9}//%2F")
    #expect(led("http://localhost:3000//", path: "/") == "https://app.example.org:8443//")
  }
}
