// Compiled together with Sources/Policy: what a decision costs, in time and in allocations.

import Glibc

@_silgen_name("allocations_made") func allocationsMade() -> Int

/// Nanoseconds of processor time, so that whoever else runs here does not count.
func processorTime() -> Int {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

func entry(_ name: String, _ value: PolicyNode.Value) -> PolicyNode {
  PolicyNode(.object([.init(name, PolicyNode(value))]))
}

func text(_ operation: String, _ value: String) -> PolicyNode.Value {
  .object([.init(operation, PolicyNode(.string(value)))])
}

func policy(rules: Int) throws -> AccessPolicy {
  try AccessPolicy(
    parsing: PolicyNode(
      .list(
        (0..<rules).map { number in
          let criteria = [
            entry("domain", .string("d\(number).example.com")), entry("groups", text("has", "team\(number)")),
            entry("http_path", text("starts_with", "/p\(number)/")),
            entry(
              "source_ip", .list([PolicyNode(.string("10.\(number).0.0/16")), PolicyNode(.string("192.0.2.0/24"))])),
            entry("claim/address/city", .string("Bern")),
          ]
          let group = entry("and", .list(criteria))
          return PolicyNode(.object([.init(number % 5 == 4 ? "deny" : "allow", group)]))
        })))
}

let visitor = Subject(
  sessionID: "s", issuer: "https://issuer.example.com", userID: "u-1", email: "ann.somebody@d41.example.com",
  emailIsTrusted: true,
  claims: [
    "groups": .list((0..<20).map { .string("team\($0 + 30)") }), "address": .object(["city": .string("Bern")]),
  ], expiresAt: UnixTime(seconds: 2_000_000_000))
let request = AccessRequest(
  subject: visitor, sourceAddress: "10.41.7.8", method: "GET", path: "/p41/list", now: UnixTime(seconds: 1_800_000_000))

for rules in [1, 10, 50, 200] {
  let policy = try policy(rules: rules)
  let rounds = 200_000 / rules
  var allowed = 0
  for _ in 0..<100 where policy.decide(request).isAllowed { allowed += 1 }
  let before = allocationsMade()
  let begun = processorTime()
  for _ in 0..<rounds where policy.decide(request).isAllowed { allowed += 1 }
  let decided = (processorTime() - begun) / rounds
  let made = Double(allocationsMade() - before) / Double(rounds)
  let explaining = processorTime()
  for _ in 0..<20 { _ = policy.explain(request).text }
  let explained = (processorTime() - explaining) / 20_000
  print(
    "\(rules) rules, \(rules * 5) criteria: \(decided) ns and \(made) allocations a decision, \(explained) µs an "
      + "explanation; \(allowed > 0 ? "allowed" : "refused")")
}
