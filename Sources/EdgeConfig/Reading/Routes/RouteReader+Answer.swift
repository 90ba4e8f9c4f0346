internal import Policy

/// `redirect` and `response`: routes without a service.
extension RouteReader {
  func answer() -> RouteAnswerConfiguration? {
    let written = ["to", "upstream_tunnel", "redirect", "response"].filter { section.isWritten($0) }
    guard let name = written.first(where: { $0 == "redirect" || $0 == "response" }),
      let setting = section.setting(name)
    else { return nil }
    if let other = written.first(where: { $0 != name }) {
      section.error(setting, "`\(other)` is written, too: what is served?", "take one of the two out")
      return nil
    }
    guard setting.node.mapping != nil else {
      section.error(setting, "expected an object, not \(setting.node.kind)")
      return nil
    }
    return name == "redirect" ? .redirect(redirect(setting)) : response(setting)
  }

  private func redirect(_ setting: Setting) -> RouteRedirectConfiguration {
    var scheme = section.choice("redirect.scheme_redirect")
    if section.flag("redirect.https_redirect") == true {
      if let scheme, scheme != "https" {
        section.error(setting, "`https_redirect` and `scheme_redirect: \(scheme)` disagree", "take one of the two out")
      }
      scheme = "https"
    }
    let host = section.text("redirect.host_redirect").flatMap { host -> String? in
      if isHostName(host) || IPAddress(host) != nil { return host.lowercased() }
      section.error(setting, "`host_redirect`: `\(host)` is no host name", asciiHint(host))
      return nil
    }
    let path = slashed("redirect.path_redirect")
    let prefix = slashed("redirect.prefix_rewrite")
    if path != nil, prefix != nil {
      section.error(setting, "`path_redirect` and `prefix_rewrite` are both written", "take one of the two out")
    }
    let port = number("redirect.port_redirect", within: 1...65535)
    if scheme == nil, host == nil, path == nil, prefix == nil, port == nil {
      section.error(setting, "redirects to the same address", "as `redirect: {host_redirect: new.example.com}`")
    }
    return RouteRedirectConfiguration(
      status: section.choice("redirect.response_code").flatMap { Int($0) } ?? 301, scheme: scheme, host: host,
      port: port, path: path, prefixRewrite: prefix, stripsQuery: section.flag("redirect.strip_query") ?? false)
  }

  private func response(_ setting: Setting) -> RouteAnswerConfiguration {
    let status = number("response.status", within: 200...599)
    if status == nil, !section.isWritten("response.status") {
      section.error(setting, "`status` is missing", "as `response: {status: 200, body: OK}`")
    }
    return .response(status: status ?? 200, body: section.text("response.body") ?? "")
  }

  private func number(_ name: String, within bounds: ClosedRange<Int>) -> Int? {
    section.isWritten(name) ? section.number(name, in: bounds) : nil
  }

  /// `rewrite_response_headers`: a list of `header`, `prefix` and `value`.
  func responseRewrites() -> [HeaderRewrite] {
    guard let setting = section.setting("rewrite_response_headers") else { return [] }
    guard let nodes = setting.node.sequence else {
      section.error(setting, "expected a list of objects with `header`, `prefix` and `value`")
      return []
    }
    return nodes.compactMap { node in
      let place = Place(source: setting.place.source, position: node.position)
      guard let header = node["header"]?.text, let prefix = node["prefix"]?.text, let value = node["value"]?.text else {
        findings.error(place, "`rewrite_response_headers`: each entry needs `header`, `prefix` and `value`")
        return nil
      }
      guard isHeaderName(header), isHeaderValue(prefix), isHeaderValue(value) else {
        findings.error(place, "`rewrite_response_headers`: `\(header)` has characters that no header can have")
        return nil
      }
      return HeaderRewrite(name: header, prefix: prefix, value: value)
    }
  }

  /// `host_rewrite` and `host_rewrite_header`: the Host that the service sees.
  func hostRewrite() -> (text: String?, header: String?) {
    let all = ["preserve_host_header", "host_rewrite", "host_rewrite_header", "host_path_regex_rewrite_pattern"]
    let names = all.filter {
      $0 == "preserve_host_header" ? section.flag($0) == true : section.isWritten($0)
    }
    if names.count > 1, let setting = section.setting(names[1]) {
      section.error(setting, "`\(names[0])` is written, too", "take one of the two out")
    }
    let text = section.text("host_rewrite")
    if let text, let setting = section.setting("host_rewrite"), (try? URLText("http://\(text)"))?.path != "" {
      section.error(setting, "`\(text)` is no host", "a name, perhaps with a port: service.internal:8080")
    }
    let header = section.text("host_rewrite_header")
    if let header, let setting = section.setting("host_rewrite_header"), !isHeaderName(header) {
      section.error(setting, "`\(header)` cannot be the name of a header")
    }
    return (text, header)
  }
}
