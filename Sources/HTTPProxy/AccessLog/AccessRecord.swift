import HTTPWire
import NIOCore
import PlainText
import Policy
import Routing

/// What one request, or one upgraded stream, leaves in the access log.
struct AccessRecord {
  var time: UnixTime
  var requestID: String
  var remoteAddress: String
  var head: RequestHead?
  var status: Int
  /// Why it ended as it did: `via_upstream`, or the name of a refusal.
  var detail: String
  var durationMilliseconds: Int64
  var bytesIn: UInt64
  var bytesOut: UInt64
  var route: String?
  var user: String?
  var session: String?
  var upstream: String?
  /// Until the service's answer began; none where it never did.
  var upstreamMilliseconds: Int64?
  var isUpgraded: Bool

  /// Names of fields as Pomerium's access log has them, ours beside them.
  func write(into buffer: inout ByteBuffer) {
    buffer.writeString("{\"time\":\"")
    Self.write(CivilTime(time), into: &buffer)
    buffer.writeString("\",\"level\":\"info\",\"message\":\"http-request\"")
    field("request-id", requestID, &buffer)
    if let head {
      field("method", head.method.text, &buffer)
      field("authority", head.authority?.text ?? "", &buffer)
      // A query may hold secrets: only that there was one (security rule 34).
      field("path", head.query == nil ? head.path : head.path + "?redacted", &buffer)
      if let agent = head.headers.first(.userAgent) { field("user-agent", agent, &buffer) }
      if let referer = head.headers.first(.referer) {
        field("referer", String(referer.prefix { $0 != "?" }), &buffer)
      }
    }
    field("forwarded-for", remoteAddress, &buffer)
    number("response-code", UInt64(clamping: status), &buffer)
    field("response-code-details", detail, &buffer)
    number("duration", UInt64(clamping: durationMilliseconds), &buffer)
    number("bytes-received", bytesIn, &buffer)
    number("size", bytesOut, &buffer)
    if let route { field("route-id", route, &buffer) }
    if let user { field("user", user, &buffer) }
    if let session { field("session-id", session, &buffer) }
    if let upstream { field("upstream", upstream, &buffer) }
    if let upstreamMilliseconds { number("upstream-duration", UInt64(clamping: upstreamMilliseconds), &buffer) }
    if isUpgraded { buffer.writeString(",\"upgraded\":true") }
    buffer.writeString("}\n")
  }

  /// RFC 3339, in three words of eight characters: this is written for every request.
  private static func write(_ time: CivilTime, into buffer: inout ByteBuffer) {
    func pair(_ value: Int64) -> UInt64 {
      let value = UInt64(clamping: value)
      return 0x3030 | (value / 10 % 10) << 8 | value % 10
    }
    let hyphen: UInt64 = 0x2D
    let colon: UInt64 = 0x3A
    let point: UInt64 = 0x2E
    let letterT: UInt64 = 0x54
    let letterZ: UInt64 = 0x5A
    let year = pair(time.year / 100) << 16 | pair(time.year)
    let tenths = UInt64(clamping: time.millisecond) / 100 % 10 | 0x30
    buffer.writeMultipleIntegers(
      year << 32 | hyphen << 24 | pair(time.month) << 8 | hyphen,
      pair(time.day) << 48 | letterT << 40 | pair(time.hour) << 24 | colon << 16 | pair(time.minute),
      colon << 56 | pair(time.second) << 40 | point << 32 | tenths << 24 | pair(time.millisecond) << 8 | letterZ)
  }

  private static let quote: UInt8 = 0x22
  private static let colon: UInt8 = 0x3A

  /// `,"name":`
  private static func begin(_ name: StaticString, _ buffer: inout ByteBuffer) {
    buffer.writeInteger(UInt16(0x2C22))
    buffer.writeStaticString(name)
    buffer.writeMultipleIntegers(quote, colon)
  }

  private func number(_ name: StaticString, _ value: UInt64, _ buffer: inout ByteBuffer) {
    Self.begin(name, &buffer)
    HeadWriter.writeDecimal(value, into: &buffer)
  }

  private func field(_ name: StaticString, _ value: String, _ buffer: inout ByteBuffer) {
    Self.begin(name, &buffer)
    buffer.writeInteger(Self.quote)
    Self.escape(value, &buffer)
    buffer.writeInteger(Self.quote)
  }

  /// Nothing a visitor writes reaches the log as it is unless it is plain ASCII.
  private static func escape(_ value: String, _ buffer: inout ByteBuffer) {
    let bytes = value.utf8Span.span
    var isPlain = bytes.count <= Self.longest
    for index in bytes.indices {
      let byte = bytes[index]
      if byte < 0x20 || byte > 0x7E || byte == 0x22 || byte == 0x5C { isPlain = false }
    }
    if isPlain {
      buffer.writeString(value)
      return
    }
    for byte in value.printable(limit: longest).utf8 {
      if byte == 0x22 || byte == 0x5C { buffer.writeInteger(UInt8(0x5C)) }
      buffer.writeInteger(byte)
    }
  }

  private static let longest = 2048
}
