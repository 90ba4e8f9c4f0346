internal import COpenSSL

/// One of the values that make a key, under OpenSSL's name for it (core_names.h). OpenSSL keeps the pointer to the name, hence
/// static strings.
enum KeyParameter {
  case number(StaticString, BigNumber)
  case octets(StaticString, [UInt8])
  case text(StaticString, String)
  case integer(StaticString, Int32)

  /// The names; some of the header's macros cannot be imported.
  enum Name {
    static let group: StaticString = "group"
    static let publicKey: StaticString = "pub"
    static let privateKey: StaticString = "priv"
    static let modulus: StaticString = "n"
    static let publicExponent: StaticString = "e"
    static let privateExponent: StaticString = "d"
    static let factor1: StaticString = "rsa-factor1"
    static let factor2: StaticString = "rsa-factor2"
    static let exponent1: StaticString = "rsa-exponent1"
    static let exponent2: StaticString = "rsa-exponent2"
    static let coefficient: StaticString = "rsa-coefficient1"
  }
}

/// Owns an `OSSL_PARAM` list.
@safe final class KeyParameterList {
  let pointer: UnsafeMutablePointer<OSSL_PARAM>
  /// The builder refers to the numbers and strings until the list is made.
  private let parameters: [KeyParameter]

  init(_ parameters: [KeyParameter]) throws(CryptoError) {
    self.parameters = parameters
    guard let builder = unsafe OSSL_PARAM_BLD_new() else { throw .library("no memory for a key") }
    defer { unsafe OSSL_PARAM_BLD_free(builder) }
    // The builder copies nothing until the end, so octets and texts are lent memory that lives as long.
    var lent: [UnsafeMutableBufferPointer<UInt8>] = unsafe []
    defer { unsafe lent.forEach { unsafe $0.deallocate() } }
    func lend(_ bytes: [UInt8]) -> UnsafeMutablePointer<UInt8>? {
      let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
      _ = unsafe buffer.initialize(from: bytes)
      unsafe lent.append(buffer)
      return buffer.baseAddress
    }
    for parameter in parameters {
      let result: Int32
      switch parameter {
      case .number(let name, let number):
        result = unsafe OSSL_PARAM_BLD_push_BN(builder, Self.persistent(name), number.pointer)
      case .octets(let name, let bytes):
        result = unsafe OSSL_PARAM_BLD_push_octet_string(builder, Self.persistent(name), lend(bytes), bytes.count)
      case .text(let name, let text):
        let bytes = Array(text.utf8)
        result =
          unsafe lend(bytes + [0])?.withMemoryRebound(to: CChar.self, capacity: bytes.count + 1) { text in
            unsafe OSSL_PARAM_BLD_push_utf8_string(builder, Self.persistent(name), text, bytes.count)
          } ?? 0
      case .integer(let name, let value):
        result = unsafe OSSL_PARAM_BLD_push_int(builder, Self.persistent(name), value)
      }
      try check(result, "cannot build the key's parameters")
    }
    guard let pointer = unsafe OSSL_PARAM_BLD_to_param(builder) else {
      throw .library("cannot build the key's parameters")
    }
    unsafe self.pointer = unsafe pointer
  }

  deinit { unsafe OSSL_PARAM_free(pointer) }

  private static func persistent(_ name: StaticString) -> UnsafePointer<CChar> {
    unsafe UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
  }
}
