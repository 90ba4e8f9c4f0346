internal import Glibc

/// What inotify says of the watched files and their directories, and a way to wake the one who waits for it.
///
/// The files' own inodes are watched for writing (which also works where a single file is mounted into a container), the
/// directories around them for renames and links. Used by one thread; only `wake` may be called from another.
final class FileNotifications: Sendable {
  /// What one wait brought.
  struct Events {
    /// Somewhere around the files something happened.
    var isAny = false
    /// The watches that something happened to.
    var touched: Set<Int32> = []
    /// Files that somebody is writing, and files that are complete again.
    var written: Set<Int32> = []
    var completed: Set<Int32> = []
  }

  private let notify: Int32
  private let alarm: (reading: Int32, writing: Int32)

  /// `nil` when the system has none to give.
  init?() {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0, let reading = ends.first, let writing = ends.last else { return nil }
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    // Without a descriptor of inotify polling goes on: every call on -1 fails, and poll skips it.
    notify = inotify_init1(O_NONBLOCK | O_CLOEXEC)
    alarm = (reading, writing)
  }

  deinit {
    if notify >= 0 { close(notify) }
    close(alarm.reading)
    close(alarm.writing)
  }

  /// The bits of inotify(7); the header's are not all imported as numbers.
  private enum Mask {
    static let modify: UInt32 = 0x2
    static let attributes: UInt32 = 0x4
    static let closeWrite: UInt32 = 0x8
    static let movedFrom: UInt32 = 0x40
    static let movedTo: UInt32 = 0x80
    static let create: UInt32 = 0x100
    static let delete: UInt32 = 0x200
    static let deleteSelf: UInt32 = 0x400
    static let moveSelf: UInt32 = 0x800
    static let ignored: UInt32 = 0x8000
    static let onlyDirectory: UInt32 = 0x0100_0000

    static let file = modify | closeWrite | attributes | deleteSelf | moveSelf
    static let directory = create | movedTo | movedFrom | delete | deleteSelf | moveSelf | onlyDirectory
    static let ended = closeWrite | deleteSelf | moveSelf | ignored
  }

  /// The watch of a file's present inode; the same again for the same inode.
  func watch(file: String) -> Int32? { add(file, Mask.file) }

  func watch(directory: String) -> Int32? { add(directory, Mask.directory) }

  func forget(_ watch: Int32) { inotify_rm_watch(notify, watch) }

  private func add(_ path: String, _ mask: UInt32) -> Int32? {
    let watch = unsafe inotify_add_watch(notify, path, mask)
    return watch >= 0 ? watch : nil
  }

  func wake() {
    var byte: UInt8 = 0
    _ = unsafe write(alarm.writing, &byte, 1)
  }

  /// Waits until something happens, at most so long.
  func wait(milliseconds: Int32) -> Events {
    var descriptors = [
      pollfd(fd: notify, events: Int16(POLLIN), revents: 0),
      pollfd(fd: alarm.reading, events: Int16(POLLIN), revents: 0),
    ]
    let count = unsafe descriptors.withUnsafeMutableBufferPointer { unsafe poll($0.baseAddress, 2, milliseconds) }
    var events = Events()
    guard count > 0 else { return events }
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    while fill(&buffer, from: alarm.reading) > 0 {}
    while true {
      let count = fill(&buffer, from: notify)
      guard count > 0 else { return events }
      collect(buffer, count, &events)
    }
  }

  private func fill(_ buffer: inout [UInt8], from descriptor: Int32) -> Int {
    unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
  }

  /// `wd`, `mask`, `cookie`, `len`, and a name of `len` bytes.
  private func collect(_ buffer: [UInt8], _ count: Int, _ events: inout Events) {
    let headerSize = 16
    var offset = 0
    while offset + headerSize <= count {
      func field(_ index: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(buffer[offset + index * 4 + $1]) << UInt32($1 * 8) }
      }
      note(mask: field(1), watch: Int32(bitPattern: field(0)), &events)
      offset += headerSize + Int(field(3))
    }
  }

  private func note(mask: UInt32, watch: Int32, _ events: inout Events) {
    events.isAny = true
    events.touched.insert(watch)
    if mask & Mask.modify != 0 {
      events.written.insert(watch)
      events.completed.remove(watch)
    }
    if mask & Mask.ended != 0 {
      events.completed.insert(watch)
      events.written.remove(watch)
    }
  }
}
