import HTTPWire
import Testing

@testable import HTTPProxy

/// What gRPC clients are told by the edge itself.
@Suite struct GRPCAnswerTests {
  @Test(arguments: [
    ("application/grpc", true), ("application/grpc+proto", true), ("Application/GRPC; charset=x", true),
    ("application/grpc ;x", true), ("application/grpc-web", false), ("application/grpc-web+proto", false),
    ("application/grp", false), ("application/json", false), ("", false),
  ])
  func callsAreKnownByTheirMediaType(_ type: String, _ isCall: Bool) {
    #expect(GRPCAnswer.isWanted(by: HeaderList([("Content-Type", type)])) == isCall)
    #expect(!GRPCAnswer.isWanted(by: HeaderList()))
  }

  @Test func theStatusStandsInTheHead() {
    let answer = GRPCAnswer.response(status: 503, message: "100 % caf\u{E9}\n")
    #expect(answer.status == 200 && answer.body.isEmpty && answer.headers.first("content-type") == "application/grpc")
    #expect(answer.headers.first("grpc-status") == "14")
    #expect(answer.headers.first("grpc-message") == "100 %25 caf%C3%A9%0A")
  }

  /// gRPC's "HTTP to gRPC Status Code Mapping".
  @Test(arguments: [
    (400, 13), (401, 16), (403, 7), (404, 12), (429, 14), (502, 14), (503, 14), (504, 14), (413, 8), (421, 2), (500, 2),
  ])
  func statusesAreTranslated(_ status: Int, _ code: Int) {
    #expect(GRPCAnswer.code(of: status) == code)
  }
}
