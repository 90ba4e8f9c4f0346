/// Names a value among the claims: tried as one literal key first, then as a path whose steps are parted by `/` or `.`.
struct ClaimPath: Sendable, Equatable {
  static let maxSteps = 5
  static let groups = ClaimPath(text: "groups")

  let text: String
  /// Two to five; none where it can be nothing but a literal key.
  private let steps: [String]

  init(text: String) {
    self.text = text
    let steps = text.split(omittingEmptySubsequences: false) { $0 == "/" || $0 == "." }
    self.steps = (2...Self.maxSteps).contains(steps.count) ? steps.map(String.init) : []
  }

  /// What the claims hold there: a list's elements, or a single value as a list of one; nothing when there is none.
  func values(in claims: [String: ClaimValue]) -> ClaimValues {
    switch value(in: claims) {
    case nil, .null: .none
    case .list(let elements): .list(elements)
    case .some(let single): .single(single)
    }
  }

  private func value(in claims: [String: ClaimValue]) -> ClaimValue? {
    if let literal = claims[text] { return literal }
    guard let last = steps.last else { return nil }
    var level = claims
    for step in steps.dropLast() {
      guard case .object(let inner)? = level[step] else { return nil }
      level = inner
    }
    return level[last]
  }
}

/// What criteria compare with: values as they are kept, so that nothing is copied to be compared.
enum ClaimValues {
  case none
  case single(ClaimValue)
  case list([ClaimValue])
  /// Texts that are no claim's.
  case texts([String])

  /// With its type, byte for byte.
  func has(_ wanted: ClaimValue) -> Bool {
    switch self {
    case .none: return false
    case .single(let value): return value.isSame(as: wanted)
    case .list(let values): return values.contains { $0.isSame(as: wanted) }
    case .texts(let texts):
      guard case .string(let text) = wanted else { return false }
      return texts.contains { $0.isSame(as: text) }
    }
  }

  /// Whether a text among them is like this; other values are passed over.
  func hasText(_ isWanted: (String) -> Bool) -> Bool {
    switch self {
    case .none: return false
    case .single(let value):
      guard case .string(let text) = value else { return false }
      return isWanted(text)
    case .list(let values):
      return values.contains { value in
        guard case .string(let text) = value else { return false }
        return isWanted(text)
      }
    case .texts(let texts): return texts.contains(where: isWanted)
    }
  }

  /// The first texts among them.
  func texts(most: Int) -> [String] {
    array.prefix(most).compactMap { value in
      guard case .string(let text) = value else { return nil }
      return text
    }
  }

  var count: Int {
    switch self {
    case .none: 0
    case .single: 1
    case .list(let values): values.count
    case .texts(let texts): texts.count
    }
  }

  /// All of them, for explanations.
  var array: [ClaimValue] {
    switch self {
    case .none: []
    case .single(let value): [value]
    case .list(let values): values
    case .texts(let texts): texts.map { .string($0) }
    }
  }
}
