import FuzzDriver

@testable import EdgeCrypto

// Private key files, as an administrator may have them. The first byte chooses:
//   0 any text; 1 a genuine file with changes; 2 the binary part of OpenSSH's format; 3 a genuine one with changes;
//   4 PEM blocks; 5 a genuine PKCS#8 file with changes; 6 public keys as PEM.
// A key that is accepted signs what its public half verifies, and is the same key after it was written and read again.

@_cdecl("FuzzKeyFiles_main")
func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  FuzzDriver.run(count, arguments) { bytes in
    var input = FuzzInput(bytes)
    switch input.byte() % 7 {
    case 0: readText(String(decoding: input.remaining, as: UTF8.self))
    case 1:
      let original = Fixture.openSSH[input.number(below: Fixture.openSSH.count)]
      readText(String(decoding: FuzzInput.changed(Array(original.utf8), by: input.remaining), as: UTF8.self))
    case 2: readBinary(input.remaining)
    case 3:
      let original = Fixture.binary[input.number(below: Fixture.binary.count)]
      readBinary(FuzzInput.changed(original, by: input.remaining))
    case 4: readBlocks(String(decoding: input.remaining, as: UTF8.self))
    case 5:
      let original = Fixture.pkcs8[input.number(below: Fixture.pkcs8.count)]
      readText(String(decoding: FuzzInput.changed(Array(original.utf8), by: input.remaining), as: UTF8.self))
    default: _ = try? PublicKey(pem: String(decoding: input.remaining, as: UTF8.self))
    }
  }
}

private func readText(_ text: String) {
  guard let key = try? PrivateKey(text: text) else { return }
  check(key)
}

private func readBinary(_ bytes: [UInt8]) {
  guard let file = try? OpenSSHKeyFile(bytes) else { return }
  guard file.comment.utf8.count <= bytes.count else { fatalError("a comment of \(file.comment.utf8.count) bytes") }
  // The same bytes in their armour.
  guard let key = try? PrivateKey(text: Fixture.armoured(bytes)) else { fatalError("refused as text: \(bytes)") }
  check(key)
}

private func readBlocks(_ text: String) {
  var total = 0
  for block in PEMBlock.all(in: text) { total += block.bytes.count }
  guard total <= text.utf8.count else { fatalError("\(total) bytes out of \(text.utf8.count)") }
}

private func check(_ key: PrivateKey) {
  let message = Array("what is signed".utf8)
  guard let algorithm = Fixture.algorithm(of: key), let signature = try? key.sign(message, algorithm: algorithm) else {
    fatalError("a key of type \(key.publicKey.type) does not sign")
  }
  guard key.publicKey.verify(signature, over: message, algorithm: algorithm) else {
    fatalError("its signature is wrong")
  }
  guard let text = try? key.openSSHPEM(), let again = try? PrivateKey(text: text) else { fatalError("not read again") }
  guard again.publicKey == key.publicKey else { fatalError("another key after writing and reading") }
}
