import Policy

extension ClaimValue {
  /// A member of an object.
  func member(_ name: String) -> ClaimValue? {
    guard case .object(let members) = self else { return nil }
    return members[name]
  }

  func text(_ name: String) -> String? { member(name)?.asText }

  var asText: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  /// A number that came as a JSON number; the fraction some providers send is kept.
  var asNumber: Double? {
    guard case .number(let number) = self else { return nil }
    return number
  }

  var asBool: Bool? {
    guard case .bool(let bool) = self else { return nil }
    return bool
  }

  /// The strings of a list; other elements are left out.
  var asTexts: [String]? {
    guard case .list(let elements) = self else { return nil }
    return elements.compactMap(\.asText)
  }

  var asMembers: [String: ClaimValue]? {
    guard case .object(let members) = self else { return nil }
    return members
  }

  static func time(_ time: UnixTime) -> ClaimValue { .number(Double(time.milliseconds)) }

  var asTime: UnixTime? {
    guard let number = asNumber, let milliseconds = Int64(exactly: number.rounded()) else { return nil }
    return UnixTime(milliseconds: milliseconds)
  }
}
