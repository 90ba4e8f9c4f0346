import ArgumentParser
import EdgeCrypto
import Identity

struct TokenCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token",
    abstract: "Makes a token for a service account that visits pages behind the edge.",
    discussion: """
      Prints two lines. The first is the token, shown this once: give it to the program, in a file or a secret of its platform \
      that only it can read. The second is its hash, which opens nothing: paste it into the configuration file.

      service_accounts:
        - name: nightly-report
          tokens: [sha256:…]
          expires: 2027-01-31
          routes: [app.example.com]

      A route lets it in by naming it: `allow: {or: [{service_account: {is: nightly-report}}]}`. The program sends it as \
      `Authorization: Bearer TOKEN`. Two hashes may stand side by side while a token is being changed.
      """)

  func run() {
    let token = EdgeToken(.account, random: SecureRandom.source)
    print(token.text)
    print("sha256:\(Hex.encode(token.hash))")
  }
}
