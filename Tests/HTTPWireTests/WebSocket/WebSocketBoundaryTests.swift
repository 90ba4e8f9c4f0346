import HTTPWire
import NIOCore
import Testing

@Suite struct WebSocketBoundaryTests {
  private static func frame(_ opcode: UInt8, payload: Int, isMasked: Bool) -> [UInt8] {
    var bytes = [0x80 | opcode]
    let mask: UInt8 = isMasked ? 0x80 : 0
    if payload < 126 {
      bytes.append(UInt8(payload) | mask)
    } else if payload < 65_536 {
      bytes += [126 | mask, UInt8(payload >> 8), UInt8(payload & 0xFF)]
    } else {
      bytes += [127 | mask] + (0..<8).map { UInt8(truncatingIfNeeded: payload >> (56 - 8 * $0)) }
    }
    // A payload full of what looks like heads.
    return bytes + (isMasked ? [0x88, 0x02, 0x88, 0xFF] : []) + [UInt8](repeating: 0x88, count: payload)
  }

  @Test(arguments: [0, 1, 125, 126, 127, 65_535, 65_536, 70_000], [false, true])
  func everyCutOfAFrame(_ payload: Int, _ isMasked: Bool) {
    let bytes = Self.frame(2, payload: payload, isMasked: isMasked)
    let cuts = bytes.count < 300 ? Array(0...bytes.count) : [0, 1, 2, 3, 4, 9, 10, 14, bytes.count - 1, bytes.count]
    for cut in cuts {
      var boundary = WebSocketBoundary()
      boundary.pass(ByteBuffer(bytes: bytes[..<cut]))
      #expect(boundary.isBetweenFrames == (cut == 0 || cut == bytes.count), "\(cut) of \(bytes.count)")
      boundary.pass(ByteBuffer(bytes: bytes[cut...]))
      #expect(boundary.isBetweenFrames && !boundary.hasClosed)
    }
  }

  @Test func manyFramesByteByByte() {
    var boundary = WebSocketBoundary()
    var ends = 0
    let frames = [0, 5, 130, 1].map { Self.frame(1, payload: $0, isMasked: true) }
    for byte in frames.flatMap({ $0 }) {
      boundary.pass(ByteBuffer(bytes: [byte]))
      if boundary.isBetweenFrames { ends += 1 }
    }
    #expect(ends == frames.count)
  }

  @Test func afterACloseNothingFollows() {
    var boundary = WebSocketBoundary()
    boundary.pass(WebSocketClose.frame(.goingAway, reason: "bye"))
    #expect(boundary.hasClosed && boundary.isBetweenFrames)
  }

  @Test func aLengthThatNoFrameCanHaveIsNoBoundary() {
    var boundary = WebSocketBoundary()
    boundary.pass(ByteBuffer(bytes: [0x82, 127] + [UInt8](repeating: 0xFF, count: 8)))
    boundary.pass(ByteBuffer(bytes: [UInt8](repeating: 0, count: 100)))
    #expect(!boundary.isBetweenFrames)
  }

  @Test func closeFrames() {
    #expect(
      Array(WebSocketClose.frame(.policyViolation, reason: "no").readableBytesView) == [
        0x88, 4, 0x03, 0xF0, 0x6E, 0x6F,
      ])
    let masked = Array(WebSocketClose.frame(.goingAway, reason: "", maskingKey: [1, 2, 3, 4]).readableBytesView)
    #expect(masked == [0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xE9 ^ 2])
    #expect(WebSocketClose.frame(.goingAway, reason: String(repeating: "x", count: 500)).readableBytes == 127)
  }
}
