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

  /// RFC 3339, digit by digit: this is written for every request.
  private static func write(_ time: CivilTime, into buffer: inout ByteBuffer) {
    func digits(_ value: Int64, _ divisor: Int64, _ after: Unicode.Scalar) {
      var divisor = divisor
      while divisor > 0 {
        buffer.writeInteger(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / divisor % 10))
        divisor /= 10
      }
      buffer.writeInteger(UInt8(ascii: after))
    }
    digits(time.year, 1000, "-")
    digits(time.month, 10, "-")
    digits(time.day, 10, "T")
    digits(time.hour, 10, ":")
    digits(time.minute, 10, ":")
    digits(time.second, 10, ".")
    digits(time.millisecond, 100, "Z")
  }

  private func number(_ name: StaticString, _ value: UInt64, _ buffer: inout ByteBuffer) {
    buffer.writeString(",\"")
    buffer.writeStaticString(name)
    buffer.writeString("\":")
    HeadWriter.writeDecimal(value, into: &buffer)
  }

  private func field(_ name: StaticString, _ value: String, _ buffer: inout ByteBuffer) {
    buffer.writeString(",\"")
    buffer.writeStaticString(name)
    buffer.writeString("\":\"")
    Self.escape(value, &buffer)
    buffer.writeString("\"")
  }

  /// Nothing a visitor writes reaches the log as it is unless it is plain ASCII.
  private static func escape(_ value: String, _ buffer: inout ByteBuffer) {
    var isPlain = value.utf8.count <= Self.longest
    for byte in value.utf8 where byte < 0x20 || byte > 0x7E || byte == 0x22 || byte == 0x5C { isPlain = false }
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
