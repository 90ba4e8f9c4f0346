/// The header fields this proxy has an opinion on. A parsed field carries its kind, so that later stages switch on a byte
/// instead of comparing names.
package enum KnownField: UInt8, Sendable, CaseIterable {
  /// A field passed on as it is.
  case other = 0
  // Framing and the connection itself
  case host, connection, contentLength, transferEncoding, keepAlive, te, trailer, upgrade, expect
  case proxyAuthenticate, proxyAuthorization, proxyConnection, proxyAuthenticationInfo, http2Settings
  // Requests
  case cookie, authorization, origin, accept, acceptEncoding, userAgent, referer
  case secFetchSite, secFetchMode, secWebSocketKey, accessControlRequestMethod, priority
  case forwarded, xForwardedFor, xForwardedHost, xForwardedProto, xRealIP, xRequestID
  // Responses
  case setCookie, secWebSocketAccept, wwwAuthenticate, contentType, server, date
  case altSvc, nel, reportTo, clearSiteData, location
  case strictTransportSecurity, xFrameOptions, xContentTypeOptions, referrerPolicy, contentSecurityPolicy

  /// The name in lower case.
  package var name: String {
    switch self {
    case .other: ""
    case .host: "host"
    case .connection: "connection"
    case .contentLength: "content-length"
    case .transferEncoding: "transfer-encoding"
    case .keepAlive: "keep-alive"
    case .te: "te"
    case .trailer: "trailer"
    case .upgrade: "upgrade"
    case .expect: "expect"
    case .proxyAuthenticate: "proxy-authenticate"
    case .proxyAuthorization: "proxy-authorization"
    case .proxyConnection: "proxy-connection"
    case .proxyAuthenticationInfo: "proxy-authentication-info"
    case .http2Settings: "http2-settings"
    case .cookie: "cookie"
    case .authorization: "authorization"
    case .origin: "origin"
    case .accept: "accept"
    case .acceptEncoding: "accept-encoding"
    case .userAgent: "user-agent"
    case .referer: "referer"
    case .secFetchSite: "sec-fetch-site"
    case .secFetchMode: "sec-fetch-mode"
    case .secWebSocketKey: "sec-websocket-key"
    case .accessControlRequestMethod: "access-control-request-method"
    case .priority: "priority"
    case .forwarded: "forwarded"
    case .xForwardedFor: "x-forwarded-for"
    case .xForwardedHost: "x-forwarded-host"
    case .xForwardedProto: "x-forwarded-proto"
    case .xRealIP: "x-real-ip"
    case .xRequestID: "x-request-id"
    case .setCookie: "set-cookie"
    case .secWebSocketAccept: "sec-websocket-accept"
    case .wwwAuthenticate: "www-authenticate"
    case .contentType: "content-type"
    case .server: "server"
    case .date: "date"
    case .altSvc: "alt-svc"
    case .nel: "nel"
    case .reportTo: "report-to"
    case .clearSiteData: "clear-site-data"
    case .location: "location"
    case .strictTransportSecurity: "strict-transport-security"
    case .xFrameOptions: "x-frame-options"
    case .xContentTypeOptions: "x-content-type-options"
    case .referrerPolicy: "referrer-policy"
    case .contentSecurityPolicy: "content-security-policy"
    }
  }
}

/// A field name packed while it is scanned: length, first and last eight bytes, in lower case. Equal for equal names; for
/// names of up to sixteen bytes also different for different ones.
struct PackedName {
  var first: UInt64 = 0
  var last: UInt64 = 0
  var length = 0

  @inline(__always)
  mutating func append(lowercased byte: UInt8) {
    last = last << 8 | UInt64(byte)
    length += 1
    if length == 8 { first = last }
  }

  /// A small hash for the table of known names.
  var slot: Int { Int(truncatingIfNeeded: (last ^ (last >> 17) ^ UInt64(length) &* 37) & 127) }
}

extension KnownField {
  /// The known field of this name, compared without case.
  static func matching(_ packed: PackedName, in bytes: Span<UInt8>, at start: Int) -> KnownField {
    let table = Self.table
    var index = Int(table.firstOfSlot[packed.slot])
    while index < table.entries.count, table.entries[index].slot == packed.slot {
      let entry = table.entries[index]
      if entry.packed.last == packed.last, entry.packed.length == packed.length, entry.packed.first == packed.first,
        packed.length <= 16 || equals(entry.field.name, bytes, at: start)
      {
        return entry.field
      }
      index += 1
    }
    return .other
  }

  /// Names of more than sixteen bytes are compared in full, once their ends agree.
  private static func equals(_ name: String, _ bytes: Span<UInt8>, at start: Int) -> Bool {
    guard start + name.utf8.count <= bytes.count else { return false }
    var index = start
    for byte in name.utf8 {
      guard byte == ByteClass.lowercased(bytes[index]) else { return false }
      index += 1
    }
    return true
  }

  /// Entries in the order of their slots: two flat arrays without anything to count references to.
  private struct Table {
    struct Entry {
      var packed: PackedName
      var slot: Int
      var field: KnownField
    }

    var entries: [Entry] = []
    var firstOfSlot: [UInt8] = []

    init() {
      entries = KnownField.allCases.filter { $0 != .other }.map { field in
        var packed = PackedName()
        for byte in field.name.utf8 { packed.append(lowercased: byte) }
        return Entry(packed: packed, slot: packed.slot, field: field)
      }
      entries.sort { $0.slot < $1.slot }
      firstOfSlot = (0..<128).map { slot in
        UInt8(truncatingIfNeeded: entries.firstIndex { $0.slot == slot } ?? entries.count)
      }
    }
  }

  private static let table = Table()
}
