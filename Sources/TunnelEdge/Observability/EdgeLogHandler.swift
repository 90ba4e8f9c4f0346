import Glibc
import Logging
import PlainText
import Policy
import Routing

/// Writes log events: readable text on a terminal, one JSON object a line elsewhere.
package struct EdgeLogHandler: LogHandler {
  package enum Form: Sendable { case text, json }

  /// The process's level, unless a logger was given its own.
  package var logLevel: Logger.Level {
    get { own ?? threshold() }
    set { own = newValue }
  }
  package var metadata: Logger.Metadata = [:]
  package var metadataProvider: Logger.MetadataProvider?

  private let label: String
  private let form: Form
  private let file: LineFile
  private let threshold: @Sendable () -> Logger.Level
  private var own: Logger.Level?

  package init(label: String, form: Form, file: LineFile, threshold: @escaping @Sendable () -> Logger.Level) {
    self.label = label
    self.form = form
    self.file = file
    self.threshold = threshold
  }

  /// Text where a person looks at standard error, JSON where a program does.
  package static func form(ofStandardError: Void = ()) -> Form { isatty(2) == 1 ? .text : .json }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    var values = metadata
    if let provided = metadataProvider?.get() { values.merge(provided) { $1 } }
    if let given = event.metadata { values.merge(given) { $1 } }
    let sorted = values.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
    let line =
      switch form {
      case .json: json(event, sorted)
      case .text: text(event, sorted)
      }
    file.append(line, .message)
  }

  private func json(_ event: LogEvent, _ values: [(String, String)]) -> [UInt8] {
    var line = JSONLine()
    line.add("time", CivilTime(SystemClock.now()).preciseText)
    line.add("level", event.level.rawValue)
    line.add("message", event.message.description)
    line.add("part", label)
    for (key, value) in values { line.add(key, value) }
    return line.finished()
  }

  private func text(_ event: LogEvent, _ values: [(String, String)]) -> [UInt8] {
    var line = "\(CivilTime(SystemClock.now()).clockText) \(Self.word(event.level)) \(event.message)"
    for (key, value) in values { line += "  \(key)=\(value.printable(limit: 2048))" }
    return Array((line + "\n").utf8)
  }

  private static func word(_ level: Logger.Level) -> String {
    switch level {
    case .trace: "trace"
    case .debug: "debug"
    case .info: "info "
    case .notice: "note "
    case .warning: "WARN "
    case .error: "ERROR"
    case .critical: "FATAL"
    }
  }
}
