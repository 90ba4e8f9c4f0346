import FuzzDriver
import NIOCore

@testable import ProxyProtocol

// What may come before the first byte of a connection from a trusted proxy. Read whole and byte by byte, which must come to
// the same; never a trap, never more kept than a header is long.

@_cdecl("FuzzProxyProtocol_main")
func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  FuzzDriver.run(count, arguments) { bytes in
    let whole = Reading(bytes[...])
    var dripped = Reading([])
    var kept = ByteBuffer()
    for byte in bytes {
      kept.writeInteger(byte)
      dripped = Reading(&kept)
      guard case .waiting = dripped.outcome else { break }
      // A header may be as long as its longest form and not a byte longer.
      guard kept.readableBytes < 16 + ProxyHeaderVersion2.longestBody else { fatalError("kept \(kept.readableBytes)") }
    }
    guard whole.outcome == dripped.outcome else { fatalError("\(whole.outcome) whole, \(dripped.outcome) in drops") }
  }
}

private struct Reading {
  enum Outcome: Equatable {
    case header(ProxyHeader)
    case waiting
    case refused
  }
  let outcome: Outcome

  init(_ bytes: ArraySlice<UInt8>) {
    var buffer = ByteBuffer(bytes: bytes)
    self.init(&buffer)
  }

  init(_ buffer: inout ByteBuffer) {
    do throws(ProxyProtocolError) {
      outcome = try ProxyHeader(reading: &buffer).map { .header($0) } ?? .waiting
    } catch {
      outcome = .refused
    }
  }
}
