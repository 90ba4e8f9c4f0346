import Testing

@testable import SSHServer

struct KeyDecoderTests {
  private func keys(_ text: String) -> [Key] {
    var decoder = KeyDecoder()
    return decoder.receive(Array(text.utf8), now: 0) + decoder.timePassed(50)
  }

  @Test func keysAreTold() {
    #expect(keys("qQ?") == [.character("q"), .character("Q"), .character("?")])
    #expect(keys("\u{3}\u{4}\r\t\u{7F}\u{8}") == [.control("C"), .control("D"), .enter, .tab, .backspace, .backspace])
    #expect(keys("\u{1B}[A\u{1B}OB\u{1B}[1;5C\u{1B}[D") == [.up, .down, .right, .left])
    #expect(
      keys("\u{1B}[5~\u{1B}[6~\u{1B}[H\u{1B}[4~\u{1B}[1~\u{1B}[Z") == [
        .pageUp, .pageDown, .home, .end, .home, .backTab,
      ])
    #expect(keys("é日😀") == [.character("é"), .character("日"), .character("😀")])
    #expect(keys("\u{1B}") == [.escape] && keys("\u{1B}O") == [.escape, .character("O")])
    #expect(keys("\u{1B}x") == [.escape, .character("x")])
    #expect(keys("\u{1B}[200~two\u{1B}[A words\r\n\u{1B}[201~q") == [.pasted("two[A words"), .character("q")])
    #expect(keys("\u{1B}[200~never ends\u{3}q") == [.control("C"), .character("q")])
    #expect(keys("\u{1B}[99;99;99Xq\u{1B}[?1;2cq") == [.character("q"), .character("q")])
    #expect(keys("\u{1B}[1;\u{3}q") == [.control("C"), .character("q")])
  }

  @Test func whatComesInPiecesIsTheSame() {
    let text = "a\u{1B}[A\u{1B}[200~x y\u{1B}[201~日😀\u{1B}OC\u{1B}[6~q"
    var decoder = KeyDecoder()
    var pieces: [Key] = []
    for (index, byte) in Array(text.utf8).enumerated() { pieces += decoder.receive([byte], now: UInt64(index)) }
    #expect(pieces == keys(text))
  }

  @Test func escapeWaitsForFiftyMilliseconds() {
    var decoder = KeyDecoder()
    #expect(decoder.receive([0x1B], now: 100).isEmpty && decoder.deadline == 150)
    #expect(decoder.timePassed(149).isEmpty)
    #expect(decoder.receive([0x5B, 0x41], now: 149) == [.up] && decoder.deadline == nil)
    #expect(decoder.receive([0x1B], now: 200).isEmpty)
    #expect(decoder.receive([0x5B], now: 250) == [.escape, .character("[")])
  }

  @Test func noBytesTrapOrGrow() {
    var state: UInt64 = 42
    var decoder = KeyDecoder()
    var count = 0
    for round in 0..<3000 {
      var bytes: [UInt8] = []
      for _ in 0..<40 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let pick = UInt8(truncatingIfNeeded: state >> 56)
        bytes +=
          pick < 40 ? [0x1B, 0x5B] : pick < 50 ? Array("\u{1B}[200~".utf8) : [UInt8(truncatingIfNeeded: state >> 40)]
      }
      for key in decoder.receive(bytes, now: UInt64(round * 7)) {
        count += 1
        if case .pasted(let text) = key { #expect(text.utf8.count <= KeyDecoder.pasteLimit * 3) }
      }
    }
    #expect(count > 1000)
  }
}
