package import Policy

/// One thing to say about a configuration.
package struct Diagnostic: Sendable, Hashable, Comparable, CustomStringConvertible {
  package enum Severity: String, Sendable, Comparable {
    /// The configuration is not used.
    case error
    /// It is used, but something in it has no effect or is probably not meant.
    case warning
    /// Worth knowing; `check` shows it.
    case note

    package static func < (left: Severity, right: Severity) -> Bool { left.rank < right.rank }
    private var rank: Int {
      switch self {
      case .error: 0
      case .warning: 1
      case .note: 2
      }
    }
  }

  package var severity: Severity
  /// A file, or `environment variable NAME`.
  package var source: String
  /// `.none` where the source has no lines.
  package var position: SourcePosition
  /// What was expected and what came. Never a secret.
  package var message: String
  /// What to do about it.
  package var suggestion: String?

  package init(
    _ severity: Severity, in source: String, at position: SourcePosition, _ message: String, suggestion: String? = nil
  ) {
    self.severity = severity
    self.source = source
    self.position = position
    self.message = message
    self.suggestion = suggestion
  }

  /// `config.yaml:12:5: error: unknown key …; did you mean …?`
  package var description: String {
    let place = Place(source: source, position: position)
    let hint = suggestion.map { "; \($0)" } ?? ""
    return "\(place): \(severity.rawValue): \(message)\(hint)"
  }

  package static func < (left: Diagnostic, right: Diagnostic) -> Bool {
    if left.source != right.source { return left.source < right.source }
    if left.position != right.position { return left.position < right.position }
    if left.severity != right.severity { return left.severity < right.severity }
    return left.message < right.message
  }
}

/// Collects what is found while one configuration is read.
final class Findings {
  private(set) var diagnostics: [Diagnostic] = []

  func error(_ place: Place, _ message: String, _ suggestion: String? = nil) {
    diagnostics.append(
      Diagnostic(.error, in: place.source, at: place.position, message, suggestion: suggestion))
  }

  func warning(_ place: Place, _ message: String, _ suggestion: String? = nil) {
    diagnostics.append(
      Diagnostic(.warning, in: place.source, at: place.position, message, suggestion: suggestion))
  }

  func note(_ place: Place, _ message: String, _ suggestion: String? = nil) {
    diagnostics.append(
      Diagnostic(.note, in: place.source, at: place.position, message, suggestion: suggestion))
  }

  /// Each once, in the order of the file.
  var sorted: [Diagnostic] { Set(diagnostics).sorted() }
  var errorCount: Int { diagnostics.count { $0.severity == .error } }
}

/// Where a value was written.
struct Place: Sendable, Equatable, CustomStringConvertible {
  var source: String
  var position: SourcePosition

  /// `config.yaml:12:5`, or the source alone where nothing more is known.
  var description: String { position.line > 0 ? "\(source):\(position.line):\(position.column)" : source }
}
