import EdgeConfig
import HTTPProxy
import Logging
import NIOCore
import Synchronization

/// The logs of a process: messages on standard error, access and audit lines on standard output or in their files.
package final class EdgeLogs: Sendable {
  package let audit: AuditLog
  /// In milliseconds, at the end of the process and for each file.
  private static let patience = 1000

  private let messages: LineFile
  private let accessLines: LineFile
  private let auditLines: LineFile
  private let form: EdgeLogHandler.Form
  private let threshold: Mutex<Logger.Level>

  package init(
    level: Logger.Level, accessLogFile: String? = nil, auditLogFile: String? = nil, form: EdgeLogHandler.Form
  ) throws(LineFile.Failure) {
    self.form = form
    let messages = try LineFile(.standardError) { DroppedLines.text(of: $0, form: form) }
    self.messages = messages
    // One writer where several are one pipe, by whatever name: what two write at once may stand in each other's lines.
    func place(_ path: String?, beside others: [LineFile.Place]) -> LineFile.Place {
      let wanted = path.map { LineFile.Place.file($0) } ?? .standardOutput
      return others.first { wanted.isSameFile(as: $0) } ?? wanted
    }
    let output = place(nil, beside: [.standardError])
    let access = place(accessLogFile, beside: [output, .standardError])
    let audit = place(auditLogFile, beside: [access, output, .standardError])
    func lines(_ place: LineFile.Place) throws(LineFile.Failure) -> LineFile {
      try LineFile(
        place, tells: { DroppedLines.text(of: $0, form: .json) },
        changed: { change in
          // Whatever the level: nothing else tells of what is missing in a log.
          let logger = Logger(label: "edge") { label in
            EdgeLogHandler(label: label, form: form, file: messages, threshold: { .notice })
          }
          Self.tell(change, of: place, logger)
        })
    }
    accessLines = access == messages.place ? messages : try lines(access)
    switch audit {
    case access: auditLines = accessLines
    case messages.place: auditLines = messages
    default: auditLines = try lines(audit)
    }
    self.audit = AuditLog(file: auditLines)
    threshold = Mutex(level)
  }

  /// What is written from now on; loggers made before follow.
  package var level: Logger.Level {
    get { threshold.withLock { $0 } }
    set { threshold.withLock { $0 = newValue } }
  }

  package func logger(_ part: String) -> Logger {
    Logger(label: part) { label in
      EdgeLogHandler(label: label, form: self.form, file: self.messages, threshold: { self.level })
    }
  }

  /// Lines come in pieces of whole lines: the front door has collected them already.
  package var access: AccessLog {
    AccessLog { [accessLines] piece in accessLines.append(piece.readableBytesView, .access) }
  }

  /// Lines that were not written because nobody took them, since the start.
  var dropped: LineQueue.Dropped {
    LineQueue.Dropped(
      messages: messages.dropped.messages, access: accessLines.dropped.access, audit: auditLines.dropped.audit)
  }

  private static func tell(_ change: LineFile.Change, of place: LineFile.Place, _ logger: Logger) {
    switch change {
    case .failing(let code):
      logger.error(
        "cannot write a log: its lines wait, and are dropped when there are too many",
        metadata: ["place": "\(place)", "error": "\(errorText(code))"])
    case .writingAgain: logger.notice("log lines are written again", metadata: ["place": "\(place)"])
    }
  }

  /// Before the process ends. Waits for readers that are slow, not for those that do not read.
  package func flush() {
    let files = accessLines === auditLines ? [accessLines] : [accessLines, auditLines]
    for file in files where file !== messages && !file.flush(milliseconds: Self.patience) {
      logger("edge").error(
        "log lines lost at the end: nobody takes them",
        metadata: ["place": "\(file.place)", "bytes": "\(file.waitingBytes)"])
    }
    messages.flush(milliseconds: Self.patience)
  }

  /// USR1: after a rotation.
  package func reopen() throws(LineFile.Failure) {
    // One that cannot be opened keeps the other from nothing.
    let failure: LineFile.Failure?
    do throws(LineFile.Failure) {
      try accessLines.reopen()
      failure = nil
    } catch { failure = error }
    if auditLines !== accessLines { try auditLines.reopen() }
    if let failure { throw failure }
  }
}

extension LogConfiguration.LogLevel {
  var logging: Logger.Level {
    switch self {
    case .trace: .trace
    case .debug: .debug
    case .info: .info
    case .warn: .warning
    case .error: .error
    case .fatal, .panic, .disabled: .critical
    }
  }
}
