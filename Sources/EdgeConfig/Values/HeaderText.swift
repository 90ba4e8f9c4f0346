/// A header that the configuration sets.
package struct HeaderSetting: Sendable, Hashable {
  package var name: String
  package var value: String

  package init(name: String, value: String) {
    self.name = name
    self.value = value
  }
}

/// A token (RFC 9110 section 5.6.2).
func isHeaderName(_ text: String) -> Bool {
  !text.isEmpty
    && text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
      }
    }
}

/// Printable ASCII, blanks and tabs inside (RFC 9110 section 5.5, without the obsolete bytes).
func isHeaderValue(_ text: String) -> Bool {
  text.utf8.allSatisfy { (0x20...0x7e).contains($0) || $0 == 0x09 } && text.utf8.first != 0x20 && text.utf8.last != 0x20
}
