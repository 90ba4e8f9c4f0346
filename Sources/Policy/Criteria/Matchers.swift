/// Conditions on one text; all of them must hold. Typed and case-sensitive.
struct StringMatcher: Sendable, Equatable {
  enum Condition: Sendable, Equatable {
    case equals(String)
    case differs(String)
    case contains(String)
    case startsWith(String)
    case endsWith(String)
    case isOne(of: [String])
    case isNone(of: [String])
  }

  /// Never empty.
  var conditions: [Condition]

  static func equals(_ text: String) -> StringMatcher { StringMatcher(conditions: [.equals(text)]) }

  func matches(_ text: some StringProtocol) -> Bool { conditions.allSatisfy { $0.holds(of: text) } }
}

extension StringMatcher {
  /// For addresses: several providers let people choose their upper and lower case. Where the case decides, it decides against
  /// access: what is found works towards it only when it is exactly that, and against it in any case.
  func matches(address text: some StringProtocol, helpsAccess: Bool) -> Bool {
    conditions.allSatisfy { condition in
      guard helpsAccess == condition.isNegative else { return condition.holds(of: text) }
      // Mail to a domain with the sign of the kelvin goes to the one with a k.
      guard text.utf8.allSatisfy({ $0 < 0x80 }) else { return condition.holds(inAnyCaseOf: text.lowercased()) }
      let text = text.utf8.lazy.map(Self.folded)
      return switch condition {
      case .equals(let operand): text.elementsEqual(operand.utf8.lazy.map(Self.folded))
      case .differs(let operand): !text.elementsEqual(operand.utf8.lazy.map(Self.folded))
      case .contains(let operand): text.containsRun(operand.utf8.lazy.map(Self.folded))
      case .startsWith(let operand): text.starts(with: operand.utf8.lazy.map(Self.folded))
      case .endsWith(let operand): text.reversed().starts(with: operand.utf8.lazy.map(Self.folded).reversed())
      case .isOne(let operands): operands.contains { text.elementsEqual($0.utf8.lazy.map(Self.folded)) }
      case .isNone(let operands): !operands.contains { text.elementsEqual($0.utf8.lazy.map(Self.folded)) }
      }
    }
  }

  private static func folded(_ byte: UInt8) -> UInt8 { byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte }
}

extension StringMatcher.Condition {
  fileprivate func holds(of text: some StringProtocol) -> Bool {
    switch self {
    case .equals(let operand): text.isSame(as: operand)
    case .differs(let operand): !text.isSame(as: operand)
    case .contains(let operand): text.utf8.containsRun(operand.utf8)
    case .startsWith(let operand): text.utf8.starts(with: operand.utf8)
    case .endsWith(let operand): text.utf8.reversed().starts(with: operand.utf8.reversed())
    case .isOne(let operands): operands.contains { text.isSame(as: $0) }
    case .isNone(let operands): !operands.contains { text.isSame(as: $0) }
    }
  }

  /// `text` in lower case; what Unicode takes for the same is the same.
  fileprivate func holds(inAnyCaseOf text: String) -> Bool {
    switch self {
    case .equals(let operand): text == operand.lowercased()
    case .differs(let operand): text != operand.lowercased()
    case .contains(let operand): text.utf8.containsRun(operand.lowercased().utf8)
    case .startsWith(let operand): text.utf8.starts(with: operand.lowercased().utf8)
    case .endsWith(let operand): text.utf8.reversed().starts(with: operand.lowercased().utf8.reversed())
    case .isOne(let operands): operands.contains { text == $0.lowercased() }
    case .isNone(let operands): !operands.contains { text == $0.lowercased() }
    }
  }

  fileprivate var isNegative: Bool {
    switch self {
    case .differs, .isNone: true
    case .equals, .contains, .startsWith, .endsWith, .isOne: false
    }
  }
}

/// Conditions on a list of values, as a claim holds them; all of them must hold.
struct ListMatcher: Sendable, Equatable {
  enum Condition: Sendable, Equatable {
    case has(ClaimValue)
    /// Exactly one element, and it is this one.
    case isOnly(ClaimValue)
    case excludes(ClaimValue)
  }

  /// Never empty.
  var conditions: [Condition]

  func matches(_ values: ClaimValues) -> Bool {
    conditions.allSatisfy { condition in
      switch condition {
      case .has(let operand): values.has(operand)
      case .isOnly(let operand): values.count == 1 && values.has(operand)
      case .excludes(let operand): !values.has(operand)
      }
    }
  }
}

extension StringProtocol {
  /// Byte for byte: Swift's own `==` takes canonically equivalent Unicode for equal, which is no basis for a right. It is
  /// asked first all the same, because it says fastest that two texts differ.
  func isSame(as other: some StringProtocol) -> Bool { self == other && utf8.elementsEqual(other.utf8) }
}

extension ClaimValue {
  func isSame(as other: ClaimValue) -> Bool {
    switch (self, other) {
    case (.string(let left), .string(let right)): left.isSame(as: right)
    case (.number(let left), .number(let right)): left == right
    case (.bool(let left), .bool(let right)): left == right
    default: false
    }
  }
}

extension Collection<UInt8> {
  fileprivate func containsRun(_ other: some Collection<UInt8>) -> Bool {
    guard let first = other.first else { return true }
    var rest = self[...]
    while let start = rest.firstIndex(of: first) {
      rest = rest[start...]
      if rest.starts(with: other) { return true }
      rest = rest.dropFirst()
    }
    return false
  }
}
