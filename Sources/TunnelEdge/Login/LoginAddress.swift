import EdgeCrypto
import Foundation

/// What a person types after `tunnel-edge login`: a page behind an edge, or only its host.
struct LoginAddress: Equatable {
  struct Mistake: Error, CustomStringConvertible {
    var description: String
  }

  /// `https://app.example.com`, with a port where it is not 443.
  let origin: String
  /// Of the page: which route of the host is meant.
  let path: String
  /// Lower case, without a port.
  let host: String
  private let port: Int?

  init(_ written: String) throws(Mistake) {
    let text = written.contains("://") ? written : "https://" + written
    guard let parts = URLComponents(string: text), parts.scheme?.lowercased() == "https",
      let host = parts.host?.lowercased(),
      !host.isEmpty, !host.hasPrefix("."), !host.contains(".."),
      host.utf8.allSatisfy(Self.isNameByte), parts.user == nil, parts.password == nil,
      parts.rangeOfPort == nil || (1...65_535).contains(parts.port ?? 0)
    else {
      throw Mistake(description: "`\(written)` is no page behind an edge; write it as https://app.example.com")
    }
    self.host = host
    port = parts.port == 443 ? nil : parts.port
    origin = "https://\(host)" + (port.map { ":\($0)" } ?? "")
    path = parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath
  }

  /// One file for each host, and for each path that was asked for.
  var fileName: String {
    var name = host + (port.map { "_\($0)" } ?? "")
    if path != "/" { name += "_" + Base64.encodeURL(Array(Digest.sha256(path).prefix(6))) }
    return name + ".json"
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x61...0x7A, 0x2D, 0x2E: true
    default: false
    }
  }
}
