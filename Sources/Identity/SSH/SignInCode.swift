/// What stands behind `user_code=` in the link that ssh prints: 128 bits in base64url.
package enum SignInCode {
  static let length = 22

  /// The code of a link as it was pasted. Where a terminal client has broken the link (plink at 77 columns, the next line
  /// beginning with `> `), the pieces between are what no code contains.
  package static func pasted(_ text: String) -> String {
    text.utf8.count <= 4 * length ? text.filter { !$0.isWhitespace && $0 != ">" && $0 != "|" } : text
  }
}
