import EdgeCrypto
import Policy
import TestSupport
import Testing

@testable import Identity

/// Bytes from peers reach no trap, whatever they are.
@Suite struct HostileBytesTests {
  static func mutated(_ bytes: [UInt8], _ noise: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0...Int.random(in: 0...3, using: &noise) {
      guard !bytes.isEmpty else { break }
      let place = Int.random(in: bytes.indices, using: &noise)
      switch Int.random(in: 0..<4, using: &noise) {
      case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &noise)
      case 1: bytes.remove(at: place)
      case 2: bytes.insert(contentsOf: bytes[place...].prefix(9), at: place)
      default: bytes.removeSubrange(place...)
      }
    }
    return bytes
  }

  static let document = #"{"keys":[{"kty":"RSA","n":"0vx7","e":"AQAB","kid":"é😀"},{"a":[-1.5e3,null,true,{}]}]}"#

  @Test(arguments: 0..<8) func readsNoiseWithoutATrap(_ seed: Int) throws {
    var noise = SeededGenerator(UInt64(seed))
    for _ in 0..<2_000 {
      let bytes = Self.mutated(Array(Self.document.utf8), &noise)
      let text = String(decoding: bytes, as: UTF8.self)
      if let value = try? JSONReader.parse(bytes) {
        #expect(try JSONReader.parse(JSONWriter.bytes(value)) == value)
        _ = try? ProviderKeys(value)
        _ = try? ProviderMetadata(value, configuredIssuer: "x")
        _ = SignInReturn(value)
      }
      _ = QueryString.parse(text)
      _ = WebURL("https://" + text)
      _ = SourceAddress(text).limitGroup
    }
  }

  @Test(arguments: 0..<4) func refusesEveryDamagedToken(_ seed: Int) throws {
    var noise = SeededGenerator(UInt64(seed) &+ 100)
    let keys = try ProviderKeys(
      .object(["keys": .list([ScriptedProvider.jwk(TestKeys.p256.publicKey, id: nil)])]))
    let content =
      Base64.encodeURL(Array(#"{"alg":"ES256"}"#.utf8)) + "." + Base64.encodeURL(Array(#"{"sub":"alice"}"#.utf8))
    let signature = try TestKeys.p256.sign(Array(content.utf8), algorithm: .ecdsaSHA256)
    let token = content + "." + Base64.encodeURL(signature)
    #expect(try SignedToken(token).claims(verifiedBy: keys).text("sub") == "alice")
    for _ in 0..<500 {
      let damaged = String(decoding: Self.mutated(Array(token.utf8), &noise), as: UTF8.self)
      guard damaged != token else { continue }
      #expect(throws: TokenFault.self) { try SignedToken(damaged).claims(verifiedBy: keys) }
    }
  }
}
