import EdgeCrypto
import NIOCore
import Testing

@testable import SSHProtocol

/// PROTOCOL.u2f: what a browser signs with a FIDO key.
@Suite("signatures by browsers")
struct WebAuthnTests {
  private let message = Array("message".utf8)
  private let origin = "https://example.com"

  private func key(_ application: String) throws -> SSHPublicKey {
    try SSHPublicKey(blob: SecurityKeyFixture.blob(Fixtures.p256, application: application))
  }

  private func clientData(_ challenge: [UInt8], type: String = "webauthn.get", origin: String? = nil) -> [UInt8] {
    Array(
      #"{"type":"\#(type)","challenge":"\#(Base64.encodeURL(challenge))","origin":"\#(origin ?? self.origin)","crossOrigin":false}"#
        .utf8)
  }

  private func isTaken(
    _ data: [UInt8], flags: UInt8 = 0x05, extensions: [UInt8] = [], application: String = "example.com",
    origin: String? = nil
  ) throws -> Bool {
    let blob = try SecurityKeyFixture.signature(
      by: Fixtures.p256, application: application, over: message, flags: flags, counter: 9,
      origin: origin ?? self.origin, clientData: data, extensions: extensions)
    return try key(application).verify(signatureBlob: blob, over: message, algorithm: .webAuthnECDSA)
  }

  @Test("a right one is taken, of a site's key and of ssh's")
  func right() throws {
    #expect(try isTaken(clientData(message)))
    #expect(try isTaken(clientData(message), application: "ssh:"))
    #expect(try isTaken(clientData(message), flags: 0x81, extensions: [1, 2, 3]))
  }

  @Test("another challenge, type or origin, no touch, and flags that do not fit are refused")
  func wrong() throws {
    #expect(try !isTaken(clientData(Array("other".utf8))))
    #expect(try !isTaken(clientData(message, type: "webauthn.create")))
    #expect(try !isTaken(clientData(message, origin: "https://evil.example")))
    #expect(try !isTaken(clientData(message, origin: "a\"b"), origin: "a\"b"))
    #expect(try !isTaken(clientData(message), flags: 0x04))
    #expect(try !isTaken(clientData(message), flags: 0x45))
    #expect(try !isTaken(clientData(message), flags: 0x85))
    #expect(try !isTaken(clientData(message), extensions: [1]))
    #expect(try !isTaken([]))
  }

  @Test("a site's key never signs as ssh's own helper")
  func kinds() throws {
    let site = try key("example.com")
    let blob = try SecurityKeyFixture.signature(
      by: Fixtures.p256, application: "example.com", over: message, flags: 1, counter: 1)
    #expect(!site.verify(signatureBlob: blob, over: message, algorithm: .securityKeyECDSA))
    let ours = try SecurityKeyFixture.signature(
      by: Fixtures.p256, application: "ssh:", over: message, flags: 1, counter: 1)
    #expect(try key("ssh:").verify(signatureBlob: ours, over: message, algorithm: .securityKeyECDSA))
    #expect(try !key("ssh:").verify(signatureBlob: ours, over: message, algorithm: .webAuthnECDSA))
  }
}
