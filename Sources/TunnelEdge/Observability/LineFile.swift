import Dispatch
import Glibc
import Synchronization

/// Where lines of a log go: standard output, standard error, or a file that can be reopened after rotation (USR1).
///
/// A thread of its own writes them, so that whoever logs never waits for a reader or a disk. What comes while it writes is
/// written together: a busy log costs one system call for many lines, a quiet one is written at once.
package final class LineFile: Sendable {
  package enum Place: Sendable, Hashable, CustomStringConvertible {
    case standardOutput
    case standardError
    case file(String)

    package var description: String {
      switch self {
      case .standardOutput: "standard output"
      case .standardError: "standard error"
      case .file(let path): path
      }
    }

    /// Whether both are open on one file, pipe or terminal.
    func isSameFile(as other: Place) -> Bool {
      guard let mine = status, let theirs = other.status else { return self == other }
      return mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino
    }

    /// None of a regular file that is named: its name may stand for another one tomorrow.
    private var status: stat? {
      var status = stat()
      switch self {
      case .standardOutput: return unsafe fstat(1, &status) == 0 ? status : nil
      case .standardError: return unsafe fstat(2, &status) == 0 ? status : nil
      case .file(let path):
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG ? status : nil
      }
    }
  }

  package struct Failure: Error, CustomStringConvertible {
    package var path: String
    package var code: Int32
    package var description: String {
      let hint = code == ENXIO ? "; it is a socket, or a named pipe that nobody reads" : ""
      return "cannot open log file \(path): \(errorText(code))\(hint)"
    }
  }

  enum Change: Equatable, Sendable {
    /// An `errno` value. What waits is kept, and tried again.
    case failing(Int32)
    case writingAgain
  }

  private struct State {
    var queue = LineQueue()
    var isWriting = false
    /// Opened again, and not yet written to.
    var fresh: Int32?
  }

  /// In milliseconds: how long a place that takes nothing is left alone.
  private static let pause: Int32 = 500

  package let place: Place
  private let state = Mutex(State())
  /// Of the writer alone.
  private let descriptor: Mutex<Int32>
  private let writer: DispatchQueue
  private let tells: @Sendable (LineQueue.Dropped) -> [UInt8]
  private let changed: @Sendable (Change) -> Void
  /// Of the writer alone: the last write failed.
  private let isFailing = Atomic(false)

  package convenience init(_ place: Place) throws(Failure) { try self.init(place, tells: { _ in [] }) }

  /// `tells` makes the lines that say what was dropped; `changed` hears on the writer's thread of the first write that fails,
  /// and of the first one after it that does not.
  init(
    _ place: Place, tells: @escaping @Sendable (LineQueue.Dropped) -> [UInt8],
    changed: @escaping @Sendable (Change) -> Void = { _ in }
  ) throws(Failure) {
    self.place = place
    self.tells = tells
    self.changed = changed
    descriptor = Mutex(try Self.open(place))
    writer = DispatchQueue(label: "log \(place)")
  }

  deinit {
    // The writer holds the object while it writes.
    if case .file = place { _ = descriptor.withLock { close($0) } }
    if let fresh = state.withLock({ $0.fresh }) { close(fresh) }
  }

  /// Adds whole lines. Never waits.
  func append(_ lines: some Collection<UInt8>, _ kind: LineQueue.Kind) {
    let mustStart = state.withLock { state in
      state.queue.append(lines, kind)
      return Self.starts(&state)
    }
    if mustStart { writer.async { self.write() } }
  }

  /// Waits until what was added before is written, `milliseconds` at most; false if it is not.
  @discardableResult
  package func flush(milliseconds: Int) -> Bool {
    guard state.withLock({ $0.isWriting }) else { return true }
    let done = DispatchSemaphore(value: 0)
    writer.async { done.signal() }
    return done.wait(timeout: .now() + .milliseconds(milliseconds)) == .success
  }

  /// Opens the path again, after a rotation has moved the file away: what is added from now on goes there. Keeps the old one
  /// if that fails.
  package func reopen() throws(Failure) {
    guard case .file = place else { return }
    let fresh = try Self.open(place)
    let (mustStart, unused) = state.withLock { state in
      let unused = state.fresh
      state.fresh = fresh
      state.queue.changeFile()
      return (Self.starts(&state), unused)
    }
    if let unused { close(unused) }
    if mustStart { writer.async { self.write() } }
  }

  /// Lines that did not fit, since the start.
  var dropped: LineQueue.Dropped { state.withLock { $0.queue.dropped } }

  /// Bytes that are not written yet.
  var waitingBytes: Int { state.withLock { $0.queue.count } }

  private static func starts(_ state: inout State) -> Bool {
    guard !state.isWriting, !state.queue.isEmpty else { return false }
    state.isWriting = true
    return true
  }

  /// On the writer's thread, until nothing is left.
  private func write() {
    while true {
      let batch = state.withLock { state in
        state.queue.finish()
        let batch = state.queue.take()
        state.isWriting = batch != nil
        return batch
      }
      guard let batch else { return }
      let turn = batch.changesFileAt ?? batch.bytes.count
      write(batch.bytes[..<turn], changesFile: batch.changesFileAt != nil)
      if batch.changesFileAt != nil { takeFresh() }
      write(batch.bytes[turn...], changesFile: false)
      if batch.dropped != LineQueue.Dropped() { write(tells(batch.dropped)[...], changesFile: false) }
    }
  }

  /// What the old file does not take when a new one is there goes into the new one: its disk may be full.
  private func write(_ bytes: ArraySlice<UInt8>, changesFile: Bool) {
    var rest = bytes
    var mayChange = changesFile
    while !rest.isEmpty {
      let target = descriptor.withLock { $0 }
      let written = unsafe rest.withUnsafeBytes { unsafe Glibc.write(target, $0.baseAddress, $0.count) }
      if written > 0 {
        rest = rest.dropFirst(written)
        if isFailing.exchange(false, ordering: .relaxed) { changed(.writingAgain) }
      } else if written < 0, errno == EINTR {
        continue
      } else if mayChange || hasFresh {
        takeFresh()
        mayChange = false
        // No line begins in one file and ends in the other.
        let lineStart = bytes[..<rest.startIndex].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 }
        rest = bytes[(lineStart ?? bytes.startIndex)...]
      } else {
        pause(written < 0 ? errno : 0, target)
      }
    }
  }

  /// A reader that is slow is waited for; a full disk, or a reader that has gone, is tried again.
  private func pause(_ code: Int32, _ target: Int32) {
    guard code == EAGAIN else {
      if !isFailing.exchange(true, ordering: .relaxed) { changed(.failing(code)) }
      _ = poll(nil, 0, Self.pause)
      return
    }
    var asked = pollfd(fd: target, events: Int16(POLLOUT), revents: 0)
    unsafe poll(&asked, 1, Self.pause)
  }

  private var hasFresh: Bool { state.withLock { $0.fresh != nil } }

  private func takeFresh() {
    let fresh = state.withLock { state in
      defer { state.fresh = nil }
      return state.fresh
    }
    guard let fresh else { return }
    descriptor.withLock { descriptor in
      close(descriptor)
      descriptor = fresh
    }
  }

  private static func open(_ place: Place) throws(Failure) -> Int32 {
    switch place {
    case .standardOutput: return 1
    case .standardError: return 2
    case .file(let path):
      // A named pipe that nobody reads is refused instead of waited for.
      let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK
      let descriptor = unsafe Glibc.open(path, flags, 0o600)
      guard descriptor >= 0 else { throw Failure(path: path, code: errno) }
      return descriptor
    }
  }
}

/// The system's words for an `errno` value.
package func errorText(_ code: Int32) -> String {
  var buffer = [CChar](repeating: 0, count: 256)
  guard unsafe strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
  return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
