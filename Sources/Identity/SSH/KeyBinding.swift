import Policy

/// What a binding lets its key do (security rule 9).
package enum BindingScope: String, Sendable, Hashable, CaseIterable {
  /// The edge itself: publishing, its shell, -L, -J and -W.
  case edge
  /// Logging in to hosts (`login@route`).
  case hosts
}

/// An ssh key that stands for a person until their session ends.
package struct KeyBinding: Sendable, Hashable, Identifiable {
  /// Names the binding in forms; not a secret.
  package var id: String
  /// `SHA256:…`, of the key whose signature was verified.
  package var fingerprint: String
  package var keyType: String
  package var scope: BindingScope
  package var sessionID: String
  /// For display.
  package var userName: String
  /// The address the approved connection came from.
  package var sourceAddress: String
  /// Every address it has been used from, oldest first, at most `maximumSources`.
  package var sources: [String]
  package var clientVersion: String
  package var approvedAt: UnixTime
  package var lastUsedAt: UnixTime
  package var lastSource: String
  package var expiresAt: UnixTime
  /// False: it lets in the connections it was approved for, and no later ones.
  package var isRemembered = true

  static let maximumSources = 32
  static let maximumPerPerson = 256

  static func id(fingerprint: String, scope: BindingScope) -> String { "\(scope.rawValue)-\(fingerprint)" }
}

/// A login with a key whose signature was verified.
package struct SSHSignInRequest: Sendable, Hashable {
  package var keyFingerprint: String
  package var keyType: String
  package var keyBlob: [UInt8]
  package var scope: BindingScope
  /// Without a port.
  package var sourceAddress: String
  package var clientVersion: String
  package var username: String
  /// Of the edge itself: the page shows them beside the link.
  package var hostKeyFingerprints: [String]

  package init(
    keyFingerprint: String, keyType: String, keyBlob: [UInt8] = [], scope: BindingScope, sourceAddress: String,
    clientVersion: String, username: String, hostKeyFingerprints: [String] = []
  ) {
    self.keyFingerprint = keyFingerprint
    self.keyType = keyType
    self.keyBlob = keyBlob
    self.scope = scope
    self.sourceAddress = sourceAddress
    self.clientVersion = clientVersion
    self.username = username
    self.hostKeyFingerprints = hostKeyFingerprints
  }
}

/// What a verified key is good for.
package enum KeyLogin: Sendable {
  /// `isNewSource`: tell the person that the key came from an address it was not used from before.
  case bound(Session, KeyBinding, isNewSource: Bool)
  case signIn(KeyLoginReason)
}

/// Why a browser is needed.
package enum KeyLoginReason: String, Sendable, Hashable {
  /// No live session holds the key.
  case unknownKey
  /// The key is bound, for the other scope only.
  case otherScope
  /// The key came from a new address and `ssh_new_source` is `sign_in`.
  case newSource
}
