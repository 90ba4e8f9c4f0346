/// Names a value among the claims: tried as one literal key first, then as a path whose steps are parted by `/` or `.`.
struct ClaimPath: Sendable, Equatable {
  static let maxSteps = 5

  var text: String

  /// What the claims hold there: a list's elements, or a single value as a list of one; nothing when there is none.
  func values(in claims: [String: ClaimValue]) -> [ClaimValue] {
    guard let found = value(in: claims) else { return [] }
    switch found {
    case .null: return []
    case .list(let elements): return elements
    case .bool, .number, .string, .object: return [found]
    }
  }

  private func value(in claims: [String: ClaimValue]) -> ClaimValue? {
    if let literal = claims[text] { return literal }
    let steps = text.split(omittingEmptySubsequences: false) { $0 == "/" || $0 == "." }
    guard steps.count > 1, steps.count <= Self.maxSteps else { return nil }
    var level = claims
    for (index, step) in steps.enumerated() {
      guard let next = level[String(step)] else { return nil }
      if index == steps.count - 1 { return next }
      guard case .object(let inner) = next else { return nil }
      level = inner
    }
    return nil
  }
}
