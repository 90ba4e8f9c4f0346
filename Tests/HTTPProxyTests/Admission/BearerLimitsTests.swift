import Foundation
import Testing

@testable import HTTPProxy
@testable import Identity

/// "Limits of programs' tokens" in docs/operations.md names every limit of the code with its value, and nothing else.
struct BearerLimitsTests {
  private static let ofTheCode = [
    "BearerReader.longest": "\(BearerReader.longest)", "LoopState.mostVerifying": "\(LoopState.mostVerifying)",
    "LoopState.rememberedTokens": "\(LoopState.rememberedTokens)",
    "LoopbackTarget.maximumLength": "\(LoopbackTarget.maximumLength)",
    "ProgramLogin.lifetime": "\(ProgramLogin.lifetime) s", "AnsweredLogins.limit": "\(AnsweredLogins.limit)",
    "AnsweredLogins.limitPerPerson": "\(AnsweredLogins.limitPerPerson)",
    "ProgramTokens.codeLifetime": "\(ProgramTokens.codeLifetime) s",
    "ProgramTokens.maximumCodes": "\(ProgramTokens.maximumCodes)",
    "ProgramToken.maximumPerPerson": "\(ProgramToken.maximumPerPerson)",
  ]

  @Test func theTableIsTheCode() throws {
    let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs/operations.md")
    let text = try String(contentsOf: page, encoding: .utf8)
    let section = try #require(text.split(separator: "\n## ").first { $0.hasPrefix("Limits of programs' tokens") })
    var written: [String: String] = [:]
    for line in section.split(separator: "\n") where line.hasPrefix("| ") {
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard let name = cells.last, name.hasPrefix("`"), cells.count >= 3 else { continue }
      written[name.filter { $0 != "`" }] = cells[1]
    }
    #expect(written == Self.ofTheCode)
  }
}
