import EdgeCrypto
import HTTPProxy
import Testing

@testable import TunnelEdge

@Suite struct ListenerNamesTests {
  private func context(_ names: [String]...) throws -> TLSServerContext {
    let authority = try CertificateAuthority.make(commonName: "test", days: 1, now: 1_800_000_000)
    let identities = try names.map { names in
      let issued = try authority.issue(names: names, days: 1, now: 1_800_000_000)
      return try TLSIdentity(certificateChainPEM: issued.certificateChainPEM, privateKeyPEM: issued.privateKeyPEM)
    }
    return try TLSServerContext(
      identities: identities, unknown: CertificateAuthority.catchAll(now: 1_800_000_000))
  }

  @Test func namesWithoutACertificateAreFound() throws {
    let context = try context(["a.example"], ["*.dev.example", "b.example"])
    let served = [
      "a.example", "b.example", "c.example", "x.dev.example", "*.dev.example", "dev.example", "y.x.dev.example",
      "*.example",
      "app-*.dev.example",
    ]
    #expect(
      ListenerTLS.uncovered(served, by: context) == ["c.example", "dev.example", "y.x.dev.example", "*.example"])
  }

  @Test func addressesAndLocalhostNeedNone() throws {
    #expect(ListenerTLS.uncovered(["localhost", "127.0.0.1", "::1"], by: try context(["a.example"])).isEmpty)
  }

  @Test func theWarningIsShort() {
    #expect(ListenerTLS.warning(uncovered: []) == nil)
    let many = ListenerTLS.warning(uncovered: (1...9).map { "h\($0)" })
    #expect(many?.hasPrefix("no certificate is for h1, h2, h3, h4, h5 and 4 more: ") == true)
  }
}
