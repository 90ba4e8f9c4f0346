// Every fuzz target is a program whose `main` SwiftPM renames to `<target>_main`; it hands its function to libFuzzer here.

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ one: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

package enum FuzzDriver {
  /// Set once, before the first input.
  nonisolated(unsafe) fileprivate static var feed: ([UInt8]) -> Void = { _ in }

  /// Runs libFuzzer with the program's arguments; each input goes through `feed`, which traps when it finds something.
  package static func run(
    _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>, _ feed: @escaping ([UInt8]) -> Void
  ) -> CInt {
    Self.feed = feed
    var count = count
    var arguments = arguments
    return runDriver(&count, &arguments, LLVMFuzzerTestOneInput)
  }
}

// libFuzzer's own `main`, which is linked and not used, asks for this name.
// swift-format-ignore: AlwaysUseLowerCamelCase
@_cdecl("LLVMFuzzerTestOneInput")
func LLVMFuzzerTestOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
  FuzzDriver.feed(Array(UnsafeBufferPointer(start: data, count: size)))
  return 0
}
