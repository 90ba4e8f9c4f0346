/// A claim of a token, as its JSON says it.
package indirect enum ClaimValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case list([ClaimValue])
  case object([String: ClaimValue])
}
