import EdgeConfig
import HTTPProxy
import Logging
import NIOCore
import Synchronization

/// The logs of a process: messages on standard error, access and audit lines on standard output or in their files.
package final class EdgeLogs: Sendable {
  package let audit: AuditLog
  private let messages: LineFile
  private let accessLines: LineFile
  private let auditLines: LineFile
  private let form: EdgeLogHandler.Form
  private let threshold: Mutex<Logger.Level>

  package init(
    level: Logger.Level, accessLogFile: String? = nil, auditLogFile: String? = nil, form: EdgeLogHandler.Form
  ) throws(LineFile.Failure) {
    self.form = form
    messages = try LineFile(.standardError)
    let access = accessLogFile.map { LineFile.Place.file($0) } ?? .standardOutput
    let audit = auditLogFile.map { LineFile.Place.file($0) } ?? .standardOutput
    accessLines = try LineFile(access)
    auditLines = access == audit ? accessLines : try LineFile(audit)
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

  /// Lines come in pieces of whole lines; they are written at once, the front door has collected them already.
  package var access: AccessLog {
    AccessLog { [accessLines] piece in accessLines.append(Array(piece.readableBytesView), urgent: true) }
  }

  package func flush() {
    accessLines.flush()
    auditLines.flush()
  }

  /// USR1: after a rotation.
  package func reopen() throws(LineFile.Failure) {
    try accessLines.reopen()
    try auditLines.reopen()
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
