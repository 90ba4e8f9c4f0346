import HTTPWire
import NIOCore

extension VisitorConnection: VisitorSide {
  var isWritable: Bool { context?.channel.isWritable ?? false }

  /// Storage comes from the loop for each answer, and goes back with it.
  private func takeStorage() {
    if writer.buffer.capacity == 0 { writer.buffer = loop.spares.take() }
  }

  func sendInterim(_ head: ResponseHead, mask: FieldMask) {
    takeStorage()
    HeadWriter.writeStatusLine(status: head.status, reason: head.reason, into: &writer.buffer)
    head.headers.write(into: &writer.buffer, mask: mask)
    HeadWriter.endHead(&writer.buffer)
  }

  func sendHead(_ head: ResponseHead, mask: FieldMask, additions: [HeaderList]) {
    guard context != nil else { return }
    takeStorage()
    let isHTTP10 = exchange?.isHTTP10 == true
    switch head.framing {
    case .chunked, .untilClose:
      // HTTP/1.0 knows no chunks: there the end of the connection is the end of the body.
      writer.framing = isHTTP10 ? .untilClose : .chunked
      if isHTTP10 { closesAfterResponse = true }
    case .none, .length:
      writer.framing = head.framing
    }
    HeadWriter.writeStatusLine(status: head.status, reason: head.reason, into: &writer.buffer)
    head.headers.write(into: &writer.buffer, mask: mask)
    for list in additions { list.write(into: &writer.buffer) }
    if head.status == 101 {
      writer.buffer.writeString("Connection: Upgrade\r\n")
    } else {
      HeadWriter.writeFraming(writer.framing, into: &writer.buffer)
      // RFC 9110 section 7.8: who sends Upgrade says that it is for this hop only.
      if head.status == 426, head.hasField(.upgrade, mask) { writer.buffer.writeString("Connection: Upgrade\r\n") }
      if closesAfterResponse || loop.isDraining {
        closesAfterResponse = true
        writer.buffer.writeString("Connection: close\r\n")
      } else if isHTTP10 {
        writer.buffer.writeString("Connection: keep-alive\r\n")
      }
    }
    HeadWriter.endHead(&writer.buffer)
  }

  func sendBody(_ bytes: ByteBuffer) {
    guard let context else { return }
    guard let (gathered, large) = writer.writeBody(bytes) else { return }
    // A write may make the channel unwritable, which flushes: not between these two, where the end of the chunk is next.
    isWriting = true
    if gathered.readableBytes > 0 { context.write(wrapOutboundOut(gathered), promise: nil) }
    context.write(wrapOutboundOut(large), promise: nil)
    isWriting = false
    hasWritten = true
    // Whether the visitor takes them is known only after a flush: no more than this is written without knowing.
    unflushed += gathered.readableBytes + large.readableBytes
    if unflushed >= Self.flushLimit || !isWritable { flush() }
  }

  private static let flushLimit = 64 << 10

  func sendEnd(trailers: HeaderList?) {
    writer.writeEnd(trailers: trailers)
    responseIsWhole = true
    finishIfWhole()
  }

  func becomeRaw() {
    isRaw = true
    writer.framing = .none
    closesAfterResponse = true
  }

  func closeAfterResponse() { closesAfterResponse = true }

  func finishRaw() { flushAndFinishOutput() }

  /// What was written leaves in one packet with close_notify, where TLS says that; without TLS it must leave before the end.
  func flushAndFinishOutput() {
    guard tls != nil, !inputIsClosed, !isWriting, let context, var bytes = writer.take() else {
      flush()
      return finishOutput()
    }
    unflushed = 0
    hasWritten = false
    context.write(wrapOutboundOut(bytes), promise: nil)
    finishOutput()
    loop.spares.giveBack(&bytes)
  }

  func flush() {
    guard let context, !isWriting else { return }
    unflushed = 0
    if var bytes = writer.take() {
      hasWritten = false
      context.write(wrapOutboundOut(bytes), promise: nil)
      context.flush()
      loop.spares.giveBack(&bytes)
    } else if hasWritten {
      hasWritten = false
      context.flush()
    }
  }
}

extension ResponseHead {
  fileprivate func hasField(_ kind: KnownField, _ mask: FieldMask) -> Bool {
    for (index, field) in headers.fields.enumerated() where field.kind == kind && mask.contains(index) { return true }
    return false
  }
}
