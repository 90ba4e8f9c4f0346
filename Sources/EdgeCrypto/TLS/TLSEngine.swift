internal import COpenSSL

/// One TLS connection without a socket: bytes in, bytes out, over memory that the caller lends for each call.
///
/// Confined to one event loop. Nothing is copied but into and out of OpenSSL; an idle engine keeps no buffers.
@safe package final class TLSEngine {
  /// TLS records carry at most this much (RFC 8446 section 5.1).
  static let maximumRecord = 16_384
  /// More than any of our ciphers adds to a record.
  private static let recordOverhead = 64

  /// What the peer called us (server), or what we asked for (client); lower case.
  package private(set) var serverName: String?
  package private(set) var isHandshakeComplete = false
  /// Sticks: after it nothing moves.
  package private(set) var failure: TLSError?
  package private(set) var closeNotifyReceived = false
  private var closeNotifySent = false
  private var hasReceived = false
  /// Plaintext that waits to share a record with what comes next, or for the handshake.
  private var held: [UInt8] = []
  private var flushWhenReady = false
  /// The client may resume, and has no ticket of this connection yet (RFC 8446 section 4.6.1). It goes with the first data: by
  /// itself it would cost a packet of its own, and whoever leaves before that has no use for it.
  private var owesTicket = false
  private static let ticketRoom = 512

  private let ssl: OpaquePointer
  private let io: UnsafeMutablePointer<te_bio_state>
  /// Keeps what the callbacks refer to alive.
  private let context: AnyObject
  /// The same for a server.
  var serverContext: TLSServerContext? { context as? TLSServerContext }

  package init(_ context: TLSServerContext) throws(CryptoError) {
    guard let first = context.contexts.first else { throw CryptoError(.certificate, "There is no certificate.") }
    self.context = context
    (unsafe ssl, unsafe io) = try unsafe Self.make(first)
    unsafe SSL_set_accept_state(ssl)
    // The callback finds its engine here; the engine outlives its SSL.
    _ = unsafe SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(self).toOpaque())
  }

  package init(_ context: TLSClientContext, serverName: String) throws(CryptoError) {
    self.context = context
    let name = serverName.hasSuffix(".") ? String(serverName.dropLast()) : serverName
    self.serverName = name.lowercased()
    (unsafe ssl, unsafe io) = try unsafe Self.make(context.context)
    unsafe SSL_set_connect_state(ssl)
    let isAddress = IPText.isAddress(name)
    if !isAddress { try check(unsafe te_set_host_name(ssl, name), "\"\(name)\" is no server name") }
    guard context.verification == .full else { return }
    if isAddress {
      try check(unsafe X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name), "\"\(name)\" is no address")
    } else {
      unsafe SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
      try check(unsafe SSL_set1_host(ssl, name), "\"\(name)\" is no server name")
    }
  }

  deinit {
    unsafe SSL_free(ssl)
    unsafe free(io.pointee.spill)
    unsafe io.deallocate()
  }

  /// Takes what came from the network. With an empty input it starts a client's handshake.
  ///
  /// `output` receives records for the peer (handshake, alerts, key updates); what finds no room is kept for `drain`.
  package func receive(
    _ input: UnsafeRawBufferPointer, output: UnsafeMutableRawBufferPointer, plaintext: UnsafeMutableRawBufferPointer
  ) -> TLSProgress {
    var progress = TLSProgress()
    if input.count > 0 { hasReceived = true }
    let drained = unsafe lend(input, output)
    progress.status = unsafe advance(plaintext, &progress.plaintext)
    progress.consumed = unsafe input.count - io.pointee.input_left
    progress.produced = drained + takeBack()
    return progress
  }

  /// Seals what the application sends; all of it is taken. With `endOfFlush` false up to one record's worth is held back to
  /// be joined with what follows. Answers how much was put into `output`; what finds no room is kept for `drain`.
  package func send(
    _ plaintext: UnsafeRawBufferPointer, endOfFlush: Bool, output: UnsafeMutableRawBufferPointer
  ) -> Int {
    guard failure == nil, !closeNotifySent else { return 0 }
    let drained = unsafe lend(UnsafeRawBufferPointer(start: nil, count: 0), output)
    unsafe seal(plaintext, endOfFlush: endOfFlush)
    return drained + takeBack()
  }

  /// Room that surely suffices for `send` of this many bytes.
  package func outputNeeded(forSending count: Int) -> Int {
    let total = count + held.count
    return total + (total / Self.maximumRecord + 2) * Self.recordOverhead + pendingOutput
      + (owesTicket ? Self.ticketRoom : 0)
  }

  /// Records that found no room.
  package var pendingOutput: Int { unsafe io.pointee.spill_used }

  package func drain(_ output: UnsafeMutableRawBufferPointer) -> Int {
    unsafe lend(UnsafeRawBufferPointer(start: nil, count: 0), output) + takeBack()
  }

  /// Seals what is held back and says that nothing more will come (close_notify). Reading may go on.
  package func close(_ output: UnsafeMutableRawBufferPointer) -> Int {
    let drained = unsafe lend(UnsafeRawBufferPointer(start: nil, count: 0), output)
    if failure == nil, !closeNotifySent, isHandshakeComplete {
      unsafe seal(UnsafeRawBufferPointer(start: nil, count: 0), endOfFlush: true)
      closeNotifySent = true
      ErrorQueue.clear()
      _ = unsafe SSL_shutdown(ssl)
      ErrorQueue.clear()
    }
    held = []
    return drained + takeBack()
  }

  /// The transport ended. Nil when that is in order: close_notify had come, or nothing ever had.
  package func receiveEOF() -> TLSError? {
    if closeNotifyReceived || !hasReceived { return nil }
    if let failure { return failure }
    let error = TLSError(
      .truncated, isHandshakeComplete ? "the peer closed without close_notify" : "the peer closed during the handshake")
    failure = error
    return error
  }

  func helloArrived(_ name: String?, takesTickets: Bool) {
    serverName = name
    owesTicket = takesTickets
  }

  // MARK: Inside OpenSSL

  private func advance(_ plaintext: UnsafeMutableRawBufferPointer, _ read: inout Int) -> TLSStatus {
    if let failure { return .failed(failure) }
    if closeNotifyReceived { return .closedByPeer }
    ErrorQueue.clear()
    if !isHandshakeComplete {
      let result = unsafe SSL_do_handshake(ssl)
      guard result == 1 else { return status(after: result) }
      isHandshakeComplete = true
      if flushWhenReady || !held.isEmpty {
        let end = flushWhenReady
        flushWhenReady = false
        unsafe seal(UnsafeRawBufferPointer(start: nil, count: 0), endOfFlush: end)
        if let failure { return .failed(failure) }
      }
    }
    while read < plaintext.count {
      guard let base = plaintext.baseAddress else { break }
      var count = 0
      ErrorQueue.clear()
      let result = unsafe SSL_read_ex(ssl, base + read, plaintext.count - read, &count)
      guard result == 1 else { return status(after: result) }
      read += count
    }
    return unsafe io.pointee.input_left > 0 || SSL_pending(ssl) > 0 ? .plaintextFull : .needsInput
  }

  private func status(after result: Int32) -> TLSStatus {
    switch unsafe SSL_get_error(ssl, result) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .needsInput
    case SSL_ERROR_ZERO_RETURN:
      closeNotifyReceived = true
      return .closedByPeer
    default: return .failed(fail())
    }
  }

  private func fail() -> TLSError {
    let verification = unsafe SSL_get_verify_result(ssl)
    var error = TLSError.drainingQueue(duringHandshake: !isHandshakeComplete)
    if !isHandshakeComplete, error.kind == .handshake, verification != Int(X509_V_OK),
      let text = unsafe X509_verify_cert_error_string(verification)
    {
      error = TLSError(.certificate, unsafe String(cString: text))
    }
    failure = error
    held = []
    return error
  }

  private func seal(_ plaintext: UnsafeRawBufferPointer, endOfFlush: Bool) {
    guard isHandshakeComplete else {
      unsafe held.append(contentsOf: plaintext)
      flushWhenReady = flushWhenReady || endOfFlush
      return
    }
    var rest = unsafe plaintext
    if !held.isEmpty {
      let joined = min(rest.count, max(0, Self.maximumRecord - held.count))
      unsafe held.append(contentsOf: rest.prefix(joined))
      unsafe rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(joined))
      guard held.count >= Self.maximumRecord || endOfFlush else { return }
      unsafe held.withUnsafeBytes { unsafe write($0) }
      held = []
    }
    if endOfFlush {
      unsafe write(rest)
    } else {
      let whole = rest.count / Self.maximumRecord * Self.maximumRecord
      unsafe write(UnsafeRawBufferPointer(rebasing: rest.prefix(whole)))
      unsafe held.append(contentsOf: rest.dropFirst(whole))
    }
  }

  /// Every call writes one record; the BIO always takes it.
  private func write(_ bytes: UnsafeRawBufferPointer) {
    if owesTicket, bytes.count > 0 {
      owesTicket = false
      // OpenSSL writes it ahead of the data. With TLS 1.2 it was part of the handshake, and this does nothing.
      _ = unsafe SSL_new_session_ticket(ssl)
    }
    var done = 0
    while done < bytes.count, failure == nil {
      guard let base = bytes.baseAddress else { return }
      var count = 0
      ErrorQueue.clear()
      if unsafe SSL_write_ex(ssl, base + done, bytes.count - done, &count) == 1 {
        done += count
      } else {
        _ = fail()
      }
    }
  }

  // MARK: Lending memory to the BIO

  /// Lends the regions for one call, after moving what found no room before; answers how much that was.
  private func lend(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) -> Int {
    let moved = unsafe moveSpill(to: output)
    unsafe io.pointee.input = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
    unsafe io.pointee.input_left = input.count
    unsafe io.pointee.output = output.baseAddress.map { unsafe ($0 + moved).assumingMemoryBound(to: UInt8.self) }
    unsafe io.pointee.output_room = output.count - moved
    unsafe io.pointee.output_used = 0
    return moved
  }

  private func takeBack() -> Int {
    let used = unsafe io.pointee.output_used
    unsafe io.pointee.input = nil
    unsafe io.pointee.input_left = 0
    unsafe io.pointee.output = nil
    unsafe io.pointee.output_room = 0
    unsafe io.pointee.output_used = 0
    return used
  }

  private func moveSpill(to output: UnsafeMutableRawBufferPointer) -> Int {
    let spilt = unsafe io.pointee.spill_used
    guard spilt > 0, let spill = unsafe io.pointee.spill, let base = output.baseAddress else { return 0 }
    let count = min(spilt, output.count)
    unsafe base.copyMemory(from: spill, byteCount: count)
    if count == spilt {
      unsafe free(spill)
      unsafe io.pointee.spill = nil
      unsafe io.pointee.spill_room = 0
    } else {
      unsafe memmove(spill, spill + count, spilt - count)
    }
    unsafe io.pointee.spill_used = spilt - count
    return count
  }

  private static let method: BIOMethod = BIOMethod()

  private static func make(
    _ context: ContextHandle
  ) throws(CryptoError) -> (OpaquePointer, UnsafeMutablePointer<te_bio_state>) {
    ErrorQueue.clear()
    guard let ssl = unsafe SSL_new(context.pointer) else { throw .library("cannot make a TLS connection") }
    guard let bio = unsafe BIO_new(method.pointer) else {
      unsafe SSL_free(ssl)
      throw .library("cannot make a TLS connection")
    }
    let io = UnsafeMutablePointer<te_bio_state>.allocate(capacity: 1)
    unsafe io.initialize(to: te_bio_state())
    unsafe BIO_set_data(bio, io)
    // One BIO for both directions takes one reference.
    unsafe SSL_set_bio(ssl, bio, bio)
    return unsafe (ssl, io)
  }

  /// Made once for the process. `@unchecked Sendable`: never changed after that.
  @safe private struct BIOMethod: @unchecked Sendable {
    let pointer: OpaquePointer

    init() {
      guard let pointer = unsafe te_bio_method_new() else { fatalError("OpenSSL has no room for a BIO method.") }
      unsafe self.pointer = pointer
    }
  }

  /// For the properties in `TLSEngine+Properties`.
  var handle: OpaquePointer { unsafe ssl }
}

@available(*, unavailable)
extension TLSEngine: Sendable {}
