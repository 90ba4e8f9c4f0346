import HTTPWire
import NIOCore
import Routing

/// Bytes of the connection, both ways.
extension HTTP2UpstreamConnection: ByteStreamConsumer {
  /// What the service makes us say and does not fetch: from here on nothing more is read from it.
  private static let controlLimit = 64 << 10
  private static let writeLimit = 48 << 10

  // MARK: Bytes in

  func streamDidRead(_ bytes: ByteBuffer) {
    guard !isClosed else { return }
    isInReadCycle = true
    let now = NIODeadline.now()
    let wasDoubted = noteSign(now)
    do throws(HTTP2Error) {
      try connection.receive(bytes, at: now.uptimeNanoseconds)
      deliver()
      // Who came meanwhile waits for another connection, which a tunnel may have no channel for.
      if wasDoubted, !isClosed { pool.noteRoom(self) }
    } catch {
      if onStart != nil {
        fail(.unusable(Self.noHTTP2))
        return
      }
      // What came before counts.
      deliver()
      if !isClosed { lose(.reset, "the service broke the rules of HTTP/2: \(error.reason)") }
    }
  }

  func streamDidCompleteRead() {
    let concerned = touched
    touched.removeAll(keepingCapacity: true)
    for stream in concerned { stream.readCompleted() }
    isInReadCycle = false
    writeOut()
  }

  func streamDidFinishReading() {
    if onStart != nil { return fail(.unusable(Self.noHTTP2)) }
    lose(.finished, "the service ended the connection in the middle")
  }

  func streamWritabilityChanged(isWritable: Bool) {
    if isWritable { writeOut() }
  }

  func streamDidClose(_ end: StreamEnd) { didClose(end) }

  // MARK: Bytes out

  /// What the streams have said goes out together, at the end of a read or of this round of the loop.
  func flush() {
    guard !isInReadCycle, !isWriting, !isFlushScheduled, !isClosed else { return }
    isFlushScheduled = true
    stream.eventLoop.assumeIsolated().execute {
      self.isFlushScheduled = false
      self.writeOut()
    }
  }

  func writeOut() {
    guard !isWriting, !isClosed else { return }
    isWriting = true
    // What came of bytes that were taken since.
    deliver()
    var wrote = true
    // A flush may make room again, and says so while we are still here.
    while wrote, !isClosed {
      wrote = false
      while !isClosed, stream.isWritable, let bytes = connection.takeOutbound(limit: Self.writeLimit) {
        stream.write(bytes)
        wrote = true
        // Sending makes room, and room makes more to send.
        deliver()
      }
      if wrote, !isClosed { stream.flush() }
    }
    isWriting = false
    guard !isClosed else { return }
    adjustReading()
    if onStart == nil, isIdle, !takesMore { end(reason: "") }
  }

  private func adjustReading() {
    let wanted = connection.pendingControlBytes < Self.controlLimit
    guard wanted != isReading else { return }
    isReading = wanted
    if wanted { stream.resumeReading() } else { stream.pauseReading() }
  }
}
