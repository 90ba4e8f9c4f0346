extension ConfigurationReader {
  func requestReading() -> RequestReadingConfiguration {
    var requests = RequestReadingConfiguration()
    if let text = section.choice("headers_with_underscores_action") {
      requests.underscores = .init(rawValue: text) ?? .allow
    }
    requests.normalizesPath = section.flag("normalize_path") ?? false
    requests.mergesSlashes = section.flag("merge_slashes") ?? false
    if let text = section.choice("path_with_escaped_slashes_action") {
      requests.escapedSlashes = .init(rawValue: text) ?? .keepUnchanged
    }
    if let text = section.choice("codec_type") {
      if text == "http3", let setting = section.setting("codec_type") {
        section.error(setting, "HTTP/3 is not supported in this version", "`auto` is HTTP/1.1 and HTTP/2")
      }
      requests.protocols = .init(rawValue: text) ?? .auto
    }
    return requests
  }
}
