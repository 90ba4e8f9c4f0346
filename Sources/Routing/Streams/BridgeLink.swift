import NIOCore
import Synchronization

/// What a `LoopBridge` and its far end share.
final class BridgeLink: Sendable {
  /// How many bytes may be under way from the stream; they count against its window until they are taken.
  static let bytesInFlight = 256 * 1024
  /// And to the stream: they add to what waits in it when its peer takes nothing. Several reads of an upload, so that one loop
  /// can decrypt the next while the other sends the last.
  static let bytesInFlightOut = 256 * 1024
  /// The other loop is told at the latest when so much of it has been passed on; less goes with what is said anyway, and does
  /// not wake it. So far below the bound, and below the window of any channel, nobody waits for the rest.
  static let worthTelling = 8 * 1024
  static let worthTellingOut = bytesInFlightOut / 2

  /// What a piece under way counts for: its bytes, and what it takes to hold it, however small it is.
  static func cost(_ bytes: ByteBuffer) -> Int { bytes.readableBytes + 128 }

  let near: NIOLoopBoundBox<LoopBridge?>
  let far: NIOLoopBoundBox<BridgeFarEnd?>
  let toFar: BridgeMailbox<BridgeWrite>
  let toNear: BridgeMailbox<BridgeRead>

  init(near nearLoop: any EventLoop, far farLoop: any EventLoop) {
    let near = NIOLoopBoundBox<LoopBridge?>.makeEmptyBox(eventLoop: nearLoop)
    let far = NIOLoopBoundBox<BridgeFarEnd?>.makeEmptyBox(eventLoop: farLoop)
    self.near = near
    self.far = far
    toFar = BridgeMailbox(eventLoop: farLoop) { far.value?.receive($0) }
    toNear = BridgeMailbox(eventLoop: nearLoop) { near.value?.receive($0) }
  }
}

/// From my loop to the stream's.
enum BridgeWrite: Sendable {
  case start
  case bytes(ByteBuffer)
  case flush
  case finish
  /// What arrived and has been given to the consumer: what it counted for (`BridgeLink.cost`), and its bytes.
  case passedOn(cost: Int, bytes: Int)
  case lasting
  case close(StreamEnd)
}

/// From the stream's loop to mine.
enum BridgeRead: Sendable {
  case bytes(ByteBuffer)
  case endOfCycle
  case finished
  case closed(StreamEnd)
  /// What counted for so much has been given to the stream while it was writable.
  case confirmed(Int)
  case writable(Bool)
}

/// Carries items to another loop: what is posted before the hop has happened goes with it.
final class BridgeMailbox<Item: Sendable>: Sendable {
  private let eventLoop: any EventLoop
  private let deliver: @Sendable ([Item]) -> Void
  private let items = Mutex<[Item]>([])

  init(eventLoop: any EventLoop, deliver: @escaping @Sendable ([Item]) -> Void) {
    self.eventLoop = eventLoop
    self.deliver = deliver
  }

  func post(_ batch: [Item]) {
    guard !batch.isEmpty else { return }
    let needsHop = items.withLock {
      let wasEmpty = $0.isEmpty
      $0.append(contentsOf: batch)
      return wasEmpty
    }
    guard needsHop else { return }
    eventLoop.execute { [self] in
      let all = items.withLock {
        let all = $0
        $0 = []
        return all
      }
      deliver(all)
    }
  }
}
