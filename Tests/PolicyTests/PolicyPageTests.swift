import Foundation
import TestSupport
import Testing

@testable import Policy

/// docs/policy.md says what the code does.
@Suite struct PolicyPageTests {
  private static let page = (try? Checkout.text("docs/policy.md")) ?? ""

  /// The cells of the rows of a section's tables.
  private func rows(_ section: String) throws -> [[String]] {
    let text = try #require(Self.page.components(separatedBy: "\n## ").first { $0.hasPrefix(section + "\n") })
    return text.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst().map { row in
      row.split(separator: "|").map { String($0).trimmingCharacters(in: .whitespaces) }
    }
  }

  /// What stands in backquotes.
  private func quoted(_ cell: String?) -> [String] {
    let parts = (cell ?? "").components(separatedBy: "`")
    return parts.indices.filter { $0 % 2 == 1 }.map { parts[$0] }
  }

  @Test func `every criterion has its row, with its matcher and where it has a meaning`() throws {
    let rows = try rows("Criteria")
    let names = rows.flatMap { quoted($0.first) }.map { String($0.prefix { $0 != "/" }) }
    #expect(names.sorted() == CriterionName.supported)
    let matchers = ["text": CriterionName.text, "list": CriterionName.list, "certificate": CriterionName.certificate]
    for row in rows {
      let name = try #require(quoted(row.first).first).prefix { $0 != "/" }
      let operators = CriterionName.operators[String(name)]
      for (matcher, known) in matchers { #expect((row[1] == matcher) == (operators == known), "\(row)") }
      let purposes = try purposes(of: String(name))
      let words: [[PolicyPurpose]: String] = [
        PolicyPurpose.allCases: "all", [.visit]: "visits", [.login, .publish]: "ssh", [.publish]: "publishing",
      ]
      #expect(words[purposes] == row[3], "\(name): \(purposes)")
    }
  }

  private func purposes(of name: String) throws -> [PolicyPurpose] {
    let data: [String: String] = [
      "claim": "claim/x: y", "client_certificate": "client_certificate: {san_dns: x}",
      "date": "date: {after: 2026-01-01}",
      "device": "device: {type: any}", "day_of_week": "day_of_week: mon", "source_ip": "source_ip: 10.0.0.1",
      "time_of_day": "time_of_day: {timezone: UTC, after: '8:00'}",
      "ssh_publickey": "ssh_publickey: '\(People.keyLine)'",
      "ssh_ca": "ssh_ca: '\(People.keyLine)'",
    ]
    let policy = try AccessPolicy(
      parsing: FlowText.parse("{allow: {or: [{\(data[name] ?? "\(name): x")}]}}"))
    let test = try #require(policy.rules.first?.groups.first?.criteria.first?.test)
    return PolicyPurpose.allCases.filter { test.hasMeaning(for: $0) }
  }

  @Test func `every operator has its place`() throws {
    let rows = try rows("Matchers")
    let told = Dictionary(uniqueKeysWithValues: rows.map { ($0[0], quoted($0[1])) })
    #expect(
      told == ["text": CriterionName.text, "list": CriterionName.list, "certificate": CriterionName.certificate])
    #expect(try self.rows("Rules").flatMap { quoted($0.first) } == GroupOperator.allCases.map(\.rawValue))
  }

  @Test func `every reason has its row`() throws {
    #expect(try rows("Reasons").flatMap { quoted($0.first) }.sorted() == ReasonName.allCases.map(\.rawValue).sorted())
  }

  @Test func `what is refused by name is told`() {
    for name in CriterionName.unsupported.keys { #expect(Self.page.contains("`\(name)`")) }
  }
}
