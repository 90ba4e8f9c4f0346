extension AccessPolicy {
  /// Names that `ssh_forward_host` criteria leave to somebody, their claims in place and `*` where anything may stand:
  /// `*.alice.dev.example.com`. To be decided about like any other name; `nil` where no rule that allows asks for the name.
  package func forwardHosts(of subject: Subject) -> [String]? {
    var hosts: [String]?
    for rule in rules where rule.action == .allow {
      for group in rule.groups where group.operation.isPositive {
        for criterion in group.criteria {
          guard case .sshForwardHost(let patterns) = criterion.test else { continue }
          var known = hosts ?? []
          for host in patterns.lazy.flatMap({ $0.hosts(of: subject) }) {
            guard known.count < Self.mostForwardHosts else { break }
            if !known.contains(host) { known.append(host) }
          }
          hosts = known
        }
      }
    }
    return hosts
  }

  /// A list for people; claims may hold thousands.
  private static let mostForwardHosts = 20
}
