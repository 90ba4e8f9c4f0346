import FuzzDriver
import HTTPOracles

// One frame in one state of a connection, before our machine and swift-nio-http2: what one takes and the other refuses must
// have a reason (HTTP2Situation+Explained.swift).

@_cdecl("FuzzHTTP2Oracle_main")
func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  FuzzDriver.run(count, arguments) { bytes in
    var input = FuzzInput(bytes)
    let situation = HTTP2Situation { input.number(below: $0) }
    do {
      let (ours, theirs) = try situation.judged()
      if let difference = situation.unexplained(ours, theirs) { fatalError(difference) }
    } catch {
      fatalError("\(situation): \(error)")
    }
  }
}
