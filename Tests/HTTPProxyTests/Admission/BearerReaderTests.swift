import EdgeCrypto
import HTTPWire
import Identity
import Testing

@testable import HTTPProxy

/// Which tokens in a request are for the edge, and which are the service's own business.
struct BearerReaderTests {
  private static let own = EdgeToken(.login, random: SecureRandom.source).text
  private static let signed = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln"

  private func find(_ fields: [(String, String)], takesSigned: Bool = true) -> BearerReader.Found {
    BearerReader.find(in: HeaderList(fields), takesSigned: takesSigned)
  }

  private func one(_ token: String, isForEdge: Bool = true, isInAuthorization: Bool = true) -> BearerReader.Found {
    .one(ShownBearer(token: token, isForEdge: isForEdge, isInAuthorization: isInAuthorization))
  }

  @Test func everyFormOfTheReference() {
    for token in [Self.own, Self.signed, "anything"] {
      #expect(find([("X-Pomerium-Authorization", token)]) == one(token, isInAuthorization: false))
      #expect(find([("x-pomerium-authorization", token)]) == one(token, isInAuthorization: false))
      #expect(find([("Authorization", "Pomerium \(token)")]) == one(token))
      #expect(find([("Authorization", "pomerium  \t\(token)")]) == one(token))
      #expect(find([("Authorization", "Bearer Pomerium-\(token)")]) == one(token))
    }
    #expect(find([("Authorization", "bearer \(Self.own)")]) == one(Self.own))
    #expect(find([("Authorization", "Bearer \(Self.signed)")]) == one(Self.signed, isForEdge: false))
    #expect(find([("Authorization", "Bearer \(Self.signed)")], takesSigned: false) == .none)
  }

  @Test func theServicesOwn() {
    for value in [
      "Bearer opaque", "Bearer", "Bearer ", "Basic dTpw", "Digest a=b", "Bearer a.b", "Bearer a..c", "Bearer a.b.c.d",
      "Bearer ghp_\(String(repeating: "a", count: 36))", "Bearer\(Self.own)", "te_", "", "Pomerium", "Pomeriumx y",
    ] {
      #expect(find([("Authorization", value)]) == .none, "\(value)")
    }
    for name in [
      "X_Pomerium_Authorization", "X-Pomerium_Authorization", "X-Pomerium-Authorizatio", "XPomeriumAuthorization",
    ] {
      #expect(find([(name, Self.own)]) == .none, "\(name)")
    }
    #expect(find([("Cookie", "a=\(Self.own)"), ("Referer", "https://a/?pomerium_session=\(Self.own)")]) == .none)
  }

  /// Whoever forgot the scheme must not show the token to whoever publishes the service.
  @Test func oneOfOursInAWrongFormIsNotPassedOn() {
    for value in [Self.own, "token \(Self.own)", "Basic \(Self.own)", "te_account_x"] {
      #expect(find([("Authorization", value)]) == .unreadable, "\(value)")
    }
  }

  @Test func twoAreNobody() {
    let ours = ("Authorization", "Bearer \(Self.own)")
    #expect(find([ours, ours]) == .several)
    #expect(find([ours, ("X-Pomerium-Authorization", Self.own)]) == .several)
    #expect(find([("X-Pomerium-Authorization", "a"), ("X-Pomerium-Authorization", "a")]) == .several)
    #expect(find([ours, ("Authorization", "Basic dTpw")]) == .several)
    #expect(find([("Authorization", "Basic dTpw"), ours]) == .several)
  }

  /// For what the field of our own is there: the service's token goes through beside it.
  @Test func theServicesOwnBesideOurs() {
    for value in ["Bearer opaque", "Basic dTpw", "Bearer \(Self.signed)"] {
      #expect(
        find([("Authorization", value), ("X-Pomerium-Authorization", Self.own)])
          == one(Self.own, isInAuthorization: false))
      #expect(
        find([("X-Pomerium-Authorization", Self.own), ("Authorization", value)])
          == one(Self.own, isInAuthorization: false))
    }
    #expect(find([("Authorization", "Bearer \(Self.signed)"), ("Authorization", "Bearer opaque")]) == .none)
  }

  @Test func whatCannotBeAToken() {
    let long = String(repeating: "a", count: BearerReader.longest + 1)
    for value in ["", " ", "two words", "caf\u{E9}", long] {
      #expect(find([("X-Pomerium-Authorization", value)]) == .unreadable, "\(value.prefix(20))")
    }
    #expect(find([("Authorization", "Pomerium \(long)")]) == .unreadable)
    #expect(find([("Authorization", "Bearer Pomerium-")]) == .unreadable)
    #expect(find([("Authorization", "Bearer \(long)")]) == .none)
    #expect(find([("Authorization", "Bearer te_login_ x")]) == .unreadable)
    #expect(
      find([("X-Pomerium-Authorization", String(long.dropLast()))])
        == one(String(long.dropLast()), isInAuthorization: false))
  }
}
