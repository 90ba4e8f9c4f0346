/// Peer text made fit for a log line or a sentence: printable ASCII stays, everything else becomes `\u{…}`.
package enum PrintableText {
  package static func escaped(_ text: String, limit: Int = 200) -> String {
    var result = ""
    var count = 0
    for scalar in text.unicodeScalars {
      if count >= limit {
        result += "..."
        break
      }
      if scalar.value >= 0x20, scalar.value < 0x7f {
        result.unicodeScalars.append(scalar)
      } else {
        result += "\\u{\(String(scalar.value, radix: 16))}"
      }
      count += 1
    }
    return result
  }

  package static func escaped(_ bytes: some Collection<UInt8>, limit: Int = 200) -> String {
    escaped(String(decoding: bytes, as: UTF8.self), limit: limit)
  }
}
