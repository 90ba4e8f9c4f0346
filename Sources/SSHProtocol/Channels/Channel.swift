import DequeModule
import NIOCore

/// One channel (RFC 4254 §5). Input and output end apart: each by EOF, both by CLOSE.
///
///     peer opens ─▶ requested ─accept─┐
///     we open ────▶ opening ──91──────┴─▶ open ──CLOSE sent and received──▶ gone
final class Channel {
  enum State {
    /// Our OPEN is out. `abandoned`: nobody wants it any more; it is closed as soon as it opens, and its number stays
    /// taken until then.
    case opening(abandoned: Bool)
    /// The peer's OPEN waits for our decision.
    case requested
    case open
  }

  /// What waits to leave, in order.
  enum Output {
    case data(ByteBuffer)
    case extendedData(ByteBuffer, code: UInt32)
    /// A whole message, EOF and CLOSE apart.
    case message(ByteBuffer)
    case endOfFile
    case close
  }

  let id: ChannelID
  let isOurs: Bool
  let isSession: Bool
  var state: State
  var peerNumber: UInt32 = 0
  var window: ReceiveWindow
  /// What of the connection's window memory is reserved for it; given back when nothing of it is kept any more.
  var reservedWindow: UInt32
  /// When our OPEN left.
  var openedAt: UInt64?
  /// How long the peer has to answer our CLOSE, or an OPEN that nobody wants any more.
  var answerDeadline: UInt64?
  /// The peer did not: only its number is left.
  var isTombstone = false
  var output = Deque<Output>()
  var queuedBytes = 0
  /// Bytes, and what it takes to keep each piece however small.
  var queuedCost = 0
  /// What it may still send before it is the next one's turn.
  var turn = 0
  /// The peer reads no more (eow@openssh.com): what is written goes nowhere.
  var discardsOutput = false
  var sendWindow: UInt32 = 0
  var maximumPacket = 0
  /// In the scheduler's round.
  var isScheduled = false
  /// `isWritable` was false when somebody wrote: they are told when it is true again.
  var owesWritable = false
  var sentEOF = false
  var sentClose = false
  var receivedEOF = false
  var receivedClose = false
  /// EOF or CLOSE is queued: nothing may be written behind it.
  var isFinishing = false
  var isClosing = false
  var replies = ReplyQueue()
  /// Our requests that wait for 99 or 100.
  var unanswered = 0
  var environmentVariables = 0

  init(id: ChannelID, state: State, isOurs: Bool, isSession: Bool, window: ReceiveWindow) {
    self.id = id
    self.state = state
    self.isOurs = isOurs
    self.isSession = isSession
    self.window = window
    reservedWindow = window.size
  }

  var isOpen: Bool {
    if case .open = state { true } else { false }
  }

  func peerAnnounced(window: UInt32, maximumPacket: UInt32) {
    sendWindow = window
    self.maximumPacket = Int(min(maximumPacket, UInt32(Channel.largestPiece)))
  }

  /// False on overflow (RFC 4254 §5.2; russh CVE-2025-54804).
  func extendSendWindow(by count: UInt32) -> Bool {
    let (sum, overflow) = sendWindow.addingReportingOverflow(count)
    guard !overflow else { return false }
    sendWindow = sum
    return true
  }

  /// Whether something at the head of the queue could leave now.
  var canSend: Bool {
    guard isOpen, !sentClose, let first = output.first else { return false }
    switch first {
    case .data, .extendedData: return sendWindow > 0
    case .message, .endOfFile, .close: return true
    }
  }

  /// Two full packets with their overhead fit into one 64 KiB buffer. The turn of a channel has as many bytes.
  static let largestPiece = 32 * 1024 - 64
  /// What each may have waiting while all together have too much.
  static let writableWhenBackedUp = 16 * 1024
  /// What a piece costs beside its bytes.
  static let pieceCost = 128
}
