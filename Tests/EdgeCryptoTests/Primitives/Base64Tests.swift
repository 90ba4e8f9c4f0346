import EdgeCrypto
import Testing

@Suite struct Base64Tests {
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
    ("foobar", "Zm9vYmFy"),
  ])
  func encodingMatchesRFC4648(plain: String, encoded: String) {
    let bytes = Array(plain.utf8)
    #expect(Base64.encode(bytes) == encoded)
    #expect(Base64.decode(encoded) == bytes)
    let url = String(encoded.prefix { $0 != "=" })
    #expect(Base64.encodeURL(bytes) == url)
    #expect(Base64.decodeURL(url) == bytes)
  }

  @Test func theURLAlphabetIsAnother() {
    #expect(Base64.encode([0xfb, 0xff]) == "+/8=")
    #expect(Base64.encodeURL([0xfb, 0xff]) == "-_8")
    #expect(Base64.decodeURL("+/8") == nil)
    #expect(Base64.decode("-_8=") == nil)
  }

  @Test(arguments: ["Zg", "Zg=", "Z===", "Zh==", "Zm9=", "Zm9v=", "Zm 9v", "Zg==\n", "=", "====", "Zm9vZ", "Zm9\u{e9}"])
  func strictDecodingRefuses(text: String) {
    #expect(Base64.decode(text) == nil)
  }

  @Test(arguments: ["Zh", "Zg==", "Z", "Zm9=", "Zm8="])
  func strictURLDecodingRefuses(text: String) {
    #expect(Base64.decodeURL(text) == nil)
  }

  @Test func peopleMayBreakLines() {
    #expect(Base64.decodeLenient(" Zm9v\r\nYmE ") == Array("fooba".utf8))
    #expect(Base64.decodeLenient("!") == nil)
  }

  @Test func anyBytesComeBack() {
    for count in 0..<70 {
      let bytes = SecureRandom.bytes(count)
      #expect(Base64.decode(Base64.encode(bytes)) == bytes)
      #expect(Base64.decodeURL(Base64.encodeURL(bytes)) == bytes)
      #expect(Hex.decode(Hex.encode(bytes)) == bytes)
    }
    #expect(Hex.decode("0") == nil)
    #expect(Hex.decode("0g") == nil)
    #expect(Hex.decode("FF") == [255])
  }
}
