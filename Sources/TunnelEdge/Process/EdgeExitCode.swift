import ArgumentParser

/// The exit codes of the program (sysexits.h).
enum EdgeExitCode {
  static let usage = ExitCode(64)
  /// Cannot bind or reach.
  static let unavailable = ExitCode(69)
  static let inputOutput = ExitCode(74)
  static let configuration = ExitCode(78)
}
