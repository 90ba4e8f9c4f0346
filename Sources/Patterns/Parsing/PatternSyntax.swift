/// A pattern as it was written, taken apart.
struct PatternSyntax: Sendable {
  var root: Node
  /// Groups that capture.
  var groupCount: Int

  indirect enum Node: Sendable {
    case empty
    /// One byte of these.
    case byte(ByteSet)
    case sequence([Node])
    /// The first that fits.
    case choice([Node])
    /// Without a maximum: as often as possible.
    case repetition(Node, minimum: Int, maximum: Int?, isGreedy: Bool)
    case group(Node, number: Int)
    case assertion(Assertion)

    /// Whether it can match without taking a byte.
    var canBeEmpty: Bool {
      switch self {
      case .empty, .assertion: true
      case .byte: false
      case .sequence(let nodes): nodes.allSatisfy(\.canBeEmpty)
      case .choice(let nodes): nodes.contains(where: \.canBeEmpty)
      case .repetition(let node, let minimum, _, _): minimum == 0 || node.canBeEmpty
      case .group(let node, _): node.canBeEmpty
      }
    }
  }
}

/// What must hold between two bytes.
enum Assertion: Sendable {
  case textBegin
  case textEnd
  case wordBoundary
  case noWordBoundary

  /// What stands on one side of a place between two bytes.
  enum Neighbour: Sendable {
    /// Nothing: the text begins or ends.
    case edge
    /// A letter, a digit or `_`.
    case word
    case other

    init(_ byte: UInt8) { self = ByteSet.word.contains(byte) ? .word : .other }
  }

  func holds(between before: Neighbour, and after: Neighbour) -> Bool {
    switch self {
    case .textBegin: before == .edge
    case .textEnd: after == .edge
    case .wordBoundary: (before == .word) != (after == .word)
    case .noWordBoundary: (before == .word) == (after == .word)
    }
  }
}
