internal import COpenSSL

/// Bytes that must not outlive their use: the secrets and keys of a session. Cleansed when the last reference goes.
///
/// A class with memory of its own, since an array is copied where nobody sees it: when it grows, when it is joined or
/// sliced, when somebody else still holds it.
///
/// `@unchecked Sendable`: the memory is written by the initialisers and by `deinit` only.
@safe package final class SecretBytes: @unchecked Sendable, Equatable {
  private let memory: UnsafeMutableRawBufferPointer

  /// - Parameter fill: is given zeros.
  init(count: Int, _ fill: (UnsafeMutableRawBufferPointer) throws(CryptoError) -> Void) throws(CryptoError) {
    unsafe memory = .allocate(byteCount: max(0, count), alignment: 16)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
    // A failure comes with `deinit`: every property is set.
    try unsafe fill(memory)
  }

  /// A copy of these; what becomes of the array is its owner's business.
  package init(_ bytes: [UInt8]) {
    unsafe memory = .allocate(byteCount: bytes.count, alignment: 16)
    unsafe memory.copyBytes(from: bytes)
  }

  package convenience init(joining pieces: [SecretBytes]) {
    self.init(zeros: pieces.reduce(0) { $0 + $1.count })
    var start = 0
    for piece in pieces {
      unsafe UnsafeMutableRawBufferPointer(rebasing: memory[start...])
        .copyMemory(from: UnsafeRawBufferPointer(piece.memory))
      start += piece.count
    }
  }

  deinit {
    unsafe Self.cleanse(memory)
    unsafe memory.deallocate()
  }

  /// Overwrites what nobody reads any more; the compiler would leave that out.
  static func cleanse(_ region: UnsafeMutableRawBufferPointer) {
    unsafe OPENSSL_cleanse(region.baseAddress, region.count)
  }

  package var count: Int { unsafe memory.count }

  /// Lends the bytes for the time of the call.
  func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try unsafe body(UnsafeRawBufferPointer(memory))
  }

  /// In constant time.
  package static func == (a: SecretBytes, b: SecretBytes) -> Bool {
    guard a.count == b.count else { return false }
    return unsafe CRYPTO_memcmp(a.memory.baseAddress, b.memory.baseAddress, a.count) == 0
  }

  var isZero: Bool { unsafe withBytes { unsafe $0.allSatisfy { $0 == 0 } } }

  /// For what is no secret after all, as the exchange hash.
  package var revealed: [UInt8] { unsafe withBytes { unsafe Array($0) } }

  /// The bytes from `start` on, as many as there are up to `count`.
  package func part(from start: Int = 0, count: Int) -> SecretBytes {
    let start = min(max(0, start), self.count)
    let wanted = min(max(0, count), self.count - start)
    return unsafe .made(wanted) { target in
      unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[start..<start + wanted]))
    }
  }

  /// As an SSH string: behind its length.
  package var sshString: SecretBytes { framed(from: 0, padded: false) }

  /// As an SSH mpint (RFC 4251 section 5): the shortest form, and a zero before a first byte of 128 or more.
  package var sshInteger: SecretBytes {
    let start = unsafe withBytes { unsafe $0.firstIndex { $0 != 0 } ?? $0.count }
    let isPadded = unsafe withBytes { unsafe start < $0.count && $0[start] & 0x80 != 0 }
    return framed(from: start, padded: isPadded)
  }

  private func framed(from start: Int, padded: Bool) -> SecretBytes {
    let length = count - start + (padded ? 1 : 0)
    return unsafe .made(4 + length) { target in
      for index in 0..<4 { unsafe target[index] = UInt8(truncatingIfNeeded: length >> (24 - 8 * index)) }
      unsafe UnsafeMutableRawBufferPointer(rebasing: target[(padded ? 5 : 4)...])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[start...]))
    }
  }

  /// Filling that cannot fail.
  static func made(_ count: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void) -> SecretBytes {
    let made = SecretBytes(zeros: count)
    unsafe fill(made.memory)
    return made
  }

  private init(zeros count: Int) {
    unsafe memory = .allocate(byteCount: max(0, count), alignment: 16)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
  }
}
