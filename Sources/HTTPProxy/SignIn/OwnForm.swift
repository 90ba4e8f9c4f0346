import HTTPWire
import Identity

/// A form that was posted to one of our pages by one of our pages.
struct OwnForm: Sendable {
  let fields: [(String, String)]

  subscript(_ name: String) -> String? {
    let values = fields.filter { $0.0 == name }
    return values.count == 1 ? values.first?.1 : nil
  }

  enum Problem: Error, Sendable, Equatable {
    case notAForm
    /// Origin is missing or names another host (product.md, fine point 15).
    case foreignOrigin
  }

  /// `origin`: the origin of the authenticate host, the only one our forms come from.
  init(_ request: OwnRequest, origin: String) throws(Problem) {
    let origins = request.headers.values("origin")
    guard origins.count == 1, origins.first?.lowercased() == Self.serialized(origin) else { throw .foreignOrigin }
    if let site = request.headers.first("sec-fetch-site"), site != "same-origin" { throw .foreignOrigin }
    let type = request.headers.first("content-type")?.lowercased() ?? ""
    guard type == "application/x-www-form-urlencoded" || type.hasPrefix("application/x-www-form-urlencoded;") else {
      throw .notAForm
    }
    fields = QueryString.parse(String(decoding: request.body, as: UTF8.self))
  }

  /// As browsers write it: lower case, without the port that the scheme implies.
  private static func serialized(_ origin: String) -> String {
    let text = origin.lowercased()
    return text.hasPrefix("https://") && text.hasSuffix(":443") ? String(text.dropLast(4)) : text
  }
}
