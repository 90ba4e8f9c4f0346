import EdgeCrypto
import HTTPWire
import Identity
import Policy
import Routing

/// What the services of one route are told of a visitor: the same for all requests of a minute.
struct ServiceKnowledge {
  /// Sent as they are: identity, impersonation.
  var fields = HeaderList()
  /// For values of `set_request_headers`.
  var assertion: String?
  var tokens: ProviderTokens?

  /// Whether there is anything to know.
  static func isNeeded(_ http: HTTPRouteSettings) -> Bool {
    http.passesIdentityHeaders || http.shaping.kubernetesToken != nil || !http.shaping.headerTemplates.isEmpty
  }

  init(session: Session, host: String, plan: RoutePlan, identity: any VisitorIdentity) {
    let http = plan.route.http
    let parts = http.shaping.headerTemplates.flatMap(\.parts)
    if http.passesIdentityHeaders || parts.contains(.assertion) {
      assertion = identity.signAssertion(session: session, host: host, options: plan.assertionOptions)
    }
    if parts.contains(.accessToken) || parts.contains(.idToken) {
      tokens = identity.providerTokens(sessionID: session.id)
    }
    if http.passesIdentityHeaders {
      fields = IdentityFields.make(session.subject, assertion: assertion, plan: plan)
    }
    if let token = http.shaping.kubernetesToken { addImpersonation(of: session.subject, token: token, plan: plan) }
  }

  /// The token alone would be all of its rights, so it comes with somebody to act for or not at all.
  private mutating func addImpersonation(of subject: Subject, token: String, plan: RoutePlan) {
    let address = subject.emailIsTrusted ? subject.email : nil
    guard let user = [address, subject.userID].compactMap({ $0 }).first(where: IdentityFields.isPrintable) else {
      return
    }
    fields.add("Authorization", "Bearer \(token)")
    fields.add("Impersonate-User", user)
    for group in plan.groups(of: subject) where IdentityFields.isPrintable(group) {
      fields.add("Impersonate-Group", group)
    }
  }
}

/// The headers of `set_request_headers` that are made for each request.
enum TemplateFields {
  /// A header that one of its placeholders has no value for is left out.
  static func add(
    _ templates: [HeaderTemplate], for head: RequestHead, knowing: ServiceKnowledge?, certificate: ClientCertificate?,
    to fields: inout HeaderList
  ) {
    for template in templates {
      var value = ""
      var isWhole = true
      for part in template.parts {
        guard let text = text(of: part, head, knowing, certificate) else {
          isWhole = false
          break
        }
        value += text
      }
      if isWhole { fields.add(template.name, value) }
    }
  }

  private static func text(
    of part: HeaderTemplate.Part, _ head: RequestHead, _ knowing: ServiceKnowledge?, _ certificate: ClientCertificate?
  ) -> String? {
    switch part {
    case .literal(let text): text
    case .accessToken: printable(knowing?.tokens?.accessToken)
    case .idToken: printable(knowing?.tokens?.idToken)
    case .assertion: knowing?.assertion
    case .certificateFingerprint: certificate.map { Hex.encode($0.fingerprint) }
    case .certificateDNSName: printable(certificate?.dnsNames.first)
    case .certificateAddress: printable(certificate?.emailAddresses.first)
    case .requestHeader(let name): head.headers.first(name)
    }
  }

  private static func printable(_ text: String?) -> String? {
    text.flatMap { IdentityFields.isPrintable($0) ? $0 : nil }
  }
}
