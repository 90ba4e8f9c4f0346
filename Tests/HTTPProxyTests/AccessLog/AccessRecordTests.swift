import Foundation
import NIOCore
import Policy
import Testing

@testable import HTTPProxy

/// Lines as programs read them.
@Suite struct AccessRecordTests {
  private func record(at milliseconds: Int64 = 0) -> AccessRecord {
    AccessRecord(
      time: UnixTime(milliseconds: milliseconds), requestID: "id", remoteAddress: "192.0.2.1", status: 200,
      detail: "via_upstream", durationMilliseconds: 1234, bytesIn: 0, bytesOut: 104_857_600, isUpgraded: false)
  }

  private func text(_ record: AccessRecord) -> String {
    var buffer = ByteBuffer()
    record.write(into: &buffer)
    return String(buffer: buffer)
  }

  @Test(arguments: [
    (0, "1970-01-01T00:00:00.000Z"), (951_782_399_999, "2000-02-28T23:59:59.999Z"),
    (951_782_400_007, "2000-02-29T00:00:00.007Z"), (4_102_444_799_050, "2099-12-31T23:59:59.050Z"),
  ])
  func theTimeIsOfRFC3339(milliseconds: Int64, expected: String) {
    #expect(text(record(at: milliseconds)).hasPrefix("{\"time\":\"\(expected)\",\"level\""))
  }

  @Test func namesValuesAndNumbers() {
    let line = text(record())
    #expect(
      line
        == "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"info\",\"message\":\"http-request\",\"request-id\":\"id\","
        + "\"forwarded-for\":\"192.0.2.1\",\"response-code\":200,\"response-code-details\":\"via_upstream\","
        + "\"duration\":1234,\"bytes-received\":0,\"size\":104857600}\n")
  }

  @Test(arguments: [("a\"b\\c", 1), ("line\nbreak\u{7F}\u{0}", 1), ("Ünïcode €", 1), ("", 1), ("x", 5000)])
  func anyValueGivesOneLineOfJSON(piece: String, times: Int) throws {
    var record = record()
    let value = String(repeating: piece, count: times)
    record.user = value
    let line = text(record)
    #expect(line.unicodeScalars.dropLast().allSatisfy { $0.value >= 0x20 && $0.value != 0x7F } && line.hasSuffix("\n"))
    let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    let user = try #require(object["user"] as? String)
    #expect(user.utf8.count <= 2200)
    if piece.utf8.allSatisfy({ (0x20...0x7E).contains($0) }), times == 1 { #expect(user == value) }
  }
}
