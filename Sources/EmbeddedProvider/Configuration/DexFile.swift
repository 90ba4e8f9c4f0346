import EdgeConfig
import EdgeCrypto
import Policy

#if canImport(Glibc)
  import Glibc
#endif

extension ProviderConfiguration {
  /// The largest file that is read.
  private static let largestFile = 1 << 20

  /// Reads a Dex configuration file. What concerns neither clients nor passwords (storage, web, logger, telemetry…) is Dex's
  /// own affair and is passed over; what would change who may sign in, and is not served here, is an error.
  init(file: String) throws(ProviderError) {
    guard let stream = unsafe fopen(file, "re") else {
      throw ProviderError(.configuration, "\(file) cannot be read: \(unsafe String(cString: strerror(errno)))")
    }
    defer { unsafe fclose(stream) }
    var bytes = [UInt8](repeating: 0, count: Self.largestFile)
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe fread($0.baseAddress, 1, $0.count, stream) }
    guard count < Self.largestFile else { throw ProviderError(.configuration, "\(file) is larger than 1 MB") }
    try self.init(text: Array(bytes.prefix(count)), name: file)
  }

  /// `name` stands before the line in errors.
  init(text: [UInt8], name: String) throws(ProviderError) {
    let document = YAMLDocument(parsing: text)
    if let problem = document.problems.first {
      throw ProviderError(
        .configuration, "\(name):\(problem.position.line):\(problem.position.column): \(problem.message)")
    }
    guard let root = document.root else { throw ProviderError(.configuration, "\(name) is empty") }
    let reader = DexReader(file: name)

    issuer = try IssuerURL(reader.text(try reader.required(root, "issuer", in: "the file")))
    for key in ["connectors", "staticGroups"] where root[key]?.sequence?.isEmpty == false {
      throw reader.error(root[key] ?? root, "\(key) are not served by the embedded provider; only staticPasswords are")
    }
    guard try reader.bool(root["enablePasswordDB"], default: false) else {
      throw reader.error(
        root["enablePasswordDB"] ?? root, "enablePasswordDB must be true: staticPasswords are the only accounts here")
    }
    let oauth2 = root["oauth2"]
    if let types = oauth2?["responseTypes"], try !reader.texts(types).contains("code") {
      throw reader.error(types, "responseTypes must contain code")
    }
    skipsApproval = try reader.bool(oauth2?["skipApprovalScreen"], default: false)
    clients = []
    for node in try reader.list(root["staticClients"]) { clients.append(try reader.client(node)) }
    users = []
    for node in try reader.list(root["staticPasswords"]) { users.append(try reader.account(node)) }
    lifetimes = try reader.lifetimes(root["expiry"])
    guard !clients.isEmpty else { throw reader.error(root, "staticClients lists no client") }
    guard !users.isEmpty else { throw reader.error(root, "staticPasswords lists no user") }
  }
}
