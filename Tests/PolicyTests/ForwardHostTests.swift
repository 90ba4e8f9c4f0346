import Testing

@testable import Policy

@Suite struct ForwardHostTests {
  private func hosts(_ policy: String, _ claims: [String: ClaimValue]) throws -> [String]? {
    var person = try #require(People.person("alice"))
    person.claims = claims
    return try AccessPolicy(parsing: FlowText.parse(policy)).forwardHosts(of: person)
  }

  @Test func `claims stand in place of their names`() throws {
    let policy =
      "{allow: {or: [{ssh_forward_host: ['*.{claim.u}.x.test', '{email.local_part}-*.x.test', FIX.x.test]}]}}"
    #expect(try hosts(policy, ["u": .string("al")]) == ["*.al.x.test", "alice-*.x.test", "fix.x.test"])
    #expect(try hosts(policy, [:]) == ["alice-*.x.test", "fix.x.test"])
  }

  @Test func `only rules that allow are asked, and where none asks there is nothing to tell`() throws {
    #expect(try hosts("{allow: {or: [{email: a@b}]}}", [:]) == nil)
    #expect(try hosts("{allow: {or: [{email: a@b}]}, deny: {or: [{ssh_forward_host: a.x}]}}", [:]) == nil)
    #expect(try hosts("{allow: {not: [{ssh_forward_host: a.x}]}}", [:]) == nil)
    #expect(try hosts("{allow: {and: [{ssh_forward_host: '{claim.u}.x'}]}}", ["u": .string("A")]) == [])
  }

  @Test func `a claim with thousands of values makes no list of thousands`() throws {
    let many = ClaimValue.list((0..<5000).map { .string("t\($0)") })
    let policy = "{allow: {or: [{ssh_forward_host: '{claim.t}-{claim.t}-{claim.t}.x.test'}]}}"
    #expect(try hosts(policy, ["t": many])?.count == 20)
  }
}
