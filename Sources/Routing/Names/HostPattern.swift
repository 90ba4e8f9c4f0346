/// The host of a `from`: one name, or a wildcard. A wildcard has one `*` in its first label, which stands for one or
/// more characters, dots included (`*.example.com`, `app-*.example.com`).
package struct HostPattern: Sendable, Hashable, CustomStringConvertible {
  private enum Form: Sendable, Hashable {
    case name(HostName)
    /// What stands before and after the `*`.
    case wildcard(prefix: String, suffix: String)
  }

  private let form: Form

  package init(_ name: HostName) { form = .name(name) }

  package init?(_ text: String) {
    if let name = HostName(text) {
      form = .name(name)
      return
    }
    guard text.utf8.count <= HostName.longestName * 4 else { return nil }
    let labels = HostName.labels(of: text)
    // At least one whole label must follow: `*` alone would take every name there is.
    guard let first = labels.first, labels.count >= 2, let rest = HostName(labels.dropFirst().joined(separator: "."))
    else { return nil }
    let parts = first.split(separator: "*", omittingEmptySubsequences: false)
    guard parts.count == 2, let before = parts.first?.lowercased(), let after = parts.last?.lowercased(),
      // With a letter in the star's place the label must be one.
      HostName.isLabel((before + "x" + after).utf8)
    else { return nil }
    form = .wildcard(prefix: before, suffix: after + "." + rest.text)
  }

  package var isWildcard: Bool {
    if case .wildcard = form { return true }
    return false
  }

  /// The one name this pattern is, if it is no wildcard.
  package var name: HostName? {
    if case .name(let name) = form { return name }
    return nil
  }

  package func matches(_ host: HostName) -> Bool {
    switch form {
    case .name(let name): name == host
    case .wildcard(let prefix, let suffix):
      host.text.utf8.count > prefix.utf8.count + suffix.utf8.count && host.text.hasPrefix(prefix)
        && host.text.hasSuffix(suffix)
    }
  }

  /// Whether some name could belong to both.
  package func overlaps(_ other: HostPattern) -> Bool {
    switch (form, other.form) {
    case (.name(let name), _): other.matches(name)
    case (_, .name(let name)): matches(name)
    case (.wildcard(let prefix, let suffix), .wildcard(let otherPrefix, let otherSuffix)):
      (suffix.hasSuffix(otherSuffix) || otherSuffix.hasSuffix(suffix))
        && (prefix.hasPrefix(otherPrefix) || otherPrefix.hasPrefix(prefix))
    }
  }

  /// How much of a name the pattern fixes; the longest wildcard wins.
  package var literalLength: Int {
    switch form {
    case .name(let name): name.text.utf8.count
    case .wildcard(let prefix, let suffix): prefix.utf8.count + suffix.utf8.count
    }
  }

  package var description: String {
    switch form {
    case .name(let name): name.text
    case .wildcard(let prefix, let suffix): prefix + "*" + suffix
    }
  }
}
