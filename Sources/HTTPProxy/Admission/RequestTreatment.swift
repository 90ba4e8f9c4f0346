import HTTPWire

/// What is done with requests before anything is decided about them, by the keys that Envoy has for it.
package struct RequestTreatment: Sendable {
  /// Also what becomes of fields with `_` in their names.
  package enum UnderscoreAction: Sendable { case allow, rejectRequest, dropField }
  package enum EscapedSlashAction: Sendable { case keepUnchanged, rejectRequest, redirect, forward }

  /// `headers_with_underscores_action`.
  package var underscores = UnderscoreAction.allow
  /// `path_with_escaped_slashes_action`.
  package var escapedSlashes = EscapedSlashAction.keepUnchanged
  /// `normalize_path`.
  package var normalizesPath = false
  /// `merge_slashes`.
  package var mergesSlashes = false

  package init() {}

  private var path: PathNormalization {
    var path = PathNormalization()
    path.unescapesSlashes = escapedSlashes == .forward
    path.resolvesDots = normalizesPath
    path.mergesSlashes = mergesSlashes
    return path
  }

  /// The request as everything behind this sees it.
  func treated(_ head: RequestHead) -> RequestHead {
    guard underscores == .dropField || escapedSlashes == .forward || normalizesPath || mergesSlashes else {
      return head
    }
    var head = head
    if underscores == .dropField {
      let all = head.headers
      head.headers.remove { all.hasUnderscore($0) }
    }
    // A path that leads to a redirect is not changed before that.
    if let changed = path.applied(to: head.path), redirectPath(of: head) == nil { head.replacePath(changed) }
    return head
  }

  /// Whether a trailer may pass; where fields with underscores are refused it is too late for that.
  func keeps(_ field: HeaderList.Field, of trailers: HeaderList) -> Bool {
    underscores == .allow || !trailers.hasUnderscore(field)
  }

  /// Why it is not even looked at.
  func refusal(of head: RequestHead) -> VisitorRefusal? {
    if underscores == .rejectRequest, head.headers.fields.contains(where: { head.headers.hasUnderscore($0) }) {
      return .badRequest("The name of a header has an underscore in it.")
    }
    if escapedSlashes == .rejectRequest, PathNormalization.unescapingSlashes.applied(to: head.path) != nil {
      return .badRequest("The path has an escaped slash in it.")
    }
    return nil
  }

  /// Where the visitor is sent instead.
  func redirectPath(of head: RequestHead) -> String? {
    guard escapedSlashes == .redirect, let path = PathNormalization.unescapingSlashes.applied(to: head.path) else {
      return nil
    }
    return head.query.map { "\(path)?\($0)" } ?? path
  }
}

extension PathNormalization {
  fileprivate static let unescapingSlashes: PathNormalization = {
    var path = PathNormalization()
    path.unescapesSlashes = true
    return path
  }()
}

extension HeaderList {
  fileprivate func hasUnderscore(_ field: Field) -> Bool { nameBytes(field).contains(0x5F) }
}
