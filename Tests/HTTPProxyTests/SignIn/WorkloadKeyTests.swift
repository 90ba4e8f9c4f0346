import Logging
import Synchronization
import Testing

@testable import HTTPProxy

/// Jobs that ask for access for their keys, over the page that they ask at.
@Suite struct WorkloadKeyTests {
  /// One line for each refusal, until the address asks too often: whoever asks needs no right to anything.
  @Test func whoeverAsksTooOftenDoesNotFillTheLog() async throws {
    let lines = Lines()
    let browser = PagesBrowser(
      try await PagesEdge(logger: Logger(label: "test", factory: { _ in LineHandler(lines: lines) })))
    var statuses: [Int: Int] = [:]
    for _ in 0..<80 {
      let answer = await browser.post(
        OwnPages.workloadKeyPath, [("token", "a.b.c"), ("public_key", "ssh-ed25519 AAAA x")], origin: nil)
      statuses[answer.status, default: 0] += 1
    }
    #expect(statuses.count == 2 && statuses[429] == 20)
    #expect(lines.count == 60)
  }

  private final class Lines: Sendable {
    private let told = Atomic(0)
    var count: Int { told.load(ordering: .relaxed) }
    func add() { told.wrappingAdd(1, ordering: .relaxed) }
  }

  private struct LineHandler: LogHandler {
    let lines: Lines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
    func log(event: LogEvent) { if "\(event.message)" == "workload token refused" { lines.add() } }
  }
}
