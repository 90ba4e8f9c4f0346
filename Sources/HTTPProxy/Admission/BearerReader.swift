import HTTPWire
import Identity

/// A token in a request's fields that the edge looks at.
struct ShownBearer: Equatable {
  let token: String
  /// Meant for the edge by its form: whoever else could read it must not see it, and where it is good for nothing the request
  /// is refused. A signed token in a plain `Bearer` may be the service's own business.
  let isForEdge: Bool
  /// In `Authorization`, not in a field of the edge's own.
  let isInAuthorization: Bool
}

/// Finds the token that a program shows, in the forms of the reference:
///
///     X-Pomerium-Authorization: TOKEN
///     Authorization: Pomerium TOKEN
///     Authorization: Bearer Pomerium-TOKEN
///     Authorization: Bearer TOKEN
///
/// The last is for the edge where the token is one of its own making, or a signed one of an issuer it trusts; all else there
/// belongs to the service. A query is never looked at (security rule 16).
enum BearerReader {
  enum Found: Equatable {
    case none
    case one(ShownBearer)
    /// Two that are for the edge: nobody can say which of them counts.
    case several
    /// For the edge, and nothing that could be a token.
    case unreadable
  }

  /// Longer than the tokens of any issuer, shorter than the head of a request may be.
  static let longest = 16_384
  private static let ownField = Array("x-pomerium-authorization".utf8)
  private static let pomerium = Array("pomerium".utf8)
  private static let bearer = Array("bearer".utf8)
  private static let marked = Array("Pomerium-".utf8)
  private static let ownTokens = Array("te_".utf8)

  /// - Parameter takesSigned: whether a signed token in a plain `Bearer` can be one for the edge.
  static func find(in headers: HeaderList, takesSigned: Bool) -> Found {
    var found = Found.none
    var authorizations = 0
    for field in headers.fields {
      let next: Found
      switch field.kind {
      case .authorization:
        authorizations += 1
        next = authorization(headers.valueBytes(field), takesSigned: takesSigned)
      case .other where headers.firstNameByte(field) == 0x78 && isSame(headers.nameBytes(field), ownField):
        next = token(headers.valueBytes(field), isForEdge: true, isInAuthorization: false)
      default: continue
      }
      found = joined(found, next)
    }
    if authorizations > 1, case .one(let bearer) = found, bearer.isInAuthorization {
      return bearer.isForEdge ? .several : .none
    }
    return found
  }

  private static func joined(_ first: Found, _ second: Found) -> Found {
    switch (first, second) {
    case (_, .none): return first
    case (.none, _): return second
    case (.one(let one), .one(let other)) where one.isForEdge != other.isForEdge: return one.isForEdge ? first : second
    default: return .several
    }
  }

  private static func authorization(_ value: ArraySlice<UInt8>, takesSigned: Bool) -> Found {
    guard let blank = value.firstIndex(where: { $0 == ByteClass.space || $0 == ByteClass.tab }) else {
      return isMisplaced(value) ? .unreadable : .none
    }
    let scheme = value[..<blank]
    let rest = value[blank...].trimmingBlanks()
    if isSame(scheme, pomerium) { return token(rest, isForEdge: true, isInAuthorization: true) }
    guard isSame(scheme, bearer) else { return isMisplaced(rest) ? .unreadable : .none }
    if rest.starts(with: marked) {
      return token(rest.dropFirst(marked.count), isForEdge: true, isInAuthorization: true)
    }
    guard rest.count <= longest else { return .none }
    let text = String(decoding: rest, as: UTF8.self)
    if EdgeToken.isOurs(text) { return token(rest, isForEdge: true, isInAuthorization: true) }
    guard takesSigned, isSigned(rest) else { return .none }
    return token(rest, isForEdge: false, isInAuthorization: true)
  }

  /// One of the edge's own without a scheme, or behind a wrong one: good for nothing, and not for the service's eyes.
  private static func isMisplaced(_ bytes: ArraySlice<UInt8>) -> Bool {
    bytes.starts(with: ownTokens) && EdgeToken.isOurs(String(decoding: bytes.prefix(longest), as: UTF8.self))
  }

  private static func token(_ bytes: ArraySlice<UInt8>, isForEdge: Bool, isInAuthorization: Bool) -> Found {
    guard !bytes.isEmpty, bytes.count <= longest, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      return isForEdge ? .unreadable : .none
    }
    return .one(
      ShownBearer(
        token: String(decoding: bytes, as: UTF8.self), isForEdge: isForEdge, isInAuthorization: isInAuthorization))
  }

  /// But for case. A name that only folds to ours (`_` for `-`) is a disguise, which nobody reads and no service sees.
  private static func isSame(_ bytes: ArraySlice<UInt8>, _ name: [UInt8]) -> Bool {
    bytes.count == name.count && zip(bytes, name).allSatisfy { ByteClass.lowercased($0) == $1 }
  }

  /// Three parts with something in each (RFC 7515 section 3.1).
  private static func isSigned(_ bytes: ArraySlice<UInt8>) -> Bool {
    let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return parts.count == 3 && parts.allSatisfy { !$0.isEmpty }
  }
}
