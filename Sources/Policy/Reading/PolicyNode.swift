/// Where a value stands in its file; both counted from 1. Zero means that it stands in no file.
package struct SourcePosition: Sendable, Hashable, Comparable {
  package var line: Int
  package var column: Int

  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  package static let none = SourcePosition(line: 0, column: 0)

  package static func < (left: SourcePosition, right: SourcePosition) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// What a policy is parsed from: a small tree of values that know their place. YAML, JSON and tests all make one.
package struct PolicyNode: Sendable {
  package indirect enum Value: Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case list([PolicyNode])
    /// Entries in the order they were written.
    case object([Entry])
  }

  package struct Entry: Sendable {
    package var key: String
    package var keyPosition: SourcePosition
    package var value: PolicyNode

    package init(_ key: String, at keyPosition: SourcePosition = .none, _ value: PolicyNode) {
      self.key = key
      self.keyPosition = keyPosition
      self.value = value
    }
  }

  package var value: Value
  package var position: SourcePosition

  package init(_ value: Value, at position: SourcePosition = .none) {
    self.value = value
    self.position = position
  }

  /// What this is, for messages.
  var kind: String {
    switch value {
    case .null: "nothing"
    case .bool: "true or false"
    case .number: "a number"
    case .string: "a text"
    case .list: "a list"
    case .object: "an object"
    }
  }
}

/// Why a policy cannot be used (or, as a warning, why it may not mean what was meant).
package struct PolicyError: Error, Sendable, Equatable {
  /// What was expected and what came.
  package var message: String
  package var position: SourcePosition
  /// Where in the policy, as `[0].allow.and[1].email`.
  package var path: String
  /// What to do about it.
  package var suggestion: String?

  package init(_ message: String, at position: SourcePosition, path: String, suggestion: String? = nil) {
    self.message = message
    self.position = position
    self.path = path
    self.suggestion = suggestion
  }
}
