/// A user of the demo's identity provider with the password that its file tells in a comment.
struct DemoUser: Sendable {
  var email: String
  var password: String

  /// Reads `# Password: …` comments that stand before `email:` lines of `dex/config.yaml`.
  static func all(in dexConfiguration: String) -> [DemoUser] {
    var users: [DemoUser] = []
    var password: String?
    for line in dexConfiguration.split(separator: "\n") {
      let text = line.drop { $0 == " " || $0 == "-" }
      if let said = value(of: "# Password:", in: text) {
        password = said
      } else if let email = value(of: "email:", in: text), let known = password {
        users.append(DemoUser(email: email, password: known))
        password = nil
      }
    }
    return users
  }

  private static func value(of key: String, in line: Substring) -> String? {
    guard line.hasPrefix(key) else { return nil }
    return String(line.dropFirst(key.count).drop { $0 == " " }.filter { $0 != "\"" && !$0.isNewline })
  }
}
