import HTTPWire
import Policy
import Routing

/// What a service is told beyond the visitor's own fields.
extension Exchange {
  /// Of who asks, and whatever else the route makes for each request; `nil` where there is nothing.
  func knowledgeFields(_ head: RequestHead, _ plan: RoutePlan, _ grant: Admission.Grant) -> HeaderList? {
    guard plan.tellsOfVisitors else { return nil }
    var knowledge: ServiceKnowledge?
    if grant.tellsIdentity, let visitor = grant.visitor, let name = head.authority?.host {
      knowledge = visitor.knowledge(
        for: plan, host: HostName(name)?.text ?? name, identity: loop.shared.identity, now: loop.shared.clock())
    }
    let templates = plan.route.http.shaping.headerTemplates
    if templates.isEmpty { return knowledge?.fields }
    var fields = knowledge?.fields ?? HeaderList()
    var head = head
    if grant.bearer?.isInAuthorization == true { head.headers.remove("authorization") }
    TemplateFields.add(
      templates, for: head, knowing: knowledge, certificate: grant.provenCertificate, to: &fields)
    return fields
  }
}
