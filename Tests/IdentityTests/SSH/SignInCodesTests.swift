import Policy
import Testing

@testable import Identity

/// The machine alone: no store, no waiting.
@Suite struct SignInCodesTests {
  let now = UnixTime(seconds: 1_700_000_000)
  var codes = SignInCodes(
    limits: .init(
      perSource: 3, connections: 6, connectionsPerSource: 4, perCode: 3, remembered: 8, tries: 3))

  @discardableResult
  mutating func join(
    _ code: String, key: String? = nil, scope: BindingScope = .edge, from source: String = "192.0.2.1",
    waiter: SSHSignInWaiter = SSHSignInWaiter(), now: UnixTime? = nil
  ) -> SignInCodes.Joined {
    codes.join(
      Harness.request(key: key ?? code, scope: scope, from: source), waiter: waiter, newCode: code,
      now: now ?? self.now, lifetime: 900)
  }

  func code(_ joined: SignInCodes.Joined) -> String? {
    guard case .code(let code, _, _) = joined else { return nil }
    return code
  }

  func kind(_ code: String) -> IdentityError.Kind? {
    do throws(IdentityError) {
      _ = try codes.entry(code, now: now)
      return nil
    } catch {
      return error.kind
    }
  }

  @Test mutating func sharesACodeForEqualKeyScopeAndSourceOnly() {
    #expect(code(join("c1", key: "k")) == "c1")
    #expect(code(join("c2", key: "k")) == "c1")
    #expect(code(join("c3", key: "k", scope: .hosts)) == "c3")
    #expect(code(join("c4", key: "k", from: "192.0.2.2")) == "c4")
    #expect(code(join("c5", key: "other")) == "c5")
    #expect(code(join("c6", key: "k", from: "::ffff:192.0.2.1")) == "c1")
  }

  @Test mutating func oneCodeCarriesABoundedNumberOfConnections() {
    codes = SignInCodes(limits: .init(perCode: 2))
    let first = SSHSignInWaiter()
    join("c1", key: "k", waiter: first)
    #expect(code(join("c2", key: "k")) == "c1")
    #expect(code(join("c3", key: "k")) == nil)
    codes.leave("c1", first)
    #expect(code(join("c4", key: "k")) == "c1")
  }

  @Test mutating func diesWithItsLastConnection() {
    let (first, second) = (SSHSignInWaiter(), SSHSignInWaiter())
    join("c1", key: "k", waiter: first)
    join("c2", key: "k", waiter: second)
    codes.leave("c1", first)
    codes.leave("c1", first)
    #expect(kind("c1") == nil)
    codes.leave("c1", second)
    #expect(kind("c1") == .expired)
    #expect(kind("never") == .badRequest)
    #expect(code(join("c3", key: "k")) == "c3")
  }

  @Test mutating func expires() throws {
    let waiter = SSHSignInWaiter()
    join("c1", key: "k", waiter: waiter)
    let late = now.adding(seconds: 900)
    #expect(throws: IdentityError.self) { try codes.entry("c1", now: late) }
    #expect(throws: IdentityError.self) { try codes.deny("c1", now: late) }
    #expect(code(join("c2", key: "k", now: late)) == "c2")
    let notices = codes.removeExpired(at: late)
    #expect(notices.count == 1)
    #expect(notices.first?.waiters.first === waiter)
    #expect(notices.first?.outcome == .expired)
    #expect(kind("c1") == .expired)
    // The newer code of the same key is still the one to share.
    #expect(code(join("c3", key: "k", now: late)) == "c2")
  }

  @Test mutating func onlyWhoOpenedFirstApproves() throws {
    join("c1")
    #expect(throws: IdentityError.self) { try codes.beginApproval("c1", by: "s1", now: now) }
    _ = try codes.open("c1", by: "s1", now: now) { _ in true }
    _ = try codes.open("c1", by: "s2", now: now) { _ in true }
    let error = #expect(throws: IdentityError.self) { try codes.beginApproval("c1", by: "s2", now: now) }
    #expect(error?.kind == .forbidden)
    _ = try codes.beginApproval("c1", by: "s1", now: now)
    let twice = #expect(throws: IdentityError.self) { try codes.beginApproval("c1", by: "s1", now: now) }
    #expect(twice?.kind == .alreadyDecided)
    #expect(codes.settle("c1", .denied)?.waiters.count == 1)
    #expect(kind("c1") == .alreadyDecided)
    #expect(codes.settle("c1", .denied) == nil)
  }

  @Test mutating func passesToTheNextSessionWhenTheFirstHasEnded() throws {
    join("c1")
    _ = try codes.open("c1", by: "s1", now: now) { _ in true }
    _ = try codes.open("c1", by: "s2", now: now) { $0 != "s1" }
    _ = try codes.beginApproval("c1", by: "s2", now: now)
  }

  @Test mutating func anybodyMayDenyAndThatIsFinal() throws {
    join("c1")
    _ = try codes.open("c1", by: "s1", now: now) { _ in true }
    #expect(try codes.deny("c1", now: now).outcome == .denied)
    #expect(kind("c1") == .alreadyDecided)
    let error = #expect(throws: IdentityError.self) { try codes.beginApproval("c1", by: "s1", now: now) }
    #expect(error?.kind == .alreadyDecided)
  }

  @Test mutating func canBeApprovedAgainAfterAFailure() throws {
    join("c1")
    _ = try codes.open("c1", by: "s1", now: now) { _ in true }
    _ = try codes.beginApproval("c1", by: "s1", now: now)
    #expect(throws: IdentityError.self) { try codes.deny("c1", now: now) }
    codes.giveUp("c1")
    _ = try codes.beginApproval("c1", by: "s1", now: now)
  }

  @Test mutating func takesThreeTriesAtTheDigits() throws {
    join("c1")
    _ = try codes.open("c1", by: "s1", now: now) { _ in true }
    guard case .notAsked = codes.checkDigits("c1", "123456", now: now) else {
      Issue.record("digits count before they were asked for")
      return
    }
    _ = try codes.beginApproval("c1", by: "s1", now: now)
    #expect(codes.askForDigits("c1", digits: "123456")?.outcome == .confirmInTerminal)
    guard case .code(_, _, mustConfirm: true) = join("c2", key: "c1") else {
      Issue.record("a connection that joins late is not asked")
      return
    }
    for left in [2, 1] {
      guard case .wrong(left) = codes.checkDigits("c1", "000000", now: now) else {
        Issue.record("wrong digits are not told so")
        return
      }
    }
    guard case .failed(let notice) = codes.checkDigits("c1", "", now: now) else {
      Issue.record("a third wrong try does not end it")
      return
    }
    #expect(notice.waiters.count == 2)
    #expect(kind("c1") == .notConfirmed)
  }

  @Test mutating func evictsTheOldestOfAFullSource() throws {
    let oldest = SSHSignInWaiter()
    join("opened")
    _ = try codes.open("opened", by: "s1", now: now) { _ in true }
    join("c1", waiter: oldest)
    join("c2")
    guard case .code("c3", let evicted?, _) = join("c3") else {
      Issue.record("nothing was evicted")
      return
    }
    #expect(evicted.waiters.first === oldest)
    #expect(evicted.outcome == .evicted)
    #expect(kind("c1") == .expired)
    #expect(kind("opened") == nil)
  }

  @Test mutating func neverEvictsWhatSomebodyHasOpened() throws {
    for code in ["c1", "c2", "c3"] {
      join(code)
      _ = try codes.open(code, by: "s1", now: now) { _ in true }
    }
    guard case .full = join("c4") else {
      Issue.record("an opened code was evicted")
      return
    }
    #expect(code(join("c5", from: "192.0.2.2")) == "c5")
  }

  @Test mutating func evictsFromWhoHoldsMostWhenAllIsFull() {
    join("a1", from: "192.0.2.9")
    for number in 1...3 { join("b\(number)", from: "2001:db8:1:\(number)::1") }
    for number in 1...2 { join("c\(number)", from: "192.0.2.\(number)") }
    #expect(codes.count == 6)
    guard case .code("d1", .some, _) = join("d1", from: "192.0.2.77") else {
      Issue.record("nothing was evicted")
      return
    }
    // One /48 is one source.
    #expect(kind("b1") == .expired)
    #expect(kind("a1") == nil)
  }

  @Test mutating func boundsTheConnectionsOfACodeAndOfASource() throws {
    for _ in 0..<3 { #expect(code(join("c1", key: "k")) == "c1") }
    guard case .full = join("c2", key: "k") else {
      Issue.record("a fourth connection waits on a code for three")
      return
    }
    #expect(code(join("c3", key: "l")) == "c3")
    // Four of this source wait: the oldest code gives way, with all three who wait on it.
    guard case .code("c3", let evicted?, _) = join("c4", key: "l") else {
      Issue.record("nobody gave way")
      return
    }
    #expect(evicted.waiters.count == 3)
    #expect(kind("c1") == .expired)
    #expect(code(join("c5", key: "m", from: "192.0.2.2")) == "c5")
  }

  @Test mutating func aCodeDoesNotGiveWayToItsOwnConnections() throws {
    join("c1", key: "k")
    join("c2", key: "l")
    _ = try codes.open("c2", by: "s1", now: now) { _ in true }
    join("c3", key: "l")
    join("c4", key: "k")
    guard case .full = join("c5", key: "k") else {
      Issue.record("a code was evicted for one more connection of its own")
      return
    }
    #expect(kind("c1") == nil)
  }

  @Test mutating func allEndTogetherWhenTheLinksDie() throws {
    join("c1")
    join("c2", from: "192.0.2.2")
    _ = try codes.open("c2", by: "s1", now: now) { _ in true }
    _ = try codes.beginApproval("c2", by: "s1", now: now)
    let notices = codes.endAll(.refused("gone"))
    #expect(notices.count == 1, "what is just being granted is granted")
    #expect(notices.first?.outcome == .refused("gone"))
    #expect(kind("c1") == .expired)
  }

  @Test mutating func digitsAreOverWhenWhoAuthorizedSignsOut() throws {
    join("c1")
    _ = try codes.open("c1", by: "s1", now: now) { _ in true }
    _ = try codes.beginApproval("c1", by: "s1", now: now)
    _ = codes.askForDigits("c1", digits: "123456")
    #expect(codes.endConfirmations(of: ["s2"]).isEmpty)
    #expect(codes.endConfirmations(of: ["s1"]).count == 1)
    guard case .notAsked = codes.checkDigits("c1", "123456", now: now) else {
      Issue.record("the digits of a session that has ended still count")
      return
    }
  }

  /// However an authorized login ends without its digits, its link says the same.
  @Test(arguments: ["ssh went away", "ssh was gone before", "three wrong tries", "time", "sign-out", "new provider"])
  mutating func digitsThatNeverCameHaveOneAnswer(how: String) throws {
    let waiter = SSHSignInWaiter()
    join("c1", waiter: waiter)
    _ = try codes.open("c1", by: "s1", now: now) { _ in true }
    _ = try codes.beginApproval("c1", by: "s1", now: now)
    if how == "ssh was gone before" { codes.leave("c1", waiter) }
    _ = codes.askForDigits("c1", digits: "123456")
    switch how {
    case "ssh went away": codes.leave("c1", waiter)
    case "three wrong tries": for _ in 0..<3 { _ = codes.checkDigits("c1", "1", now: now) }
    case "time":
      let late = #expect(throws: IdentityError.self) { try codes.entry("c1", now: now.adding(seconds: 900)) }
      #expect(late?.kind == .notConfirmed)
      _ = codes.removeExpired(at: now.adding(seconds: 900))
    case "sign-out": _ = codes.endConfirmations(of: ["s1"])
    case "new provider": _ = codes.endAll(.refused("gone"))
    default: break
    }
    let error = #expect(throws: IdentityError.self) { try codes.entry("c1", now: now) }
    #expect(error?.kind == .notConfirmed && error?.status == 409)
    #expect(error?.message.contains("Nothing was allowed") == true)
  }

  @Test mutating func authorizingAgainShowsTheDigitsAgain() throws {
    join("c1")
    _ = try codes.open("c1", by: "s1", now: now) { _ in true }
    _ = try codes.beginApproval("c1", by: "s1", now: now)
    #expect(codes.digits("c1", shownTo: "s1", now: now) == nil)
    _ = codes.askForDigits("c1", digits: "123456")
    #expect(codes.digits("c1", shownTo: "s1", now: now) == "123456")
    #expect(codes.digits("c1", shownTo: "s2", now: now) == nil, "another session sees no digits")
    #expect(codes.digits("c1", shownTo: "s1", now: now.adding(seconds: 900)) == nil)
  }

  @Test func aLinkThatWasBrokenByTheTerminalIsPastedWhole() {
    for broken in ["2nCEq55yCdqGoNQc3nd> _HA", "2nCEq55yCdqGoNQc3nd\r\n> _HA ", "2nCEq55yCdqGoNQc3nd | _HA"] {
      #expect(SignInCode.pasted(broken) == "2nCEq55yCdqGoNQc3nd_HA")
    }
    #expect(SignInCode.pasted("2nCEq55yCdqGoNQc3nd_HA") == "2nCEq55yCdqGoNQc3nd_HA")
    let long = String(repeating: "> ", count: 1000)
    #expect(SignInCode.pasted(long) == long)
    do throws(IdentityError) {
      _ = try codes.entry("2nCEq55yCdqGoNQc3nd", now: now)
      Issue.record("half a code is a code")
    } catch {
      #expect(error.message.contains("not complete"))
    }
  }

  @Test mutating func forgetsOldAnswers() throws {
    for number in 0..<20 {
      join("c\(number)", from: "192.0.2.\(number)")
      _ = try codes.deny("c\(number)", now: now)
    }
    #expect(kind("c0") == .badRequest)
    #expect(kind("c19") == .alreadyDecided)
  }
}

@Suite struct SourceAddressTests {
  @Test(arguments: [
    ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:DB8::0001", "2001:db8::1"),
    ("2001:db8:0:0:1:0:0:0", "2001:db8:0:0:1::"), ("::", "::"), ("::1", "::1"), ("2001:db8::", "2001:db8::"),
    ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"), ("not an address", "not an address"),
  ]) func isWrittenAlike(_ text: String, _ written: String) {
    #expect(SourceAddress(text).description == written)
  }

  @Test func countsAnIPv6CustomerOnce() {
    #expect(SourceAddress("2001:db8:1:2::3").limitGroup == SourceAddress("2001:db8:1:ffff::").limitGroup)
    #expect(SourceAddress("2001:db8:1::").limitGroup != SourceAddress("2001:db8:2::").limitGroup)
    #expect(SourceAddress("192.0.2.1").limitGroup != SourceAddress("192.0.2.2").limitGroup)
  }

  @Test func takesBothLoopbacksForOneMachine() {
    #expect(SourceAddress("127.0.0.1").isSameClient(as: SourceAddress("::1")))
    #expect(!SourceAddress("127.0.0.1").isSameClient(as: SourceAddress("192.0.2.1")))
    #expect(!SourceAddress("192.0.2.2").isSameClient(as: SourceAddress("192.0.2.1")))
  }
}
