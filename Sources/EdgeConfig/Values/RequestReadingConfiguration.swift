/// What is done with requests before anything is decided about them, and which protocols they come by.
package struct RequestReadingConfiguration: Sendable, Equatable {
  package enum UnderscoreAction: String, Sendable {
    case allow, rejectRequest = "reject_request", dropHeader = "drop_header"
  }

  package enum EscapedSlashAction: String, Sendable {
    case keepUnchanged = "keep_unchanged"
    case rejectRequest = "reject_request"
    case redirect = "unescape_and_redirect"
    case forward = "unescape_and_forward"
  }

  package enum Protocols: String, Sendable { case auto, http1, http2 }

  /// `headers_with_underscores_action`.
  package var underscores = UnderscoreAction.allow
  /// `normalize_path`.
  package var normalizesPath = false
  /// `merge_slashes`.
  package var mergesSlashes = false
  /// `path_with_escaped_slashes_action`.
  package var escapedSlashes = EscapedSlashAction.keepUnchanged
  /// `codec_type`.
  package var protocols = Protocols.auto

  package init() {}
}
