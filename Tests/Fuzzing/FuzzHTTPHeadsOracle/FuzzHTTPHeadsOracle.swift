import FuzzDriver
import HTTPOracles
import HTTPWire

// Requests and responses before two readers, ours and llhttp: what ours takes, llhttp must take, and read alike.

@_cdecl("FuzzHTTPHeadsOracle_main")
func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  FuzzDriver.run(count, arguments) { input in
    guard input.count > 1 else { return }
    let bytes = Array(input.dropFirst())
    let difference =
      input[0] & 1 == 1
      ? HTTP1Oracle.disagreement(
        responses: bytes, to: input[0] & 2 == 2 ? .head : .get, closes: input[0] & 4 == 4)
      : HTTP1Oracle.disagreement(requests: bytes)
    if let text = difference.text { fatalError("llhttp \(text)") }
  }
}
