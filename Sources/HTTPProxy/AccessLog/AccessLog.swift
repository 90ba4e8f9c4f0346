import NIOCore

/// Where access-log lines go. One JSON object a line, several lines a call; called on event loops, so it must not block.
package struct AccessLog: Sendable {
  fileprivate let write: (@Sendable (ByteBuffer) -> Void)?

  package init(write: @escaping @Sendable (ByteBuffer) -> Void) { self.write = write }

  private init() { write = nil }

  package static let none = AccessLog()
}

/// Collects the lines of one loop, so that a busy edge writes a few large pieces.
final class AccessLogBuffer {
  private static let sizeToWrite = 16 << 10
  /// How long a line may wait for others.
  private static let delay = TimeAmount.milliseconds(50)

  private let log: AccessLog
  private let eventLoop: any EventLoop
  private var buffer = ByteBuffer()
  private var isScheduled = false

  init(log: AccessLog, eventLoop: any EventLoop) {
    self.log = log
    self.eventLoop = eventLoop
  }

  var isOn: Bool { log.write != nil }

  func append(_ record: AccessRecord) {
    record.write(into: &buffer)
    if buffer.readableBytes >= Self.sizeToWrite {
      flush()
    } else if !isScheduled {
      isScheduled = true
      eventLoop.assumeIsolated().scheduleTask(in: Self.delay) {
        self.isScheduled = false
        self.flush()
      }
    }
  }

  func flush() {
    guard buffer.readableBytes > 0 else { return }
    log.write?(buffer)
    buffer = ByteBuffer()
    buffer.reserveCapacity(Self.sizeToWrite + 2048)
  }
}
