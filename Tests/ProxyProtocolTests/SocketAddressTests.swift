import NIOCore
import Testing

@testable import ProxyProtocol

@Suite struct SocketAddressTests {
  @Test(arguments: [
    ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"), ("::1", "::1"),
  ])
  func mappedAddressesAreShownPlain(_ written: String, _ plain: String) throws {
    #expect(try SocketAddress(ipAddress: written, port: 22).plainIPAddress == plain)
  }

  @Test(arguments: [("192.0.2.1", "192.0.2.1:22"), ("::ffff:192.0.2.1", "192.0.2.1:22"), ("::1", "[::1]:22")])
  func endpointsAreShownAsTheyAreWritten(_ written: String, _ shown: String) throws {
    #expect(try SocketAddress(ipAddress: written, port: 22).endpointText == shown)
  }

  @Test func whatIsNoAddressHasNone() throws {
    #expect(try SocketAddress(unixDomainSocketPath: "/tmp/x").plainIPAddress == nil)
  }
}
