import PlainText

/// One request to the provider, collected whole.
struct ProviderRequest: Sendable {
  var method: String
  /// As sent, without the query.
  var path: String
  var query: FormFields
  var headers: [(name: String, value: String)]
  var body: [UInt8]

  /// The only value of a header; `nil` when it is absent or there are several.
  func header(_ name: String) -> String? {
    let values = headers.filter { $0.name == name }
    return values.count == 1 ? values.first?.value : nil
  }

  /// The value of a cookie that was sent once.
  func cookie(_ name: String) -> String? {
    let pairs = headers.filter { $0.name == "cookie" }.flatMap { $0.value.split(separator: ";") }
    let values = pairs.compactMap { pair -> Substring? in
      let trimmed = pair.drop { $0 == " " }
      return trimmed.hasPrefix(name + "=") ? trimmed.dropFirst(name.utf8.count + 1) : nil
    }
    return values.count == 1 ? values.first.map(String.init) : nil
  }

  /// The fields of a form; `nil` when the body is something else.
  var form: FormFields? {
    guard let type = header("content-type"), type.lowercased().hasPrefix("application/x-www-form-urlencoded") else {
      return nil
    }
    return FormFields(String(decoding: body, as: UTF8.self))
  }
}

/// One answer of the provider.
struct ProviderResponse: Sendable {
  var status: Int
  var headers: [(name: String, value: String)]
  var body: [UInt8]

  init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  static func json(_ value: JSONText, status: Int = 200, cacheControl: String = "no-store") -> ProviderResponse {
    ProviderResponse(
      status: status, headers: [("content-type", "application/json"), ("cache-control", cacheControl)],
      body: Array(value.text.utf8))
  }

  /// An error of the token endpoint (RFC 6749, 5.2).
  static func oauthError(_ error: String, _ description: String, status: Int = 400) -> ProviderResponse {
    json(.object([("error", .string(error)), ("error_description", .string(description))]), status: status)
  }

  static func redirect(_ status: Int, to location: String) -> ProviderResponse {
    ProviderResponse(
      status: status,
      headers: [("location", location), ("cache-control", "no-store"), ("referrer-policy", "no-referrer")])
  }
}
