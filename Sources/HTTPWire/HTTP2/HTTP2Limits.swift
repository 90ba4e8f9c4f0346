/// Every bound that an HTTP/2 peer can run into.
package struct HTTP2Limits: Sendable, Equatable {
  /// Requests at once; nginx and Envoy say 128 and 100.
  package var concurrentStreams = 128
  /// What may lie unread of one stream at first, and at most when its reader keeps up.
  package var streamWindow = 256 << 10
  package var largestStreamWindow = 2 << 20
  /// By how much the windows of all streams of a connection may grow, together.
  package var streamWindowGrowth = 16 << 20
  /// The same for all streams of a connection together.
  package var connectionWindow = 512 << 10
  package var largestConnectionWindow = 4 << 20
  /// A compressed field section with its CONTINUATIONs (CVE-2024-27316: endless ones).
  package var fieldSectionBytes = 96 << 10
  package var continuations = 16
  /// A decoded section, each field with the 32 bytes of RFC 9113 section 6.5.2; beyond it the answer is 431.
  package var fieldListBytes = 96 << 10
  /// What decompression may make of a section: so many times its bytes, and the whole of both compression tables a few times
  /// over. Whoever names each field once stays far below.
  package var fieldListGrowth = 8
  package var fieldListAllowance = 16 << 10
  /// Beyond it the connection ends: a bomb of references into the compression table.
  package var largestFieldListBytes = 256 << 10
  /// Streams that the peer began and gave up, or made us give up (CVE-2023-44487, CVE-2025-8671): a second, and at once.
  package var resetRate = 100.0
  package var resetBurst = 500.0
  /// PING, SETTINGS, PRIORITY, empty DATA, small WINDOW_UPDATE: a second, and at once (CVE-2019-9512, -9515, -9518).
  package var smallFrameRate = 200.0
  package var smallFrameBurst = 2000.0
  /// How many of a visitor's streams are remembered as closed by us, so that frames on their way are no mistake.
  package var rememberedResets = 256
  /// What waits to be sent on one stream before its sender is told to wait.
  package var highWaterMark = 64 << 10
  package var lowWaterMark = 32 << 10
  /// The same of the one stream that others have to wait for (RFC 9218), as long as all together have no more than
  /// `firstQueueLimit`: as much as a socket takes at once, so that none of theirs slips in.
  package var firstHighWaterMark = 256 << 10
  package var firstLowWaterMark = 192 << 10
  package var firstQueueLimit = 4 << 20
  package var fieldCount = 128
  package var targetLength = 16 << 10

  package init() {}

  /// Towards a service: all that may lie unread fits into half of the connection's window, the other half being what was taken
  /// and not yet given back, so that a visitor who reads nothing holds up nobody but himself.
  package static let service: HTTP2Limits = {
    var limits = HTTP2Limits()
    limits.concurrentStreams = 100
    limits.largestStreamWindow = 1 << 20
    limits.streamWindowGrowth = 8 << 20
    limits.connectionWindow = 2 * (limits.concurrentStreams * limits.streamWindow + limits.streamWindowGrowth)
    limits.largestConnectionWindow = limits.connectionWindow
    return limits
  }()
}
