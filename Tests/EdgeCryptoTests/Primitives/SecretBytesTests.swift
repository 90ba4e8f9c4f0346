import Testing

@testable import EdgeCrypto

@Suite struct SecretBytesTests {
  @Test(arguments: [
    ("", "00000000"), ("00", "00000000"), ("0000", "00000000"), ("7f", "000000017f"), ("80", "000000020080"),
    ("0080", "000000020080"), ("000102", "000000020102"), ("ff00", "0000000300ff00"),
  ])
  func anIntegerHasItsShortestForm(bytes: String, encoded: String) {
    #expect(SecretBytes(hex(bytes)).sshInteger == hex(encoded))
  }

  @Test func aStringKeepsItsZeros() {
    #expect(SecretBytes([0, 0, 1]).sshString == hex("00000003000001"))
    #expect(SecretBytes([]).sshString == hex("00000000"))
  }

  @Test func piecesAndParts() {
    let whole = SecretBytes(joining: [SecretBytes([1, 2]), SecretBytes([]), SecretBytes([3])])
    #expect(whole == [1, 2, 3] && whole.part(from: 1, count: 1) == [2])
    #expect(whole.part(from: 2, count: 9) == [3] && whole.part(from: 7, count: 1) == [] && whole.part(count: -1) == [])
    #expect(whole != SecretBytes([1, 2]) && whole != SecretBytes([1, 2, 4]))
  }

  @Test func cleansingLeavesNothing() {
    var bytes = [UInt8](repeating: 0xaa, count: 100)
    bytes.withUnsafeMutableBytes { SecretBytes.cleanse(UnsafeMutableRawBufferPointer(rebasing: $0[10..<90])) }
    #expect(bytes[10..<90].allSatisfy { $0 == 0 } && bytes[9] == 0xaa && bytes[90] == 0xaa)
  }

  @Test func aDigestOfSecretsIsTheDigestOfTheirBytes() {
    let digest = SecretDigest(.sha256)
    digest.update(SecretBytes([1, 2]))
    digest.update([3])
    #expect(digest.finish() == Digest.sha256([1, 2, 3]))
  }
}
