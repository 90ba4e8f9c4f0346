import HTTPWire
import Testing

@testable import HTTPProxy

/// What a job sends for its key.
@Suite struct WorkloadKeyFormTests {
  private static let path = "/.pomerium/api/v1/ssh_key"

  private func read(
    _ body: String, type: [String] = ["application/x-www-form-urlencoded"], query: String? = nil
  ) throws(WorkloadKeyForm.Problem) -> WorkloadKeyForm {
    var headers = HeaderList()
    for type in type { headers.add("Content-Type", type) }
    return try WorkloadKeyForm(
      OwnRequest(
        method: .post, host: "auth.localhost", path: Self.path, query: query, headers: headers, body: Array(body.utf8),
        place: .authenticateHost))
  }

  @Test(arguments: [
    ("token=a.b.c&public_key=ssh-ed25519+AAAA+x", "application/x-www-form-urlencoded"),
    (
      "public_key=ssh-ed25519%20AAAA%20x%0A&token=%0Aa.b.c%0D%0A&other=1",
      "Application/X-WWW-Form-Urlencoded; charset=x"
    ),
    (#"{"token":"a.b.c","public_key":"ssh-ed25519 AAAA x"}"#, "application/json"),
    (#" {"public_key":"ssh-ed25519 AAAA x\n","more":[1],"token":"\ta.b.c "} "#, "application/json ; charset=utf-8"),
  ])
  func bothForms(_ body: String, _ type: String) throws {
    let form = try read(body, type: [type])
    #expect(form.token == "a.b.c" && form.publicKey == "ssh-ed25519 AAAA x")
  }

  @Test(arguments: [
    "", "token=a", "public_key=a", "token=a&public_key=", "token=&public_key=a", "token=a&token=a&public_key=b",
    "token=%20&public_key=b", "Token=a&public_key=b",
  ])
  func eachMustBeThereOnce(_ body: String) {
    #expect(throws: WorkloadKeyForm.Problem.incomplete) { try read(body) }
  }

  @Test(arguments: [
    "{}", "[]", "null", #"{"token":1,"public_key":"a"}"#, #"{"token":["a"],"public_key":"a"}"#,
    #"{"token":null,"public_key":"a"}"#,
  ])
  func textsOnly(_ body: String) {
    #expect(throws: WorkloadKeyForm.Problem.incomplete) { try read(body, type: ["application/json"]) }
  }

  @Test func whatCannotBeReadIsTold() {
    for body in ["{", #"{"token":"a","token":"b","public_key":"c"}"#, "{} x"] {
      do throws(WorkloadKeyForm.Problem) {
        _ = try read(body, type: ["application/json"])
        Issue.record("read: \(body)")
      } catch {
        #expect(error.status == 400 && error.text.contains("cannot be read"))
      }
    }
    for type in [[], ["text/plain"], ["multipart/form-data"], ["application/json", "application/json"]] {
      #expect(throws: WorkloadKeyForm.Problem.type) { try read("token=a&public_key=b", type: type) }
    }
    #expect(WorkloadKeyForm.Problem.type.status == 415)
    #expect(throws: WorkloadKeyForm.Problem.hasQuery) { try read("token=a&public_key=b", query: "token=a") }
  }
}
