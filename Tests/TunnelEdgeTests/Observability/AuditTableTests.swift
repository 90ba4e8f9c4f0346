import Foundation
import HTTPProxy
import Policy
import Routing
import Store
import TestSupport
import Testing

@testable import Identity
@testable import SSHServer
@testable import TunnelEdge

/// Every line that can be written, compared with docs/operations.md in both directions: an event or a field that is not in the
/// table fails, and so does one that is there and never written.
@Suite struct AuditTableTests {
  struct Row {
    var always: Set<String>
    var sometimes: Set<String>
  }

  static let common: Set<String> = ["time", "log", "event"]
  let now = UnixTime(seconds: 1_800_000_000)

  func table() throws -> [String: Row] {
    let text = try Checkout.text("docs/operations.md")
    let begin = try #require(text.range(of: "### The audit log"))
    let end = try #require(text.range(of: "### When the store fails"))
    var rows: [String: Row] = [:]
    for line in text[begin.upperBound..<end.lowerBound].split(separator: "\n") where line.hasPrefix("| `") {
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      var row = Row(always: [], sometimes: [])
      // What stands in brackets is there now and then.
      for (index, part) in cells[1].split(separator: "`", omittingEmptySubsequences: false).enumerated()
      where !index.isMultiple(of: 2) {
        let before = cells[1].components(separatedBy: "`")[..<index].joined()
        if before.count(where: { $0 == "(" }) > before.count(where: { $0 == ")" }) {
          row.sometimes.insert(String(part))
        } else {
          row.always.insert(String(part))
        }
      }
      rows[cells[0].trimmingCharacters(in: ["`"])] = row
    }
    return rows
  }

  // MARK: Samples

  func subject(_ email: String?) -> Subject {
    Subject(
      sessionID: "session", issuer: "https://issuer.test", userID: "42", email: email, emailIsTrusted: true,
      expiresAt: now.adding(seconds: 60))
  }

  func session(_ email: String? = "ann@example.test") -> Session {
    Session(
      id: "session", subject: subject(email), provider: "oidc", issuedAt: now, expiresAt: now.adding(seconds: 60),
      authenticatedAt: now)
  }

  var login: ProvedLogin {
    ProvedLogin(
      username: "dev", route: nil, keyBlob: [], fingerprint: "SHA256:abc", keyType: "ssh-ed25519",
      sourceAddress: "192.0.2.1", sourcePort: 4, clientVersion: "SSH-2.0-OpenSSH_9", connectionID: "c1")
  }

  var binding: KeyBinding {
    KeyBinding(
      id: "edge-SHA256:abc", fingerprint: "SHA256:abc", keyType: "ssh-ed25519", scope: .edge, sessionID: "session",
      userName: "ann", sourceAddress: "192.0.2.1", sources: [], clientVersion: "OpenSSH", approvedAt: now,
      lastUsedAt: now, lastSource: "192.0.2.1", expiresAt: now)
  }

  var token: ProgramToken {
    ProgramToken(
      id: "hash", sessionID: "session", userName: "ann", host: "app.test", route: "https://app.test",
      target: "http://127.0.0.1:4000", sourceAddress: "192.0.2.1", approvedAt: now, expiresAt: now)
  }

  var workload: WorkloadBinding {
    WorkloadBinding(
      fingerprint: "SHA256:abc", account: "ci", sourceAddress: "192.0.2.1", boundAt: now, expiresAt: now,
      claims: WorkloadClaims(
        issuer: WorkloadIssuer(name: "https://ci.test"), audience: "edge", subject: "job", members: [:]))
  }

  var explanation: DecisionExplanation {
    AccessPolicy.denyAll.explain(
      AccessRequest(subject: subject("ann@example.test"), sourceAddress: "192.0.2.1", now: now))
  }

  func tunnel(_ kind: TunnelEvent.Kind, isBound: Bool = true, explained: Bool = false) -> [AuditLog.Event] {
    ["ann@example.test", nil].map { email in
      .tunnel(
        TunnelEvent(
          kind: kind, routeID: isBound ? RouteID("route") : nil, bindingID: isBound ? BindingID(1) : nil, name: "app",
          url: isBound ? "https://app" : nil, owner: subject(email), connectionID: "c1", sourceAddress: "192.0.2.1",
          keyFingerprint: "SHA256:abc", explanation: explained && email != nil ? explanation : nil))
    }
  }

  func visit(_ kind: RefusedVisit.Kind, _ subject: Subject?, _ explanation: DecisionExplanation?) -> AuditLog.Event {
    .visit(
      RefusedVisit(
        kind: kind, requestID: "r", address: "192.0.2.1", method: "GET", url: "https://app/", routeID: RouteID("route"),
        reason: "policy_denied", explanation: explanation, subject: subject))
  }

  func identity(_ event: IdentityEvent) -> [AuditLog.Event] {
    [.identity(event, AskingRequest(address: "192.0.2.1", requestID: "r")), .identity(event, nil)]
  }

  func samples() -> [AuditLog.Event] {
    let people = [subject("ann@example.test"), subject(nil)]
    var all: [AuditLog.Event] = [
      .signInStarted(login), .signInDenied(login), .signInExpired(login), .signInAbandoned(login),
      .serviceAccountRefused(login, reason: "expired"), .store(.failing(problem: "full")),
      .store(.closedToSignIns(problem: "full")), .store(.lost(problem: "full")), .store(.recovered(afterSeconds: 3)),
      .configurationApplied(path: "/c", routes: 1), .configurationRefused(path: "/c", errors: 1),
      .gate(.penaltyBegan(source: "192.0.2.0/24", seconds: 5, for: .noAttempt, connectionID: "c1")),
    ]
    for person in people {
      all += [.signInApproved(login, person), .newSource(login, person, approvedFrom: "192.0.2.2")]
      all.append(.serviceAccountAdmitted(login, person))
    }
    for session in [session(), session(nil)] {
      let events: [IdentityEvent] = [
        .signedIn(session), .browserSignedOut(session), .sessionEnded(session, reason: "expired"),
        .grantRevoked(session), .grantNotRevoked(session, reason: "503"), .claimsChanged(session),
        .keyBound(binding, session), .keyRevoked(binding, by: session),
        .keyDenied(fingerprint: "SHA256:abc", by: session), .tokenGranted(token, session),
      ]
      all += events.flatMap { identity($0) }
      // Of a job's visit nobody asks on a page of ours.
      let visit = WorkloadEvent.visitAdmitted(session, issuer: "https://ci.test", job: "job", source: "192.0.2.1")
      all.append(.identity(.workload(visit), nil))
    }
    let others: [IdentityEvent] = [
      .browserSignInStarted, .browserSignInFailed(reason: "cancelled"), .keyEnded(binding, reason: "expired"),
      .tokenEnded(token, reason: "revoked"),
      .workload(.keyBound(workload)), .workload(.keyEnded(workload)), .workload(.keyRefused(reason: "no")),
    ]
    all += others.flatMap { identity($0) }
    all.append(.identity(.workload(.visitRefused(reason: "no", source: "192.0.2.1")), nil))
    for kind in [RefusedVisit.Kind.refused, .ended] {
      all += [visit(kind, nil, nil), visit(kind, people[0], explanation), visit(kind, people[1], nil)]
    }
    all += tunnel(.opened) + tunnel(.attached) + tunnel(.detached(.notPermitted), explained: true)
    all += tunnel(.closed(why: .cancelled, bytesToPublisher: 1, bytesFromPublisher: 2, streams: 3))
    all += tunnel(.refused(reason: "not-permitted"), isBound: false, explained: true)
    return all
  }

  private func fields(_ line: consuming AuditLine) throws -> (String, Set<String>) {
    let bytes = line.finished()
    let members = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    return (try #require(members["event"] as? String), Set(members.keys).subtracting(Self.common))
  }

  func written() throws -> [String: [Set<String>]] {
    var written: [String: [Set<String>]] = [:]
    for event in samples() {
      var line = AuditLine(at: now)
      line.write(event)
      let (name, fields) = try fields(line)
      written[name, default: []].append(fields)
    }
    var suppressed = AuditLine(at: now)
    suppressed.write(suppressed: 3, of: AuditBudget.Key(event: .visitRefused, who: "bob", what: "route"))
    var dropped = AuditLine(at: now)
    dropped.write(dropped: 3)
    for line in [suppressed, dropped] {
      let (name, fields) = try fields(line)
      written[name, default: []].append(fields)
    }
    return written
  }

  @Test func theTableIsWhatIsWritten() throws {
    let (table, written) = (try table(), try written())
    #expect(Set(table.keys) == Set(AuditEventName.allCases.map(\.rawValue)))
    for name in AuditEventName.allCases.map(\.rawValue) {
      let row = try #require(table[name], "no row for \(name)")
      let lines = try #require(written[name], "no sample of \(name)")
      let seen = lines.reduce(into: Set<String>()) { $0.formUnion($1) }
      #expect(seen == row.always.union(row.sometimes), "fields of \(name)")
      for line in lines { #expect(row.always.isSubset(of: line), "fields of \(name) that are always there") }
    }
  }
}
