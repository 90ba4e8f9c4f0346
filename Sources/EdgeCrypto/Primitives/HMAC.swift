internal import COpenSSL
import Synchronization

/// HMAC (RFC 2104) of whole messages with a key that is used once.
package enum HMAC {
  package static func sha256(key: [UInt8], _ message: [UInt8]) -> [UInt8] { HMACKey(.sha256, key: key).tag(message) }
  package static func sha384(key: [UInt8], _ message: [UInt8]) -> [UInt8] { HMACKey(.sha384, key: key).tag(message) }
  package static func sha512(key: [UInt8], _ message: [UInt8]) -> [UInt8] { HMACKey(.sha512, key: key).tag(message) }
}

/// A long-lived HMAC key: cookies, signed URLs, form tokens.
///
/// `@unchecked Sendable`: the context is only touched while `lock` is held.
@safe package final class HMACKey: @unchecked Sendable {
  private let algorithm: DigestAlgorithm
  private let context: KeyedHMAC
  private let lock = Mutex(())

  package init(_ algorithm: DigestAlgorithm = .sha256, key: [UInt8]) {
    self.algorithm = algorithm
    self.context = KeyedHMAC(algorithm, key: key)
  }

  package func tag(_ message: [UInt8]) -> [UInt8] {
    lock.withLock { _ in
      context.restart()
      unsafe context.update(message.span.bytes)
      return context.finish()
    }
  }

  package func tag(_ text: String) -> [UInt8] { tag(Array(text.utf8)) }

  package func verifies(_ candidate: [UInt8], _ message: [UInt8]) -> Bool {
    constantTimeEquals(candidate, tag(message))
  }
}

/// A keyed `EVP_MAC_CTX` that is restarted without setting its key again. For one thread at a time.
@safe final class KeyedHMAC {
  private static let fetched = FetchedMAC("HMAC")

  private let byteCount: Int
  private let context: OpaquePointer

  init(_ algorithm: DigestAlgorithm, key: [UInt8]) {
    byteCount = algorithm.byteCount
    unsafe context = key.withUnsafeBytes { unsafe Self.keyed(algorithm, $0) }
  }

  init(_ algorithm: DigestAlgorithm, key: SecretBytes) {
    byteCount = algorithm.byteCount
    unsafe context = key.withBytes { unsafe Self.keyed(algorithm, $0) }
  }

  private static func keyed(_ algorithm: DigestAlgorithm, _ key: UnsafeRawBufferPointer) -> OpaquePointer {
    guard let context = unsafe EVP_MAC_CTX_new(fetched.pointer) else { fatalError("OpenSSL has no HMAC.") }
    // An empty key is legal, but a null pointer would mean "keep the key there is".
    let none: [UInt8] = [0]
    let result = unsafe none.withUnsafeBufferPointer { none in
      unsafe te_hmac_init(
        context, key.isEmpty ? none.baseAddress : key.baseAddress?.assumingMemoryBound(to: UInt8.self), key.count,
        algorithm.openSSLName)
    }
    guard result == 1 else { fatalError("OpenSSL cannot start HMAC with \(algorithm.openSSLName).") }
    return unsafe context
  }

  deinit { unsafe EVP_MAC_CTX_free(context) }

  @inline(__always)
  func restart() { _ = unsafe EVP_MAC_init(context, nil, 0, nil) }

  @inline(__always)
  func update(_ bytes: RawSpan) {
    unsafe bytes.withUnsafeBytes { unsafe update($0) }
  }

  @inline(__always)
  func update(_ bytes: UnsafeRawBufferPointer) {
    _ = unsafe EVP_MAC_update(context, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
  }

  /// Writes the tag; `output` has room for it.
  @inline(__always)
  func finish(into output: UnsafeMutablePointer<UInt8>) {
    var count = 0
    _ = unsafe EVP_MAC_final(context, output, &count, byteCount)
  }

  func finish() -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { output, count in
      guard let base = output.baseAddress else { return }
      unsafe finish(into: base)
      count = byteCount
    }
  }
}

/// An `EVP_MAC` fetched once for the life of the process.
///
/// `@unchecked Sendable`: the pointer never changes, is never freed, and OpenSSL only reads what it points to.
@safe struct FetchedMAC: @unchecked Sendable {
  let pointer: OpaquePointer

  init(_ name: String) {
    guard let pointer = unsafe EVP_MAC_fetch(nil, name, nil) else { fatalError("OpenSSL has no \(name).") }
    unsafe self.pointer = pointer
  }
}
