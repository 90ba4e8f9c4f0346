package import Policy

/// A value of a YAML file that knows where it was written. A JSON file is one, too.
package struct YAMLNode: Sendable, Equatable {
  package indirect enum Content: Sendable, Equatable {
    case scalar(YAMLScalar)
    case sequence([YAMLNode])
    /// Entries in the order they were written; keys are unique.
    case mapping([YAMLEntry])
  }

  package var content: Content
  /// An aliased value has the place of its anchor.
  package var position: SourcePosition

  package init(_ content: Content, at position: SourcePosition) {
    self.content = content
    self.position = position
  }

  /// The text of a scalar as it was written; none for null and for anything else.
  package var text: String? {
    guard case .scalar(let scalar) = content, scalar.resolved != .null else { return nil }
    return scalar.text
  }

  /// A scalar without quotation marks.
  package var isPlain: Bool {
    if case .scalar(let scalar) = content { return scalar.isPlain }
    return false
  }

  package var isNull: Bool {
    if case .scalar(let scalar) = content { return scalar.resolved == .null }
    return false
  }

  package var sequence: [YAMLNode]? {
    if case .sequence(let nodes) = content { return nodes }
    return nil
  }

  package var mapping: [YAMLEntry]? {
    if case .mapping(let entries) = content { return entries }
    return nil
  }

  package subscript(key: String) -> YAMLNode? { mapping?.first { $0.key == key }?.value }

  /// What this is, for messages.
  package var kind: String {
    switch content {
    case .sequence: return "a list"
    case .mapping: return "an object"
    case .scalar(let scalar):
      switch scalar.resolved {
      case .null: return "nothing"
      case .bool: return "true or false"
      case .number: return "a number"
      case .string: return "a text"
      }
    }
  }

  /// The same value in the form that policies are parsed from.
  package var policyNode: PolicyNode {
    switch content {
    case .scalar(let scalar):
      switch scalar.resolved {
      case .null: return PolicyNode(.null, at: position)
      case .bool(let flag): return PolicyNode(.bool(flag), at: position)
      case .number(let number): return PolicyNode(.number(number), at: position)
      case .string: return PolicyNode(.string(scalar.text), at: position)
      }
    case .sequence(let nodes): return PolicyNode(.list(nodes.map(\.policyNode)), at: position)
    case .mapping(let entries):
      let converted = entries.map { PolicyNode.Entry($0.key, at: $0.keyPosition, $0.value.policyNode) }
      return PolicyNode(.object(converted), at: position)
    }
  }
}

package struct YAMLEntry: Sendable, Equatable {
  package var key: String
  package var keyPosition: SourcePosition
  package var value: YAMLNode

  package init(key: String, keyPosition: SourcePosition, value: YAMLNode) {
    self.key = key
    self.keyPosition = keyPosition
    self.value = value
  }
}

/// One scalar: what was written, and what it means by the core schema of YAML 1.2 (`yes` and `on` are texts).
package struct YAMLScalar: Sendable, Equatable {
  package enum Resolved: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case string
  }

  package var text: String
  package var resolved: Resolved
  /// Without quotation marks.
  package var isPlain: Bool

  /// A quoted scalar, and one tagged `!!str`, is a text whatever it looks like.
  package init(text: String, isPlain: Bool) {
    self.text = text
    self.isPlain = isPlain
    resolved = isPlain ? Self.resolve(text) : .string
  }

  private static func resolve(_ text: String) -> Resolved {
    switch text {
    case "", "~", "null", "Null", "NULL": return .null
    case "true", "True", "TRUE": return .bool(true)
    case "false", "False", "FALSE": return .bool(false)
    default: return number(text).map { .number($0) } ?? .string
    }
  }

  private static func number(_ text: String) -> Double? {
    if text.hasPrefix("0x") { return UInt64(text.dropFirst(2), radix: 16).map { Double($0) } }
    if text.hasPrefix("0o") { return UInt64(text.dropFirst(2), radix: 8).map { Double($0) } }
    // Swift reads "inf", "nan" and hexadecimal fractions, too; the schema has neither.
    let allowed = text.utf8.allSatisfy { byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "+-.eE".utf8.contains(byte)
    }
    guard allowed, text.utf8.contains(where: { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
      return nil
    }
    let padded = text.hasPrefix(".") ? "0" + text : text.hasSuffix(".") ? text + "0" : text
    return Double(padded)
  }
}

/// Why a file cannot be read as YAML, or a part of it cannot.
package struct YAMLProblem: Error, Sendable, Equatable {
  package var message: String
  package var position: SourcePosition
  package var suggestion: String?

  package init(_ message: String, at position: SourcePosition, suggestion: String? = nil) {
    self.message = message
    self.position = position
    self.suggestion = suggestion
  }
}
