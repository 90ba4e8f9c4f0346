/// What the Dex file says, as far as it concerns a provider with a password database and static clients.
struct ProviderConfiguration: Sendable {
  var issuer: IssuerURL
  var clients: [Client]
  var users: [Account]
  var lifetimes: Lifetimes
  /// `oauth2.skipApprovalScreen`: no page asks whether the client may know who you are.
  var skipsApproval: Bool

  /// An entry of `staticClients`.
  struct Client: Sendable {
    var id: String
    var name: String
    var secret: String
    var redirectURIs: [String]
    /// `public: true`: no secret, PKCE instead.
    var isPublic: Bool
  }

  /// An entry of `staticPasswords`.
  struct Account: Sendable {
    var email: String
    /// A crypt(3) hash, `$2a$`, `$2b$` or `$2y$`.
    var hash: String
    var username: String
    var userID: String
    var groups: [String]

    /// The subject as Dex makes it: base64url of a protocol buffer with the user id and the connector's name. The same
    /// person has the same subject whether the demo or the real Dex signed them in.
    var subject: [UInt8] {
      func field(_ number: UInt8, _ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        var length = bytes.count
        var head: [UInt8] = [number << 3 | 2]
        repeat {
          let low = UInt8(truncatingIfNeeded: length & 0x7f)
          length >>= 7
          head.append(length > 0 ? low | 0x80 : low)
        } while length > 0
        return head + bytes
      }
      return field(1, userID) + field(2, "local")
    }
  }

  /// `expiry`, in milliseconds; the defaults are Dex's.
  struct Lifetimes: Sendable {
    var idTokens: Int64 = 24 * 3_600_000
    var authRequests: Int64 = 24 * 3_600_000
    var signingKeys: Int64 = 6 * 3_600_000
    var refreshReuseInterval: Int64 = 3000
    var refreshUnusedFor: Int64?
    var refreshAbsolute: Int64?
    var refreshRotates = true
    /// How long a code may be redeemed; the file has no key for it.
    var codes: Int64 = 60_000
  }

  func client(id: String) -> Client? { clients.first { $0.id == id } }

  /// Addresses compare without case, as Dex does.
  func account(email: String) -> Account? {
    let wanted = email.lowercased()
    return users.first { $0.email.lowercased() == wanted }
  }
}
