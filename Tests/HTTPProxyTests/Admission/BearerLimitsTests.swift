import TestSupport
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
    let table = try LimitsTable(section: "Limits of programs' tokens")
    #expect(table.differences(from: Self.ofTheCode) == [])
    #expect(try table.unknownKeys() == [])
  }
}
