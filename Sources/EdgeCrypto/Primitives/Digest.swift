internal import COpenSSL

package enum DigestAlgorithm: Sendable, Hashable {
  /// For names and fingerprints that others prescribe; never for signatures.
  case sha1
  case sha256
  case sha384
  case sha512

  package var byteCount: Int {
    switch self {
    case .sha1: 20
    case .sha256: 32
    case .sha384: 48
    case .sha512: 64
    }
  }

  var openSSLName: String {
    switch self {
    case .sha1: "SHA1"
    case .sha256: "SHA256"
    case .sha384: "SHA384"
    case .sha512: "SHA512"
    }
  }

  var fetched: FetchedDigest {
    switch self {
    case .sha1: FetchedDigest.sha1
    case .sha256: FetchedDigest.sha256
    case .sha384: FetchedDigest.sha384
    case .sha512: FetchedDigest.sha512
    }
  }
}

/// An `EVP_MD` fetched once for the life of the process.
///
/// `@unchecked Sendable`: the pointer never changes, is never freed, and OpenSSL only reads what it points to.
@safe struct FetchedDigest: @unchecked Sendable {
  let pointer: OpaquePointer

  static let sha1 = FetchedDigest(.sha1)
  static let sha256 = FetchedDigest(.sha256)
  static let sha384 = FetchedDigest(.sha384)
  static let sha512 = FetchedDigest(.sha512)

  private init(_ algorithm: DigestAlgorithm) {
    // Once a process, whatever a peer sends: an OpenSSL without SHA-2 cannot run this program.
    guard let pointer = unsafe EVP_MD_fetch(nil, algorithm.openSSLName, nil) else {
      fatalError("OpenSSL has no \(algorithm.openSSLName).")
    }
    unsafe self.pointer = pointer
  }
}

/// Digests of whole messages.
package enum Digest {
  package static func hash(_ algorithm: DigestAlgorithm, _ bytes: [UInt8]) -> [UInt8] {
    unsafe hash(algorithm, bytes.span.bytes)
  }

  package static func hash(_ algorithm: DigestAlgorithm, _ bytes: RawSpan) -> [UInt8] {
    unsafe bytes.withUnsafeBytes { input in
      unsafe [UInt8](unsafeUninitializedCapacity: algorithm.byteCount) { output, count in
        let result = unsafe EVP_Digest(
          input.baseAddress, input.count, output.baseAddress, nil, algorithm.fetched.pointer, nil)
        // No input makes a digest fail; a wrong one must never be taken for a right one.
        guard result == 1 else { fatalError("OpenSSL cannot compute \(algorithm.openSSLName).") }
        count = algorithm.byteCount
      }
    }
  }

  package static func sha1(_ bytes: [UInt8]) -> [UInt8] { hash(.sha1, bytes) }
  package static func sha256(_ bytes: [UInt8]) -> [UInt8] { hash(.sha256, bytes) }
  package static func sha384(_ bytes: [UInt8]) -> [UInt8] { hash(.sha384, bytes) }
  package static func sha512(_ bytes: [UInt8]) -> [UInt8] { hash(.sha512, bytes) }

  package static func sha1(_ text: String) -> [UInt8] { hash(.sha1, Array(text.utf8)) }
  package static func sha256(_ text: String) -> [UInt8] { hash(.sha256, Array(text.utf8)) }
  package static func sha384(_ text: String) -> [UInt8] { hash(.sha384, Array(text.utf8)) }
  package static func sha512(_ text: String) -> [UInt8] { hash(.sha512, Array(text.utf8)) }

  package static func sha1(_ bytes: RawSpan) -> [UInt8] { hash(.sha1, bytes) }
  package static func sha256(_ bytes: RawSpan) -> [UInt8] { hash(.sha256, bytes) }
  package static func sha384(_ bytes: RawSpan) -> [UInt8] { hash(.sha384, bytes) }
  package static func sha512(_ bytes: RawSpan) -> [UInt8] { hash(.sha512, bytes) }
}
