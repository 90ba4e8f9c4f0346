import EdgeCrypto
import TestSupport
import Testing

@Suite struct PrivateKeyFileTests {
  static let kinds: [(PrivateKey.Kind, [String])] = [
    (.ed25519, ["-t", "ed25519"]), (.ecdsa(.p256), ["-t", "ecdsa", "-b", "256"]),
    (.ecdsa(.p384), ["-t", "ecdsa", "-b", "384"]), (.ecdsa(.p521), ["-t", "ecdsa", "-b", "521"]),
    (.rsa(bits: 2048), ["-t", "rsa", "-b", "2048"]),
  ]

  private func algorithm(_ key: PublicKey) -> SignatureAlgorithm {
    switch key.type {
    case .ed25519: .ed25519
    case .ecdsa(.p256): .ecdsaSHA256
    case .ecdsa(.p384): .ecdsaSHA384
    case .ecdsa(.p521): .ecdsaSHA512
    case .rsa: .rsaPKCS1SHA512
    }
  }

  @Test(arguments: kinds)
  func keysOfSSHKeygenAreRead(kind: PrivateKey.Kind, arguments: [String]) throws {
    let directory = try TemporaryDirectory()
    try run("ssh-keygen", ["-q", "-N", "", "-C", "made by ssh-keygen", "-f", directory.file("key")] + arguments)
    let text = try directory.text("key")
    let key = try PrivateKey(text: text)
    #expect(key.comment == "made by ssh-keygen")
    let signature = try key.sign([1, 2, 3], algorithm: algorithm(key.publicKey))
    #expect(key.publicKey.verify(signature, over: [1, 2, 3], algorithm: algorithm(key.publicKey)))
    // The public half as ssh-keygen's PKCS#8 export writes it. Ed25519 has no such export.
    if kind != .ed25519 {
      let pem = try run("ssh-keygen", ["-e", "-m", "PKCS8", "-f", directory.file("key.pub")])
      #expect(try PublicKey(pem: pem) == key.publicKey)
    }
    // Without the final newline, with CRLF, and as base64 of the file.
    #expect(try PrivateKey(text: String(text.dropLast())).publicKey == key.publicKey)
    #expect(try PrivateKey(text: text.replacing("\n", with: "\r\n")).publicKey == key.publicKey)
    #expect(try PrivateKey(text: Base64.encode(Array(text.utf8))).publicKey == key.publicKey)
    #expect(try PrivateKey(text: Base64.encode(Array(text.utf8)) + "\n").publicKey == key.publicKey)
  }

  @Test(arguments: kinds)
  func sshKeygenReadsWhatIsWritten(kind: PrivateKey.Kind, arguments: [String]) throws {
    let directory = try TemporaryDirectory()
    let key = try PrivateKey.generate(kind)
    try directory.write(try key.openSSHPEM(comment: "from the edge"), to: "key")
    let line = try run("ssh-keygen", ["-y", "-f", directory.file("key")])
    #expect(line.contains("from the edge"))
    // ssh-keygen signs with the file; the signature is checked here through its own format's inner blob.
    try directory.write("hello", to: "message")
    try run("ssh-keygen", ["-q", "-Y", "sign", "-n", "test", "-f", directory.file("key"), directory.file("message")])
    try directory.write("me \(line)", to: "allowed")
    let verified = try run(
      "ssh-keygen",
      [
        "-Y", "verify", "-n", "test", "-I", "me", "-f", directory.file("allowed"), "-s",
        directory.file("message.sig"),
      ], input: Array("hello".utf8))
    #expect(verified.contains("Good"))
    let again = try PrivateKey(text: try key.openSSHPEM(comment: "c"))
    #expect(again.publicKey == key.publicKey)
    #expect(again.comment == "c")
  }

  /// A damaged scalar, or exponent, beside an undamaged public half.
  @Test(arguments: [
    (PrivateKey.Kind.ecdsa(.p256), 40), (.ecdsa(.p384), 40), (.ecdsa(.p521), 45), (.rsa(bits: 2048), 320),
  ])
  func halvesOfTwoKeysAreNoKey(kind: PrivateKey.Kind, position: Int) throws {
    let pem = try PrivateKey.generate(kind).pkcs8PEM()
    let lines = pem.split(separator: "\n").filter { !$0.hasPrefix("-----") }
    var bytes = try #require(Base64.decodeLenient(lines.joined()))
    bytes[position] ^= 1
    let damaged = "-----BEGIN PRIVATE KEY-----\n\(Base64.encode(bytes))\n-----END PRIVATE KEY-----\n"
    #expect(throws: CryptoError.self) { try PrivateKey(text: damaged) }
    #expect(throws: Never.self) { try PrivateKey(text: pem) }
  }

  @Test(arguments: [
    ["genpkey", "-algorithm", "ed25519"], ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    ["ecparam", "-genkey", "-name", "secp384r1"], ["ecparam", "-genkey", "-noout", "-name", "prime256v1"],
    ["genrsa", "-traditional", "2048"], ["genrsa", "2048"],
  ])
  func keysOfTheOpenSSLToolAreRead(arguments: [String]) throws {
    let directory = try TemporaryDirectory()
    let (command, options) = (Array(arguments.prefix(1)), Array(arguments.dropFirst()))
    try run("openssl", command + ["-out", directory.file("key.pem")] + options)
    let key = try PrivateKey(text: try directory.text("key.pem"))
    try run("openssl", ["pkey", "-in", directory.file("key.pem"), "-pubout", "-out", directory.file("pub.pem")])
    #expect(try PublicKey(pem: try directory.text("pub.pem")) == key.publicKey)
    #expect(key.publicKey.spkiPEM() == (try directory.text("pub.pem")))
    #expect(try PrivateKey(text: try key.pkcs8PEM()).publicKey == key.publicKey)
    try directory.write(try key.pkcs8PEM(), to: "pkcs8.pem")
    try run("openssl", ["pkey", "-in", directory.file("pkcs8.pem"), "-check", "-noout"])
  }

  @Test func encryptedKeysAreNamedAsSuch() throws {
    let directory = try TemporaryDirectory()
    try run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "passphrase", "-f", directory.file("key")])
    #expect(kind { try PrivateKey(text: try directory.text("key")) } == .encryptedKey)
    try run(
      "openssl",
      [
        "genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:secret", "-out", directory.file("pkcs8"),
      ])
    #expect(kind { try PrivateKey(text: try directory.text("pkcs8")) } == .encryptedKey)
    try run(
      "openssl",
      ["genrsa", "-traditional", "-aes128", "-passout", "pass:secret", "-out", directory.file("old"), "2048"])
    #expect(kind { try PrivateKey(text: try directory.text("old")) } == .encryptedKey)
  }

  @Test func keysThatAreNotUsedAreNamedAsSuch() throws {
    let directory = try TemporaryDirectory()
    try run("openssl", ["genpkey", "-algorithm", "X25519", "-out", directory.file("x")])
    #expect(kind { try PrivateKey(text: try directory.text("x")) } == .unsupported)
    try run("openssl", ["ecparam", "-genkey", "-name", "secp256k1", "-out", directory.file("k1")])
    #expect(kind { try PrivateKey(text: try directory.text("k1")) } == .unsupported)
    try run("openssl", ["genrsa", "-out", directory.file("small"), "1024"])
    #expect(kind { try PrivateKey(text: try directory.text("small")) } == .weakKey)
    #expect(kind { try PrivateKey.generate(.rsa(bits: 1024)) } == .weakKey)
  }

  @Test func aDamagedOpenSSHFileIsRefusedWhereverItIsDamaged() throws {
    let key = try PrivateKey.generate(.ed25519)
    let lines = try key.openSSHPEM(comment: "x").split(separator: "\n").map(String.init)
    let body = try #require(Base64.decode(lines.dropFirst().dropLast().joined()))
    func file(_ bytes: [UInt8]) -> String {
      "-----BEGIN OPENSSH PRIVATE KEY-----\n\(Base64.encode(bytes))\n-----END OPENSSH PRIVATE KEY-----\n"
    }
    #expect(try PrivateKey(text: file(body)).publicKey == key.publicKey)
    for index in body.indices {
      var damaged = body
      damaged[index] ^= 0x5a
      // The outer copy of the public key and the comment are not vouched for; everything else must be noticed.
      if let read = try? PrivateKey(text: file(damaged)) { #expect(read.publicKey == key.publicKey) }
      #expect(throws: CryptoError.self) { try PrivateKey(text: file(Array(body.prefix(index)))) }
    }
  }

  @Test(arguments: [
    "", "hello", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----", "-----BEGIN ", "AAAA",
    "-----BEGIN CERTIFICATE-----",
  ])
  func textThatIsNoKeyIsRefused(text: String) {
    #expect(throws: CryptoError.self) { try PrivateKey(text: text) }
  }
}
