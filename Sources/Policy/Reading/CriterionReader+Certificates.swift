extension CriterionReader {
  mutating func certificateMatcher(_ node: PolicyNode) -> CertificateMatcher? {
    guard case .object(let entries) = node.value, !entries.isEmpty else {
      let list = CriterionName.certificate.map { "`\($0)`" }.joined(separator: ", ")
      fail(node, "expected what the certificate must have, not \(node.kind)", "operators are \(list)")
      return nil
    }
    var conditions: [CertificateMatcher.Condition] = []
    for entry in entries {
      if let condition = certificateCondition(entry) { conditions.append(condition) }
    }
    return errors.isEmpty ? CertificateMatcher(conditions: conditions) : nil
  }

  private mutating func certificateCondition(_ entry: PolicyNode.Entry) -> CertificateMatcher.Condition? {
    switch entry.key {
    case "fingerprint":
      return .fingerprint(
        among: hashes(entry, "64 hexadecimal digits: openssl x509 -noout -fingerprint -sha256 -in FILE") {
          Self.hexadecimal($0)
        })
    case "spki_hash":
      return .keyHash(
        among: hashes(entry, "base64 of the SHA-256 of the certificate's public key in DER form") { decodeBase64($0) })
    case "san_dns": return stringMatcher(entry.value).map { .dnsName($0) }
    case "san_email": return stringMatcher(entry.value).map { .emailAddress($0) }
    case "san_uri": return stringMatcher(entry.value).map { .uri($0) }
    default: return unknownOperator(entry, CriterionName.certificate)
    }
  }

  private mutating func hashes(
    _ entry: PolicyNode.Entry, _ form: String, _ decode: (String) -> [UInt8]?
  ) -> [[UInt8]] {
    var found: [[UInt8]] = []
    for (node, text) in texts(entry.value, "a hash") {
      if let bytes = decode(text), bytes.count == 32 {
        found.append(bytes)
      } else {
        fail(node, "`\(text)` is no `\(entry.key)`", form)
      }
    }
    return found
  }

  /// Digits in either case, in pairs with colons or without.
  private static func hexadecimal(_ text: String) -> [UInt8]? {
    let digits = text.utf8.filter { $0 != 0x3a }
    guard digits.count.isMultiple(of: 2), text.utf8.count == digits.count || text.utf8.count == digits.count / 2 * 3 - 1
    else { return nil }
    var bytes: [UInt8] = []
    var high: UInt8?
    for digit in digits {
      guard let value = Character(Unicode.Scalar(digit)).hexDigitValue.map({ UInt8($0) }) else { return nil }
      if let first = high {
        bytes.append(first << 4 | value)
        high = nil
      } else {
        high = value
      }
    }
    return bytes
  }
}
