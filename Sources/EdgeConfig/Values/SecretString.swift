/// A text that is never printed: not by `print`, not in a log, not in a dump of what contains it.
package struct SecretString: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  private let value: String

  package init(_ value: String) { self.value = value }

  /// The text itself. Whoever asks for it must not print it.
  package func reveal() -> String { value }

  package var isEmpty: Bool { value.isEmpty }
  package var description: String { "(secret)" }
  package var debugDescription: String { "(secret)" }
  package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Bytes that are never printed.
package struct SecretBytes: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable
{
  private let value: [UInt8]

  package init(_ value: [UInt8]) { self.value = value }

  /// The bytes themselves. Whoever asks for them must not print them.
  package func reveal() -> [UInt8] { value }

  package var count: Int { value.count }
  package var description: String { "(secret)" }
  package var debugDescription: String { "(secret)" }
  package var customMirror: Mirror { Mirror(self, children: []) }
}
