@testable import Policy

/// Who the vectors are about.
enum People {
  static let now = UnixTime(seconds: 1_800_000_000)

  /// Zurich in 2027.
  static func zones(_ name: String) -> TimeZoneRules? {
    guard name == "Europe/Zurich" else { return nil }
    return TimeZoneRules(
      name: name, offset: 3600,
      changes: [
        .init(from: UnixTime(seconds: 1_806_195_600), offset: 7200),
        .init(from: UnixTime(seconds: 1_824_944_400), offset: 3600),
      ])
  }

  static func person(_ name: String) -> Subject? {
    let later = now.adding(seconds: 3600)
    switch name {
    case "nobody": return nil
    case "alice":
      return Subject(
        sessionID: "s-alice", issuer: "https://idp", userID: "u-alice", email: "alice@example.com",
        emailIsTrusted: true,
        name: "Alice",
        claims: [
          "groups": .list([.string("dev"), .string("ops")]), "level": .number(5), "admin": .bool(true),
          "department": .string("R&D"), "empty": .list([]), "nothing": .null,
          "logins": .list([.string("al"), .string("root")]),
          "address": .object(["city": .string("Bern"), "geo": .object(["zone": .list([.string("a"), .string("b")])])]),
          "a/b": .string("literal"), "https://example.com/roles": .list([.string("lead")]),
        ], expiresAt: later)
    case "bob":
      return Subject(
        sessionID: "s-bob", issuer: "https://idp", userID: "u-bob", email: "bob@other.org", emailIsTrusted: true,
        groups: ["sales"],
        // With the sign of the kelvin, of which lower case is a k.
        claims: ["groups": .list([.string("dev")]), "nick": .string("\u{212A}im")], expiresAt: later)
    case "mallory":
      // Says to be Alice, without proof.
      return Subject(
        sessionID: "s-mallory", issuer: "https://idp", userID: "u-mallory", email: "alice@example.com",
        emailIsTrusted: false, expiresAt: later)
    case "noemail":
      return Subject(
        sessionID: "s-noemail", issuer: "https://idp", userID: "u-noemail", email: nil, emailIsTrusted: false,
        expiresAt: later)
    case "twoats":
      return Subject(
        sessionID: "s-two", issuer: "https://idp", userID: "u-two", email: "x@example.com@evil.org",
        emailIsTrusted: true,
        expiresAt: later)
    case "expired":
      return Subject(
        sessionID: "s-old", issuer: "https://idp", userID: "u-alice", email: "alice@example.com", emailIsTrusted: true,
        expiresAt: now)
    case "robot":
      return Subject(
        sessionID: "s-robot", issuer: "edge", userID: "u-robot", email: "alice@example.com", emailIsTrusted: true,
        groups: ["dev"], claims: ["level": .number(5)], serviceAccount: "ci-deploy", expiresAt: later)
    // Addresses that look like others.
    case "rene": return withAddress("ren\u{E9}@example.com", later)
    case "kim": return withAddress("kim@example.com", later)
    case "shout": return withAddress("ALICE@EXAMPLE.COM", later)
    case "noat": return withAddress("noat", later)
    default: return nil
    }
  }

  private static func withAddress(_ email: String, _ expiresAt: UnixTime) -> Subject {
    Subject(
      sessionID: "s", issuer: "https://idp", userID: "u", email: email, emailIsTrusted: true, expiresAt: expiresAt)
  }

  static let certificate = ClientCertificate(
    fingerprint: [UInt8](repeating: 0x11, count: 32), keyHash: [UInt8](repeating: 0x22, count: 32),
    dnsNames: ["other.example.org", "client.example.com"], emailAddresses: ["ann@example.com"],
    uris: ["spiffe://example.com/ann"])

  /// `ssh-ed25519` with 32 zero bytes, and with 32 bytes of one.
  static let keyLine = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA a@laptop"
  static let keyBlob: [UInt8] =
    [0, 0, 0, 11] + Array("ssh-ed25519".utf8) + [0, 0, 0, 32] + [UInt8](repeating: 0, count: 32)
  static let otherKeyBlob: [UInt8] =
    [0, 0, 0, 11] + Array("ssh-ed25519".utf8) + [0, 0, 0, 32] + [UInt8](repeating: 1, count: 32)

  /// `ip=… method=… path=… login=… key=1|2 host=… certified=1,root cert=valid|invalid|missing
  /// now=… cors`, parted by blanks.
  static func request(_ person: String, _ details: String) -> AccessRequest {
    var request = AccessRequest(subject: Self.person(person), now: now)
    for word in details.split(separator: " ") {
      let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
      let value = parts.count > 1 ? parts[1] : ""
      switch parts[0] {
      case "ip": request.sourceAddress = value
      case "method": request.method = value
      case "path": request.path = value
      case "login": request.sshUsername = value
      case "key": request.sshPublicKey = value == "1" ? keyBlob : otherKeyBlob
      case "cors": request.isCORSPreflight = true
      case "host": request.forwardHost = value == "any" ? .any : .name(value)
      case "certified":
        // By the key 1 or 2, for these names.
        request.sshCertificate = SSHCertificateShown(
          authority: value.hasPrefix("1") ? keyBlob : otherKeyBlob,
          principals: value.dropFirst().split(separator: ",").map(String.init), expiresAt: now.adding(seconds: 60))
      case "cert":
        request.certificate =
          value == "valid" ? .valid(certificate) : value == "invalid" ? .invalid(certificate) : .missing
      case "now": request.now = TimeText.date(value) ?? now
      default: break
      }
    }
    return request
  }
}
