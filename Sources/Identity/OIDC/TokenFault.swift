/// Why a token is refused. Names what was expected and what came.
struct TokenFault: Error, Sendable, Hashable, CustomStringConvertible {
  enum Kind: Sendable, Hashable {
    case malformed, algorithm, unknownKey, signature, issuer, audience, authorizedParty, expired, notYetValid, issuedAt,
      nonce, subject, accessTokenHash
  }

  let kind: Kind
  let description: String

  init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  /// Whether newer keys of the provider could change the verdict.
  var mayBeStaleKeys: Bool { kind == .unknownKey || kind == .signature }
}

/// A peer's text inside a message of ours: short, on one line, printable ASCII.
func quoted(_ text: String) -> String {
  var shown = ""
  for scalar in text.unicodeScalars.prefix(120) {
    if scalar.value >= 0x20, scalar.value < 0x7f {
      shown.unicodeScalars.append(scalar)
    } else {
      shown += "\\u{\(String(scalar.value, radix: 16))}"
    }
  }
  return "\"\(shown)\(text.unicodeScalars.count > 120 ? "…" : "")\""
}
