import EdgeConfig
import EdgeCrypto
import Policy

/// Typed values of a Dex file; what does not fit is an error with its place.
struct DexReader {
  let file: String

  func error(_ node: YAMLNode, _ message: String) -> ProviderError {
    ProviderError(.configuration, "\(file):\(node.position.line):\(node.position.column): \(message)")
  }

  // MARK: Entries

  func client(_ node: YAMLNode) throws(ProviderError) -> ProviderConfiguration.Client {
    for key in ["idEnv", "secretEnv"] where node[key] != nil {
      throw error(node, "\(key) is not read by the embedded provider; write the value itself")
    }
    let id = try text(try required(node, "id", in: "a client"))
    let isPublic = try bool(node["public"], default: false)
    let secret = try node["secret"].map(text) ?? ""
    guard isPublic || !secret.isEmpty else { throw error(node, "the client \(id) has no secret") }
    let redirectURIs = try node["redirectURIs"].map(texts) ?? []
    return .init(
      id: id, name: try node["name"].map(text) ?? id, secret: secret, redirectURIs: redirectURIs, isPublic: isPublic)
  }

  func account(_ node: YAMLNode) throws(ProviderError) -> ProviderConfiguration.Account {
    guard node["hashFromEnv"] == nil else {
      throw error(node, "hashFromEnv is not read by the embedded provider; write the hash itself")
    }
    let email = try text(try required(node, "email", in: "a user"))
    let hashNode = try required(node, "hash", in: "the user \(email)")
    var hash = try text(hashNode)
    // Dex takes the hash in base64, too.
    if !Bcrypt.isHash(hash), let decoded = Base64.decodeLenient(hash) {
      hash = String(decoding: decoded, as: UTF8.self)
    }
    guard Bcrypt.isHash(hash) else {
      throw error(hashNode, "the hash of \(email) is no bcrypt hash ($2b$…, 60 characters)")
    }
    return .init(
      email: email, hash: hash, username: try node["username"].map(text) ?? email,
      userID: try text(try required(node, "userID", in: "the user \(email)")),
      groups: try node["groups"].map(texts) ?? [])
  }

  func lifetimes(_ node: YAMLNode?) throws(ProviderError) -> ProviderConfiguration.Lifetimes {
    var lifetimes = ProviderConfiguration.Lifetimes()
    guard let node else { return lifetimes }
    if let value = node["idTokens"] { lifetimes.idTokens = try duration(value) }
    if let value = node["authRequests"] { lifetimes.authRequests = try duration(value) }
    if let value = node["signingKeys"] { lifetimes.signingKeys = try duration(value) }
    if let refresh = node["refreshTokens"] {
      if let value = refresh["reuseInterval"] { lifetimes.refreshReuseInterval = try duration(value) }
      if let value = refresh["validIfNotUsedFor"] { lifetimes.refreshUnusedFor = try duration(value) }
      if let value = refresh["absoluteLifetime"] { lifetimes.refreshAbsolute = try duration(value) }
      lifetimes.refreshRotates = try !bool(refresh["disableRotation"], default: false)
    }
    return lifetimes
  }

  // MARK: Values

  func required(_ node: YAMLNode, _ key: String, in owner: String) throws(ProviderError) -> YAMLNode {
    guard let value = node[key], !value.isNull else { throw error(node, "\(key) of \(owner) is missing") }
    return value
  }

  func text(_ node: YAMLNode) throws(ProviderError) -> String {
    guard let text = node.text else { throw error(node, "expected a text, found \(node.kind)") }
    return text
  }

  func texts(_ node: YAMLNode) throws(ProviderError) -> [String] {
    var all: [String] = []
    for element in try list(node) { all.append(try text(element)) }
    return all
  }

  func list(_ node: YAMLNode?) throws(ProviderError) -> [YAMLNode] {
    guard let node, !node.isNull else { return [] }
    guard let elements = node.sequence else { throw error(node, "expected a list, found \(node.kind)") }
    return elements
  }

  func bool(_ node: YAMLNode?, default missing: Bool) throws(ProviderError) -> Bool {
    guard let node, !node.isNull else { return missing }
    guard case .scalar(let scalar) = node.content, case .bool(let value) = scalar.resolved else {
      throw error(node, "expected true or false, found \(node.kind)")
    }
    return value
  }

  func duration(_ node: YAMLNode) throws(ProviderError) -> Int64 {
    guard let milliseconds = DexDuration.milliseconds(try text(node)) else {
      throw error(node, "expected a duration such as 24h or 90m")
    }
    return milliseconds
  }
}
