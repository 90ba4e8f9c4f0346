import HTTPWire
import PlainText

extension OwnResponse {
  /// A redirect of our own.
  static func redirect(_ location: String, status: Int = 302) -> OwnResponse {
    var response = OwnResponse(status: status)
    response.headers.add("Location", location)
    response.headers.add("Referrer-Policy", "no-referrer")
    response.headers.addOwnMarks()
    return response
  }

  static func json(_ value: JSONText, status: Int = 200) -> OwnResponse {
    var response = OwnResponse(status: status, body: Array((value.text + "\n").utf8))
    response.headers.add("Content-Type", "application/json")
    response.headers.add("X-Content-Type-Options", "nosniff")
    response.headers.addOwnMarks()
    return response
  }

  static func text(_ text: String, status: Int = 200) -> OwnResponse {
    var response = OwnResponse(status: status, body: Array(text.utf8))
    response.headers.add("Content-Type", "text/plain; charset=utf-8")
    response.headers.add("X-Content-Type-Options", "nosniff")
    response.headers.addOwnMarks()
    return response
  }
}
