/// What a test waited for and did not see.
package struct TimedOut: Error, CustomStringConvertible {
  package let description: String
  package init(_ description: String) { self.description = description }
}

/// Waits for what other threads bring about. The minute only ends a test that would hang.
/// - Parameter what: ends the sentence "waited for …".
package func until(
  _ what: String, isolation: isolated (any Actor)? = #isolation, _ condition: () async throws -> Bool
) async throws {
  let deadline = ContinuousClock.now + .seconds(60)
  while try await !condition() {
    guard ContinuousClock.now < deadline else { throw TimedOut("waited for \(what)") }
    try await Task.sleep(for: .milliseconds(2))
  }
}
