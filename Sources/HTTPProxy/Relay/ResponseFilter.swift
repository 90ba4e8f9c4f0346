import HTTPWire

/// What of a service's answer reaches the visitor (security rule 19).
struct ResponseFilter {
  /// Which of the service's fields are passed on.
  private(set) var mask = FieldMask.all
  /// Fields that take the place of dropped ones, or that we add.
  private(set) var additions: [HeaderList] = []

  init(_ head: ResponseHead, answering method: RequestMethod, plan: RoutePlan, cookies: CookieReader) {
    let headers = head.headers
    var present: UInt64 = 0
    for (index, field) in headers.fields.enumerated() {
      present |= 1 << UInt64(field.kind.rawValue & 63)
      switch field.kind {
      case .contentLength
      where head.framing == .none && head.status >= 200 && (method == .head || head.status == 304):
        // There is no body to frame: the length is information, and the service's.
        break
      case .upgrade where head.status == 426 && plan.allowsUpgrades(headers.listElements(.upgrade)):
        // RFC 9110 section 15.5.22: the answer must say to what.
        break
      case .connection, .contentLength, .transferEncoding, .keepAlive, .upgrade, .proxyConnection, .proxyAuthenticate,
        .proxyAuthenticationInfo, .proxyAuthorization, .te, .trailer, .altSvc, .nel, .reportTo, .http2Settings:
        mask.remove(index)
      case .clearSiteData:
        if Self.clearsCookies(headers.value(field)) { mask.remove(index) }
      case .setCookie:
        filterCookie(field, at: index, of: headers, cookies: cookies)
      default:
        if headers.firstNameByte(field) == 0x70 && headers.foldedName(field, hasPrefix: Self.proxyPrefix)
          || (!plan.replacedResponseNames.isEmpty && headers.foldedName(field, isOneOf: plan.replacedResponseNames))
        {
          mask.remove(index)
        }
      }
    }
    dropNominated(by: headers)
    if !plan.responseRewrites.isEmpty { rewrite(headers, plan) }
    guard !head.isInterim else { return }
    if head.status != 101, present & plan.defaultResponseKinds == 0, additions.isEmpty {
      // The usual case: the service has no opinion on any of them.
      additions = plan.usualAdditions
      return
    }
    if !plan.addedResponseFields.isEmpty { additions.append(plan.addedResponseFields) }
    guard head.status != 101 else { return }
    for (kind, name, line) in plan.defaultResponseFields {
      let isPresent =
        kind == .other
        ? headers.fields.contains { headers.foldedName($0, equals: name) }
        : present >> UInt64(kind.rawValue & 63) & 1 == 1
      if !isPresent { additions.append(line) }
    }
  }

  /// `rewrite_response_headers`; a field that something else has dropped or replaced stays so.
  private mutating func rewrite(_ headers: HeaderList, _ plan: RoutePlan) {
    for (index, field) in headers.fields.enumerated() where mask.contains(index) {
      let value = headers.valueBytes(field)
      guard
        let rule = plan.responseRewrites.first(where: {
          headers.foldedName(field, equals: $0.name) && value.starts(with: $0.prefix)
        })
      else { continue }
      mask.remove(index)
      let rest = String(decoding: value.dropFirst(rule.prefix.count), as: UTF8.self)
      additions.append(HeaderList([(headers.name(field), rule.value + rest)]))
    }
  }

  /// Leads back to the visitor's address what leads to the service's. What `rewrite_response_headers` and
  /// `set_response_headers` have said stands.
  mutating func leadBack(_ headers: HeaderList, from address: ServiceAddress) {
    for (index, field) in headers.fields.enumerated() where field.kind == .location && mask.contains(index) {
      guard let location = address.visitorsLocation(for: headers.valueBytes(field)) else { continue }
      mask.remove(index)
      additions.append(HeaderList([("Location", location)]))
    }
  }

  /// Trailers that may pass; `nil` when a field of framing or identity is among them (security rule 24).
  static func trailers(_ trailers: HeaderList) -> HeaderList? {
    for field in trailers.fields where ProtectedNames.isForbiddenInTrailers(field, of: trailers) { return nil }
    var kept = trailers
    let all = trailers
    kept.remove { all.foldedName($0, hasPrefix: proxyPrefix) }
    return kept
  }

  private static let proxyPrefix = Array("proxy-".utf8)

  private static func clearsCookies(_ value: String) -> Bool {
    let lowered = value.lowercased()
    return lowered.contains("cookies") || lowered.contains("*")
  }

  private mutating func dropNominated(by headers: HeaderList) {
    guard headers.contains(.connection) else { return }
    let names = headers.listElements(.connection).filter { !["close", "keep-alive", "upgrade"].contains($0) }
      .map { RoutePlan.folded($0) }
    guard !names.isEmpty else { return }
    for (index, field) in headers.fields.enumerated() where headers.foldedName(field, isOneOf: names) {
      mask.remove(index)
    }
  }

  /// Our names are dropped. A cookie with a Domain loses the attribute, not its life: even the host's own name as Domain
  /// would send it to every name below, which may be another publisher's.
  private mutating func filterCookie(
    _ field: HeaderList.Field, at index: Int, of headers: HeaderList, cookies: CookieReader
  ) {
    let value = headers.valueBytes(field)
    // A cookie without a name is sent as its bare value: `=__Host-…` would come back as ours.
    if cookies.isOwn(value.drop { $0 == 0x3D || $0 == ByteClass.space || $0 == ByteClass.tab }) {
      mask.remove(index)
      return
    }
    let parts = value.split(separator: 0x3B, omittingEmptySubsequences: false)
    guard parts.dropFirst().contains(where: { Self.isDomain($0) }) else { return }
    mask.remove(index)
    let kept = parts.enumerated().filter { $0.offset == 0 || !Self.isDomain($0.element) }
    let text = kept.map { String(decoding: $0.element, as: UTF8.self) }.joined(separator: ";")
    additions.append(HeaderList([("Set-Cookie", text)]))
  }

  private static func isDomain(_ attribute: ArraySlice<UInt8>) -> Bool {
    let name = attribute.prefix { $0 != 0x3D }.trimmingBlanks()
    return name.count == 6 && name.map { ByteClass.lowercased($0) } == Array("domain".utf8)
  }
}
