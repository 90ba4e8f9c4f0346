internal import Patterns
internal import Policy

extension ConfigurationReader {
  func clientCertificates(isInsecure: Bool) -> ClientCertificateConfiguration? {
    guard let written = section.setting("downstream_mtls") ?? Self.parts.lazy.compactMap(section.setting).first else {
      return nil
    }
    if isInsecure {
      findings.error(
        written.place, "`downstream_mtls`: with `insecure_server` there is no TLS that could ask for certificates",
        "let whoever ends TLS before the edge ask for them")
    }
    let enforcement =
      section.choice("downstream_mtls.enforcement").flatMap(ClientCertificateConfiguration.Enforcement.init(rawValue:))
      ?? .policyWithDefaultDeny
    let depth = section.number("downstream_mtls.max_verify_depth", in: 0...100)
    let rules = nameRules()
    let revocations = blocks("downstream_mtls.crl", "X509 CRL", "revocation list")
    guard section.isWritten("downstream_mtls.ca") || section.isWritten("downstream_mtls.ca_file") else {
      findings.error(
        written.place, "`downstream_mtls`: nobody is named who vouches for visitors", "set `ca_file` or `ca`")
      return nil
    }
    guard let authorities = blocks("downstream_mtls.ca", "CERTIFICATE", "certificate") else { return nil }
    return ClientCertificateConfiguration(
      authorities: authorities.pem, revocations: revocations?.pem, enforcement: enforcement, nameRules: rules,
      maximumDepth: depth, place: "\(authorities.place)")
  }

  private static let parts = ["ca", "ca_file", "crl", "crl_file", "enforcement", "max_verify_depth"].map {
    "downstream_mtls." + $0
  }

  /// Policies that ask for what no visitor is asked for.
  func checkCertificates(_ routes: [RouteConfiguration]) {
    guard !(["downstream_mtls"] + Self.parts).contains(where: section.isWritten),
      let route = routes.first(where: { $0.visitPolicy.asksForCertificates })
    else { return }
    findings.warning(
      section.place,
      "the policy of \(route.from.scheme.rawValue)://\(route.from.host) asks for certificates, and no visitor is asked to show one",
      "name who vouches for visitors: `downstream_mtls: {ca_file: …}`")
  }

  /// PEM in place or in a file, with at least one block of a kind.
  private func blocks(_ name: String, _ label: String, _ what: String) -> (pem: String, place: Place)? {
    guard let (text, setting) = section.textOrFile(name) else { return nil }
    guard let pem = section.pem(from: text), pem.contains("-----BEGIN \(label)-----") else {
      section.error(setting, "no \(what) in PEM form", "it begins with -----BEGIN \(label)-----")
      return nil
    }
    return (pem, setting.place)
  }

  private func nameRules() -> [ClientCertificateConfiguration.NameRule] {
    guard let setting = section.setting("downstream_mtls.match_subject_alt_names") else { return [] }
    guard let nodes = setting.node.sequence else {
      section.error(setting, "expected a list, not \(setting.node.kind)", "as `- dns: '.*\\.example\\.com'`")
      return []
    }
    return nodes.flatMap { node -> [ClientCertificateConfiguration.NameRule] in
      let place = Place(source: setting.place.source, position: node.position)
      guard let entries = node.mapping, !entries.isEmpty else {
        findings.error(
          place, "`match_subject_alt_names`: expected a kind with a pattern, not \(node.kind)",
          "as `- dns: '.*\\.example\\.com'`")
        return []
      }
      return entries.compactMap { nameRule($0, place.source) }
    }
  }

  private func nameRule(_ entry: YAMLEntry, _ source: String) -> ClientCertificateConfiguration.NameRule? {
    let place = Place(source: source, position: entry.value.position)
    guard let kind = ClientCertificateConfiguration.NameRule.Kind(rawValue: entry.key) else {
      let known = ClientCertificateConfiguration.NameRule.Kind.allCases.map { "`\($0.rawValue)`" }
      findings.error(
        Place(source: source, position: entry.keyPosition), "`match_subject_alt_names`: unknown kind `\(entry.key)`",
        "kinds are \(known.joined(separator: ", "))")
      return nil
    }
    guard let text = entry.value.text else {
      findings.error(place, "`match_subject_alt_names`: expected a pattern, not \(entry.value.kind)")
      return nil
    }
    do throws(PatternError) {
      return ClientCertificateConfiguration.NameRule(kind: kind, pattern: try WholePattern(text))
    } catch {
      findings.error(place, "`match_subject_alt_names`: \(error.message)", error.suggestion)
      return nil
    }
  }
}
