import EdgeCrypto
import Foundation
import NIOCore
import NIOEmbedded
import Routing
import Testing

@testable import HTTPProxy

/// TLS to services, over a stream that the test plays.
@Suite struct TLSStreamTests {
  private final class Inner: ByteStream {
    let eventLoop: any EventLoop
    var consumer: (any ByteStreamConsumer)?
    var written = ByteBuffer()
    var end: StreamEnd?
    var isWritable: Bool { true }

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func write(_ bytes: ByteBuffer) { written.writeImmutableBuffer(bytes) }
    func flush() {}
    func finishWriting() {}
    func pauseReading() {}
    func resumeReading() {}
    func close(_ end: StreamEnd) { self.end = end }
  }

  private final class Reader: ByteStreamConsumer {
    var told: [String] = []
    func streamDidRead(_ bytes: ByteBuffer) { told.append(String(buffer: bytes)) }
    func streamDidCompleteRead() {}
    func streamDidFinishReading() { told.append("end") }
    func streamWritabilityChanged(isWritable: Bool) {}
    func streamDidClose(_ end: StreamEnd) { told.append("\(end)") }
  }

  private let loop = EmbeddedEventLoop()
  private let inner: Inner
  private let stream: TLSStream
  private let service: TLSEngine

  init() throws {
    let now = Int64(Date().timeIntervalSince1970)
    let authority = try CertificateAuthority.make(commonName: "test", now: now)
    let (chain, key) = try authority.issue(names: ["service.test"], now: now)
    let identity = try TLSIdentity(certificateChainPEM: chain, privateKeyPEM: key)
    inner = Inner(loop)
    stream = try TLSStream(
      over: inner, TLSClientContext(trust: .pem(authority.certificatePEM)), serverName: "service.test")
    service = try TLSEngine(TLSServerContext(identities: [identity], alpn: []))
  }

  /// What the service's engine says to what was written, or on its own.
  private func answer(_ body: (inout ByteBuffer) -> Void) -> ByteBuffer {
    var output = ByteBuffer()
    body(&output)
    return output
  }

  private func shakeHands() {
    let done = stream.start()
    while inner.written.readableBytes > 0 {
      let input = inner.written
      inner.written = ByteBuffer()
      let engine = service
      var plain = ByteBuffer()
      let output = answer { output in
        output.writeWithOutputRawSpan(minimumWritableBytes: 16 << 10) { output in
          plain.writeWithOutputRawSpan(minimumWritableBytes: 1 << 10) { plain in
            _ = engine.receive(input.readableBytesSpan, output: &output, plaintext: &plain)
          }
        }
      }
      if output.readableBytes > 0 { inner.consumer?.streamDidRead(output) }
    }
    #expect(service.isHandshakeComplete)
    #expect(throws: Never.self) { try done.wait() }
  }

  private func lastWords(_ text: String, saysGoodbye: Bool) -> ByteBuffer {
    let engine = service
    return answer { output in
      output.writeWithOutputRawSpan(minimumWritableBytes: 4 << 10) { output in
        _ = engine.send(ByteBuffer(string: text).readableBytesSpan, endOfFlush: true, output: &output)
        if saysGoodbye { _ = engine.close(&output) }
      }
    }
  }

  /// The service is gone before a slow reader has read its last words.
  @Test func whatCameBeforeTheEndIsDelivered() {
    shakeHands()
    let reader = Reader()
    stream.consumer = reader
    inner.consumer?.streamDidRead(lastWords("last words", saysGoodbye: true))
    inner.consumer?.streamDidFinishReading()
    inner.consumer?.streamDidClose(.finished)
    #expect(reader.told.isEmpty)
    stream.resumeReading()
    loop.run()
    #expect(reader.told == ["last words", "end", "finished"])
  }

  @Test func whoClosesBeforeReadingIsToldOfTheEnd() {
    shakeHands()
    let reader = Reader()
    stream.consumer = reader
    inner.consumer?.streamDidRead(lastWords("last words", saysGoodbye: true))
    inner.consumer?.streamDidClose(.finished)
    stream.close(.reset)
    loop.run()
    #expect(reader.told.last == "finished")
  }

  /// Security rule 27: without close_notify the end may be somebody else's.
  @Test func anEndWithoutGoodbyeIsABreak() {
    shakeHands()
    let reader = Reader()
    stream.consumer = reader
    stream.resumeReading()
    inner.consumer?.streamDidRead(lastWords("half a", saysGoodbye: false))
    inner.consumer?.streamDidFinishReading()
    #expect(reader.told == ["half a"] && inner.end == .reset)
  }

  /// No waiting for what cannot come any more.
  @Test func anEndInsteadOfAHandshakeFailsAtOnce() {
    let done = stream.start()
    inner.consumer?.streamDidFinishReading()
    #expect(throws: StreamOpenFailure.self) { try done.wait() }
    #expect(inner.end == .reset)
  }
}
