/// The names that may stand in a list of criteria.
package enum CriterionName {
  /// With the operators that each one takes; none where the data is something else than an operator.
  package static let operators: [String: [String]] = [
    "accept": [], "authenticated_user": [], "claim": list, "client_certificate": certificate, "cors_preflight": [],
    "date": ["after", "before"], "day_of_week": ["days", "timezone"], "device": device, "domain": text, "email": text,
    "groups": list, "http_method": text, "http_path": text, "invalid_client_certificate": [], "pomerium_routes": [],
    "reject": [], "service_account": text, "source_ip": [], "ssh_ca": [], "ssh_forward_host": [], "ssh_publickey": [],
    "ssh_username": text, "ssh_username_matches_claim": [], "ssh_username_matches_email": [],
    "time_of_day": ["timezone", "after", "before"], "user": text,
  ]

  package static let supported = operators.keys.sorted()

  /// Criteria of the reference's other editions that cannot make sense here, and what to do instead.
  package static let unsupported = [
    "mcp_tool": "which tool is called stands in a request's body, and the edge decides before it: use `http_path`",
    "record": "there is no external data here: use `claim/…` or `groups` of what the provider says",
  ]

  static let known = Set(supported + unsupported.keys)

  static let text = ["is", "not", "contains", "starts_with", "ends_with", "in", "not_in"]
  static let list = ["has", "is", "exclude"]
  static let certificate = ["fingerprint", "spki_hash", "san_dns", "san_email", "san_uri"]
  static let device = ["is", "approved", "type"]
}
