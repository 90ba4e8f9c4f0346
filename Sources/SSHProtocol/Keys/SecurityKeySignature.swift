import EdgeCrypto
import NIOCore

/// What the flags of a FIDO signature must show (PROTOCOL.u2f): always that somebody touched the device (x/crypto
/// CVE-2026-39831 missed it).
package struct SecurityKeyDemands: Sendable, Equatable {
  /// And that the device knew who: a PIN or a finger.
  let isVerified: Bool

  package init(isVerified: Bool = false) {
    self.isVerified = isVerified
  }

  func areMet(by flags: UInt8) -> Bool {
    flags & SecurityKeyDemands.userPresent != 0 && (!isVerified || flags & SecurityKeyDemands.userVerified != 0)
  }

  private static let userPresent: UInt8 = 0x01
  private static let userVerified: UInt8 = 0x04
}

/// The part of a signature that a browser adds: it signs a JSON text that names the challenge, not the challenge itself.
struct WebAuthnAssertion {
  let origin: String
  let clientData: [UInt8]
  let extensions: [UInt8]

  private static let limit = 16_384
  /// Authenticator data with more behind it: an attested key, or extensions.
  private static let attestedKey: UInt8 = 0x40
  private static let hasExtensions: UInt8 = 0x80

  init(_ reader: inout MessageReader) throws(SSHError) {
    origin = try reader.text("origin", limit: 1024)
    clientData = try reader.bytes("client data", limit: Self.limit)
    extensions = try reader.bytes("extensions", limit: Self.limit)
  }

  /// Whether the JSON begins with our message as the challenge, in the one order in which browsers write it. The rest of
  /// it is the browser's.
  func isFor(_ message: [UInt8], flags: UInt8) -> Bool {
    guard !origin.contains("\""), flags & Self.attestedKey == 0,
      (flags & Self.hasExtensions != 0) == !extensions.isEmpty
    else { return false }
    let challenge = Base64.encodeURL(message)
    let expected = #"{"type":"webauthn.get","challenge":""# + challenge + #"","origin":""# + origin + #"""#
    return clientData.starts(with: expected.utf8)
  }
}
