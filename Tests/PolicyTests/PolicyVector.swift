import TestSupport
import Testing

@testable import Policy

/// One line of Tests/Fixtures/Policy/vectors.tsv: what a policy decides about a request, and why.
struct PolicyVector: Sendable, CustomTestStringConvertible {
  enum Answer: String, Sendable { case allow, deny, signIn, otherKey }

  var line: Int
  var policy: String
  var who: String
  var details: String
  var answer: Answer
  /// The reference's names of the reasons that made the answer, in the order of the file.
  var reasons: [String]

  var testDescription: String { "vectors.tsv:\(line): \(policy) \(who) \(details)" }

  static let all: [PolicyVector] = {
    let text = (try? Checkout.text("Tests/Fixtures/Policy/vectors.tsv")) ?? ""
    return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap { index, line in
      guard !line.isEmpty, !line.hasPrefix("#") else { return nil }
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard fields.count == 5, let answer = Answer(rawValue: fields[3]) else {
        Issue.record("vectors.tsv:\(index + 1): five fields parted by tabs are wanted: \(line)")
        return nil
      }
      return PolicyVector(
        line: index + 1, policy: fields[0], who: fields[1], details: fields[2], answer: answer,
        reasons: fields[4].split(separator: ",").map(String.init))
    }
  }()

  func parsed() throws -> AccessPolicy {
    var parser = PolicyParser(timeZones: People.zones)
    let parsed = parser.parse(FlowText.parse(policy))
    try #require(parser.errors.isEmpty, "\(testDescription): \(parser.errors)")
    return parsed
  }
}

extension Decision {
  var answer: PolicyVector.Answer {
    if isAllowed { return .allow }
    if needsOtherKey { return .otherKey }
    return needsSignIn ? .signIn : .deny
  }
}
