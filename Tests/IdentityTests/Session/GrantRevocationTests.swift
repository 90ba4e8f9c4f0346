import EdgeCrypto
import Policy
import Synchronization
import TestSupport
import Testing

@testable import Identity

/// What the provider gave is given back to it when its person signs out (RFC 7009).
@Suite struct GrantRevocationTests {
  /// The ends of revocations: nil, or why there was none.
  private final class Told: Sendable {
    private let reasons = Mutex<[String?]>([])
    var all: [String?] { reasons.withLock { $0 } }

    func follow(_ identity: Identity) {
      identity.onEvent { event in
        switch event {
        case .grantRevoked: self.reasons.withLock { $0.append(nil) }
        case .grantNotRevoked(_, let reason): self.reasons.withLock { $0.append(reason) }
        default: break
        }
      }
    }
  }

  private func harness(_ discovery: [String: ClaimValue] = [:]) async throws -> (Harness, Told) {
    let harness = try await Harness()
    harness.provider.change {
      $0.discovery = ["revocation_endpoint": .string("https://idp.example/revoke")]
      $0.discovery.merge(discovery) { $1 }
    }
    let told = Told()
    told.follow(harness.identity)
    return (harness, told)
  }

  private func entry(_ harness: Harness) async throws -> SessionDirectory.Entry {
    let session = try await harness.session()
    return try #require(harness.identity.sessions.entry(session.id, at: harness.clock.now))
  }

  private func forms(_ harness: Harness) -> [[String: String]] {
    harness.provider.requests(to: "/revoke").map {
      Dictionary(QueryString.parse(String(decoding: $0.body, as: UTF8.self)), uniquingKeysWith: { $1 })
    }
  }

  @Test func signingOutGivesTheRefreshTokenBack() async throws {
    let (harness, told) = try await harness()
    let session = try await harness.session()
    await harness.identity.signOut(sessionID: session.id)
    #expect(harness.identity.session(id: session.id) == nil)
    try await until("the provider to be asked") { !told.all.isEmpty }
    #expect(told.all == [nil])
    #expect(forms(harness) == [["token": "refresh-0", "token_type_hint": "refresh_token"]])
    let request = try #require(harness.provider.requests(to: "/revoke").first)
    let credentials = "Basic " + Base64.encode(Array("edge:s3cret%3A%2B".utf8))
    #expect(request.headers.contains { $0 == ("Authorization", credentials) })
  }

  @Test func theFormHoldsTheCredentialsWhereThatIsWanted() async throws {
    let (harness, told) = try await harness([
      "revocation_endpoint_auth_methods_supported": .list([.string("client_secret_post")])
    ])
    await harness.identity.signOut(sessionID: try await harness.session().id)
    try await until("the provider to be asked") { !told.all.isEmpty }
    #expect(forms(harness).first?["client_secret"] == "s3cret:+")
  }

  /// Some providers end all that a client got from a person.
  @Test func onlyTheLastSessionOfAPersonGivesBack() async throws {
    let (harness, told) = try await harness()
    let first = try await harness.session()
    let second = try await harness.session()
    let bob = try await harness.session("bob")
    await harness.identity.signOut(sessionID: first.id)
    try await harness.identity.endSession(id: second.id, by: second)
    try await until("the provider to be asked") { !told.all.isEmpty }
    #expect(forms(harness).count == 1 && told.all == [nil])
    #expect(harness.identity.session(id: bob.id) != nil)
  }

  @Test(arguments: [400, 503]) func aRefusalIsToldAndChangesNothing(_ status: Int) async throws {
    let (harness, told) = try await harness()
    harness.provider.change { $0.revocationStatus = status }
    let session = try await harness.session()
    await harness.identity.signOut(sessionID: session.id)
    #expect(harness.identity.session(id: session.id) == nil)
    try await until("the provider to be asked") { !told.all.isEmpty }
    #expect(told.all.first??.contains("answered with status \(status)") == true)
    // Nobody's token stands in a log.
    #expect(told.all.first??.contains("refresh-0") == false)
  }

  /// A document that names no usable place is as good as one that names none; people sign in all the same.
  @Test(arguments: [.null, .string("http://idp.example/revoke"), .string("javascript:x"), .number(7)] as [ClaimValue])
  func whereThereIsNoPlaceNobodyIsAsked(_ endpoint: ClaimValue) async throws {
    let (harness, _) = try await harness(["revocation_endpoint": endpoint])
    let session = try await harness.session()
    await harness.identity.signOut(sessionID: session.id)
    try await until("the queue to be empty") { harness.identity.grantRevocations.withLock { $0.isIdle } }
    #expect(forms(harness).isEmpty)
  }

  /// What ends without its person's wish is not given back: the next sign-in may be a moment away.
  @Test func anExpiredSessionAsksNobody() async throws {
    let (harness, told) = try await harness()
    _ = try await harness.session()
    harness.clock.advance(seconds: 15 * 3600)
    await harness.identity.sweep()
    #expect(forms(harness).isEmpty && told.all.isEmpty)
  }

  @Test func onlySoManyWait() async throws {
    let (harness, _) = try await harness()
    let entry = try await entry(harness)
    let provider = harness.identity.settings.provider
    var queue = GrantRevocations()
    var added: [GrantRevocations.Addition] = []
    for number in 0..<(GrantRevocations.limit + 1) {
      added.append(queue.add(.init(entry: entry, token: "\(number)", kind: .refreshToken, provider: provider)))
    }
    #expect(added.prefix(GrantRevocations.parallel).allSatisfy { $0 == .started })
    #expect(added.dropFirst(GrantRevocations.parallel).dropLast().allSatisfy { $0 == .waits })
    #expect(added.last == .full)
    let first = queue.next()
    #expect(first?.token == "0")
  }

  /// Where the provider is slow, the next sign-in may be done before the last sign-out.
  @Test func whoHasSignedInAgainMeanwhileKeepsWhatTheyGot() async throws {
    let (harness, told) = try await harness()
    let first = try await entry(harness)
    let identity = harness.identity
    let provider = identity.settings.provider
    // As many as are asked at once, all of them waiting for the provider.
    identity.grantRevocations.withLock { queue in
      for number in 0..<GrantRevocations.parallel {
        _ = queue.add(.init(entry: first, token: "\(number)", kind: .refreshToken, provider: provider))
        _ = queue.next()
      }
    }
    await identity.signOut(sessionID: first.session.id)
    let second = try await harness.session()
    await identity.giveBackWaiting()
    #expect(forms(harness).isEmpty && told.all.isEmpty)
    #expect(identity.session(id: second.id) != nil)
  }

  /// The old token is worthless when the provider has given another for it.
  @Test func aTokenThatComesAfterTheSignOutIsGivenBack() async throws {
    let (harness, told) = try await harness()
    let entry = try await entry(harness)
    let identity = harness.identity
    harness.provider.change { $0.alterAnswer = { _ in identity.sessions.remove(entry.session.id) } }
    await identity.refresh([entry])
    try await until("the provider to be asked") { !told.all.isEmpty }
    #expect(forms(harness).map { $0["token"] } == ["refresh-1"])
    #expect(identity.sessions.entry(entry.session.id, at: harness.clock.now) == nil)
  }
}
