import HTTPWire
import Testing

@testable import HTTPProxy

@Suite struct RequestTreatmentTests {
  private func head(_ target: String, _ fields: [(String, String)] = []) -> RequestHead {
    RequestHead(method: .get, target: target, headers: HeaderList(fields))
  }

  @Test func `nothing is done where nothing is asked for`() {
    let request = head("/a/../b//c%2f?x", [("X_A", "1")])
    let treated = RequestTreatment().treated(request)
    #expect(treated.target == request.target && treated.headers == request.headers)
    #expect(RequestTreatment().refusal(of: request) == nil && RequestTreatment().redirectPath(of: request) == nil)
  }

  @Test func `fields with underscores are dropped or refused`() {
    var treatment = RequestTreatment()
    treatment.underscores = .dropField
    let request = head("/", [("X_A", "1"), ("X-B", "2")])
    #expect(treatment.treated(request).headers.map(\.name) == ["X-B"])
    treatment.underscores = .rejectRequest
    #expect(treatment.refusal(of: request)?.status == 400)
    #expect(treatment.refusal(of: head("/", [("X-B", "2")])) == nil)
    let trailers = request.headers
    #expect(trailers.fields.map { treatment.keeps($0, of: trailers) } == [false, true])
    #expect(trailers.fields.allSatisfy { RequestTreatment().keeps($0, of: trailers) })
  }

  @Test func `escaped slashes are refused, or lead elsewhere on the same host`() {
    var treatment = RequestTreatment()
    treatment.escapedSlashes = .rejectRequest
    #expect(treatment.refusal(of: head("/a%2Fb"))?.status == 400)
    #expect(treatment.refusal(of: head("/a?b=%2f")) == nil)
    treatment.escapedSlashes = .redirect
    treatment.mergesSlashes = true
    #expect(treatment.redirectPath(of: head("/a%2F%5cb?c=%2f")) == #"/a/\b?c=%2f"#)
    // Not changed before the visitor was sent there.
    #expect(treatment.treated(head("//a%2f/b")).target == "//a%2f/b")
    #expect(treatment.treated(head("//a")).target == "/a")
  }

  @Test func `a disguise stays one`() {
    var treatment = RequestTreatment()
    treatment.normalizesPath = true
    #expect(treatment.treated(head("/x/../.pomerium/")).pathShape.contains(.decodesToOwn))
    #expect(treatment.treated(head("/x/%2e%2e/y?z")).target == "/y?z")
    #expect(!treatment.treated(head("/x/%2e%2e/y")).pathShape.isAmbiguous)
  }
}
