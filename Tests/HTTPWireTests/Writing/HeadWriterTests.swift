import HTTPWire
import NIOCore
import Testing

@Suite struct HeadWriterTests {
  @Test(arguments: [0, 7, 10, 42, 99, 100, 101, 999, 1000, 1005, 65_536, 100_000, 104_857_600, UInt64.max])
  func numbersAreWrittenInDecimal(value: UInt64) {
    var buffer = ByteBuffer()
    HeadWriter.writeDecimal(value, into: &buffer)
    #expect(String(buffer: buffer) == "\(value)")
  }
}
