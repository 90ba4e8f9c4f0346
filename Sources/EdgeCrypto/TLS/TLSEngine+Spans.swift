/// The same calls for callers that hold spans instead of pointers.
extension TLSEngine {
  /// Advances `output` and `plaintext` by what was put into them.
  package func receive(
    _ input: RawSpan, output: inout OutputRawSpan, plaintext: inout OutputRawSpan
  ) -> TLSProgress {
    unsafe input.withUnsafeBytes { input in
      unsafe output.withUnsafeMutableBytes { outputBytes, outputCount in
        unsafe plaintext.withUnsafeMutableBytes { plainBytes, plainCount in
          let progress = unsafe receive(
            input, output: UnsafeMutableRawBufferPointer(rebasing: outputBytes.dropFirst(outputCount)),
            plaintext: UnsafeMutableRawBufferPointer(rebasing: plainBytes.dropFirst(plainCount)))
          outputCount += progress.produced
          plainCount += progress.plaintext
          return progress
        }
      }
    }
  }

  @discardableResult
  package func send(_ plaintext: RawSpan, endOfFlush: Bool, output: inout OutputRawSpan) -> Int {
    unsafe plaintext.withUnsafeBytes { plaintext in
      unsafe output.withUnsafeMutableBytes { bytes, count in
        let produced = unsafe send(
          plaintext, endOfFlush: endOfFlush,
          output: UnsafeMutableRawBufferPointer(rebasing: bytes.dropFirst(count)))
        count += produced
        return produced
      }
    }
  }

  @discardableResult
  package func drain(_ output: inout OutputRawSpan) -> Int {
    unsafe output.withUnsafeMutableBytes { bytes, count in
      let produced = unsafe drain(UnsafeMutableRawBufferPointer(rebasing: bytes.dropFirst(count)))
      count += produced
      return produced
    }
  }

  @discardableResult
  package func close(_ output: inout OutputRawSpan) -> Int {
    unsafe output.withUnsafeMutableBytes { bytes, count in
      let produced = unsafe close(UnsafeMutableRawBufferPointer(rebasing: bytes.dropFirst(count)))
      count += produced
      return produced
    }
  }
}
