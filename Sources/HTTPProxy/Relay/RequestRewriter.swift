import HTTPWire
import NIOCore
import Routing

/// Writes the head that goes down the tunnel: the visitor's, without what is only between the visitor and us, without
/// what only we may say (security rule 22), and with what we say.
struct RequestRewriter {
  let head: RequestHead
  let plan: RoutePlan
  let cookies: CookieReader
  /// The upgrade that may pass, if one is asked for.
  let upgrade: String?
  /// The address at the other end of the connection.
  let peerAddress: String
  /// Whether the peer's word about forwarded addresses counts (security rule 22).
  let isFromTrustedProxy: Bool
  /// Whether the peer's own address is left out behind what it says of others.
  var skipsPeer = false
  let scheme: String
  let requestID: RequestID
  /// What is said of the visitor, and whatever else is made for this request.
  let identityFields: HeaderList?
  /// The `to` that was chosen.
  var target: RouteTarget?
  /// The path where a pattern has rewritten it.
  var servicePath: String?
  /// Whether `Authorization` was for the edge.
  var dropsAuthorization = false

  /// What the service is asked for.
  var serviceTarget: String {
    guard let servicePath else { return plan.rewritten(head.target, to: target) }
    return head.query.map { "\(servicePath)?\($0)" } ?? servicePath
  }

  /// The Host it sees.
  var serviceHost: String { plan.host(for: head, to: target) }

  func write(into buffer: inout ByteBuffer) {
    HeadWriter.writeRequestLine(method: head.method, target: serviceTarget, into: &buffer)
    HeadWriter.writeField("Host", serviceHost, into: &buffer)
    let nominated = nominatedNames()
    var mask = FieldMask.all
    for (index, field) in head.headers.fields.enumerated() where !passes(field, nominated: nominated) {
      mask.remove(index)
    }
    head.headers.write(into: &buffer, mask: mask)
    cookies.writeOthers(of: head.headers, into: &buffer)
    writeForwarded(into: &buffer)
    plan.addedRequestFields.write(into: &buffer)
    identityFields?.write(into: &buffer)
    if let upgrade {
      buffer.writeString("Connection: Upgrade\r\nUpgrade: ")
      buffer.writeString(upgrade)
      buffer.writeString("\r\n")
    }
    HeadWriter.writeFraming(head.framing, into: &buffer)
    HeadWriter.endHead(&buffer)
  }

  // MARK: Fields of the visitor

  private func passes(_ field: HeaderList.Field, nominated: [[UInt8]]) -> Bool {
    switch field.kind {
    case .host, .connection, .contentLength, .transferEncoding, .keepAlive, .upgrade, .proxyConnection,
      .proxyAuthorization, .proxyAuthenticate, .proxyAuthenticationInfo, .http2Settings, .trailer, .forwarded,
      .xForwardedFor, .xForwardedHost, .xForwardedProto, .xRealIP, .xRequestID, .cookie:
      return false
    case .te:
      // Trailers are passed on, so the visitor's wish for them is too.
      return head.headers.valueEquals(field, "trailers")
    case .expect:
      return head.expectsContinue
    case .authorization where dropsAuthorization:
      return false
    case .other, .authorization, .origin, .accept, .acceptEncoding, .userAgent, .referer, .secFetchSite, .secFetchMode,
      .secWebSocketKey, .accessControlRequestMethod, .priority, .setCookie, .secWebSocketAccept, .wwwAuthenticate,
      .contentType,
      .server, .date, .altSvc, .nel, .reportTo, .clearSiteData, .strictTransportSecurity, .xFrameOptions,
      .xContentTypeOptions, .referrerPolicy, .contentSecurityPolicy, .location:
      break
    }
    if ProtectedNames.isProtected(field, of: head.headers) { return false }
    if !plan.removedNames.isEmpty, head.headers.foldedName(field, isOneOf: plan.removedNames) { return false }
    if !plan.removedPrefixes.isEmpty, plan.removes(field, of: head.headers) { return false }
    return nominated.isEmpty || !head.headers.foldedName(field, isOneOf: nominated)
  }

  /// What the Connection field names beyond the usual: hop-by-hop by the visitor's wish.
  private func nominatedNames() -> [[UInt8]] {
    guard head.headers.contains(.connection) else { return [] }
    return head.headers.listElements(.connection)
      .filter { !["close", "keep-alive", "upgrade", "te", "http2-settings"].contains($0) }
      .map { RoutePlan.folded($0) }
  }

  // MARK: Fields of ours

  private func writeForwarded(into buffer: inout ByteBuffer) {
    buffer.writeString("X-Forwarded-For: ")
    var isFirst = true
    if isFromTrustedProxy {
      for field in head.headers.fields where field.kind == .xForwardedFor {
        if !isFirst { buffer.writeString(", ") }
        buffer.writeBytes(head.headers.valueBytes(field))
        isFirst = false
      }
    }
    if isFirst || !skipsPeer {
      if !isFirst { buffer.writeString(", ") }
      buffer.writeString(peerAddress)
    }
    buffer.writeString("\r\nX-Forwarded-Host: ")
    buffer.writeString(head.authority?.text ?? "")
    buffer.writeString("\r\nX-Forwarded-Proto: ")
    buffer.writeString(scheme)
    buffer.writeString("\r\nX-Request-Id: ")
    requestID.write(into: &buffer)
    buffer.writeString("\r\n")
  }
}

/// Names that only the edge may use towards a service (security rule 22), with case and `_`/`-` folded.
enum ProtectedNames {
  private static let prefixes = [Array("x-pomerium-".utf8), Array("x-forwarded-".utf8)]
  private static let names = [Array("forwarded".utf8), Array("x-real-ip".utf8), Array("x-request-id".utf8)]
  // Known by these names and dealt with before; here are those that a careless service takes for them (`Content_Length`).
  private static let contentLength = Array("content-length".utf8)
  private static let transferEncoding = Array("transfer-encoding".utf8)
  private static let http2Settings = Array("http2-settings".utf8)
  private static let keepAlive = Array("keep-alive".utf8)
  private static let proxyPrefix = Array("proxy-".utf8)
  /// Becomes HTTP_PROXY, by which CGI programs choose whom they call (CVE-2016-5385).
  private static let proxy = Array("proxy".utf8)

  static func isProtected(_ field: HeaderList.Field, of list: HeaderList) -> Bool {
    switch list.firstNameByte(field) {
    case 0x78, 0x66:  // x, f
      return prefixes.contains { list.foldedName(field, hasPrefix: $0) } || list.foldedName(field, isOneOf: names)
    case 0x63: return list.foldedName(field, equals: contentLength)  // c
    case 0x74: return list.foldedName(field, equals: transferEncoding)  // t
    case 0x70: return list.foldedName(field, equals: proxy) || list.foldedName(field, hasPrefix: proxyPrefix)  // p
    case 0x68: return list.foldedName(field, equals: http2Settings)  // h
    case 0x6B: return list.foldedName(field, equals: keepAlive)  // k
    default: return false
    }
  }

  /// Whether a Connection list names one of them, or framing: nobody does that in good faith.
  static func areNominated(by head: RequestHead, plan: RoutePlan) -> Bool {
    guard head.headers.contains(.connection) else { return false }
    if head.headers.count(.connection) == 1, let field = head.headers.firstField(.connection),
      head.headers.valueEquals(field, "keep-alive") || head.headers.valueEquals(field, "close")
    {
      return false
    }
    return head.headers.listElements(.connection).contains { element in
      let folded = RoutePlan.folded(element)
      return prefixes.contains { folded.starts(with: $0) } || names.contains(folded)
        || plan.removedNames.contains(folded)
        || ["host", "cookie", "content-length", "transfer-encoding", "authorization", "origin"].contains(element)
    }
  }

  /// Fields that may not stand in trailers: framing, routing, identity (security rules 22 and 24).
  static func isForbiddenInTrailers(_ field: HeaderList.Field, of list: HeaderList) -> Bool {
    switch field.kind {
    case .host, .connection, .contentLength, .transferEncoding, .keepAlive, .te, .trailer, .upgrade, .expect,
      .proxyAuthenticate, .proxyAuthorization, .proxyConnection, .proxyAuthenticationInfo, .http2Settings, .cookie,
      .authorization, .origin, .setCookie, .wwwAuthenticate, .clearSiteData, .altSvc, .nel, .reportTo, .contentType:
      return true
    default: return isProtected(field, of: list)
    }
  }
}
