import Policy

/// What a log says of lines that nobody took, once somebody does again.
enum DroppedLines {
  static func text(of dropped: LineQueue.Dropped, form: EdgeLogHandler.Form) -> [UInt8] {
    let now = SystemClock.now()
    var bytes: [UInt8] = []
    for kind in LineQueue.Kind.allCases where dropped[kind] > 0 {
      switch (kind, form) {
      case (.audit, _):
        var line = AuditLine(at: now)
        line.write(dropped: dropped[kind])
        bytes += line.finished()
      case (_, .text):
        bytes += "\(CivilTime(now).clockText) WARN  \(message(kind))  count=\(dropped[kind])\n".utf8
      case (_, .json):
        var line = JSONLine()
        line.add("time", CivilTime(now).preciseText)
        line.add("level", "warning")
        line.add("message", message(kind))
        line.add("count", Int64(clamping: dropped[kind]))
        bytes += line.finished()
      }
    }
    return bytes
  }

  private static func message(_ kind: LineQueue.Kind) -> String {
    switch kind {
    case .message: "lines dropped: nobody read the log"
    case .access, .audit: "lines of the access log dropped: nobody read it"
    }
  }
}
