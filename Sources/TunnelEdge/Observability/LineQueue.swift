/// Lines on their way to a log: in order, bounded in bytes, and counted where they did not fit. A value without I/O.
///
/// What is under way counts until it has been taken: a pipe that nobody reads holds the bound and no more.
struct LineQueue {
  enum Kind: CaseIterable, Sendable {
    /// The program's own log.
    case message
    case access
    case audit
  }

  /// Numbers of lines.
  struct Dropped: Equatable, Sendable {
    var messages: UInt64 = 0
    var access: UInt64 = 0
    var audit: UInt64 = 0

    subscript(kind: Kind) -> UInt64 {
      get {
        switch kind {
        case .message: messages
        case .access: access
        case .audit: audit
        }
      }
      set {
        switch kind {
        case .message: messages = newValue
        case .access: access = newValue
        case .audit: audit = newValue
        }
      }
    }
  }

  /// What is written together.
  struct Batch {
    var bytes: [UInt8]
    /// The file is to be changed for the reopened one after so many of them.
    var changesFileAt: Int?
    /// What did not fit after them.
    var dropped = Dropped()
  }

  /// In bytes, for messages and the access log; the audit log may go beyond.
  static let limit = 4 << 20
  /// In bytes, for all together.
  static let auditLimit = 16 << 20

  private var waiting: [UInt8] = []
  private var bytesUnderWay = 0
  private var changesFileAt: Int?
  private var untold = Dropped()
  /// Since the start.
  private(set) var dropped = Dropped()

  var isEmpty: Bool { waiting.isEmpty && bytesUnderWay == 0 && changesFileAt == nil && untold == Dropped() }

  /// Bytes that are not written yet.
  var count: Int { waiting.count + bytesUnderWay }

  /// `lines` are whole lines, each with its newline.
  mutating func append(_ lines: some Collection<UInt8>, _ kind: Kind) {
    let limit = kind == .audit ? Self.auditLimit : Self.limit
    guard count + lines.count <= limit else {
      let number = UInt64(lines.count { $0 == UInt8(ascii: "\n") })
      untold[kind] += number
      dropped[kind] += number
      return
    }
    waiting.append(contentsOf: lines)
  }

  /// What comes from now on belongs into the file that was opened anew.
  mutating func changeFile() { changesFileAt = waiting.count }

  /// Everything that waits; nil where nothing does. The one before must have been finished.
  mutating func take() -> Batch? {
    guard !waiting.isEmpty || changesFileAt != nil || untold != Dropped() else { return nil }
    let batch = Batch(bytes: waiting, changesFileAt: changesFileAt, dropped: untold)
    bytesUnderWay = waiting.count
    waiting = []
    changesFileAt = nil
    untold = Dropped()
    return batch
  }

  mutating func finish() { bytesUnderWay = 0 }
}
