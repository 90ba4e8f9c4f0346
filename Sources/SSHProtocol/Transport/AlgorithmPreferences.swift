import EdgeCrypto

/// What we offer, in our order; host key algorithms follow from the host keys.
package struct AlgorithmPreferences: Sendable, Equatable {
  package var keyExchange: [KeyExchangeMethod]
  package var ciphers: [CipherAlgorithm]
  package var macs: [MACAlgorithm]
  /// Client role: host key algorithms we accept, preferred first.
  package var hostKeys: [SSHSignatureAlgorithm]

  package init(
    keyExchange: [KeyExchangeMethod], ciphers: [CipherAlgorithm], macs: [MACAlgorithm],
    hostKeys: [SSHSignatureAlgorithm]
  ) {
    self.keyExchange = keyExchange
    self.ciphers = ciphers
    self.macs = macs
    self.hostKeys = hostKeys
  }

  /// ssh.md 0. Group 18 costs us 13 ms for one packet of theirs and is a setting.
  package static let standard = AlgorithmPreferences(
    keyExchange: [
      .mlkem768X25519, .curve25519, .curve25519LibSSH, .ecdhP256, .ecdhP384, .ecdhP521, .group16, .group14,
    ],
    ciphers: [.aes128GCM, .aes256GCM, .chachaPoly, .aes128CTR, .aes192CTR, .aes256CTR],
    macs: [.hmacSHA256ETM, .hmacSHA512ETM, .hmacSHA256, .hmacSHA512],
    hostKeys: [.ed25519, .ecdsaP256, .ecdsaP384, .ecdsaP521, .rsaSHA512, .rsaSHA256])
}

/// The algorithms of one key exchange.
package struct NegotiatedAlgorithms: Sendable, Equatable {
  package var keyExchange: KeyExchangeMethod
  package var hostKey: SSHKeyAlgorithm
  package var cipherToServer: CipherAlgorithm
  package var cipherToClient: CipherAlgorithm
  /// Nil where the cipher authenticates by itself.
  package var macToServer: MACAlgorithm?
  package var macToClient: MACAlgorithm?
}

/// Lists in, choice out (RFC 4253 §7.1): of each list the first name of the client's that the server has too.
enum AlgorithmNegotiation {
  static let strictClient = "kex-strict-c-v00@openssh.com"
  static let strictServer = "kex-strict-s-v00@openssh.com"
  static let extensionsClient = "ext-info-c"
  static let extensionsServer = "ext-info-s"
  static let markers: Set<String> = [strictClient, strictServer, extensionsClient, extensionsServer]

  static func choose(
    client: KeyExchangeInitMessage, server: KeyExchangeInitMessage
  ) throws(SSHError) -> NegotiatedAlgorithms {
    let method: KeyExchangeMethod = try first(
      "key exchange method", client.keyExchange.filter { !markers.contains($0) }, server.keyExchange)
    let hostKey: SSHKeyAlgorithm = try first("host key type", client.hostKey, server.hostKey)
    let toServer: CipherAlgorithm = try first("cipher", client.encryptionToServer, server.encryptionToServer)
    let toClient: CipherAlgorithm = try first("cipher", client.encryptionToClient, server.encryptionToClient)
    let macToServer: MACAlgorithm? =
      toServer.isAuthenticated ? nil : try first("MAC", client.macToServer, server.macToServer)
    let macToClient: MACAlgorithm? =
      toClient.isAuthenticated ? nil : try first("MAC", client.macToClient, server.macToClient)
    for (theirs, ours) in [
      (client.compressionToServer, server.compressionToServer),
      (client.compressionToClient, server.compressionToClient),
    ] where !(theirs.contains("none") && ours.contains("none")) {
      throw .negotiation("compression", theirs: theirs, ours: ours)
    }
    return NegotiatedAlgorithms(
      keyExchange: method, hostKey: hostKey, cipherToServer: toServer, cipherToClient: toClient,
      macToServer: macToServer, macToClient: macToClient)
  }

  /// RFC 4253 §7: a guess is right only if both first methods and both first host key types are equal.
  static func guessedRight(client: KeyExchangeInitMessage, server: KeyExchangeInitMessage) -> Bool {
    client.keyExchange.first == server.keyExchange.first && client.hostKey.first == server.hostKey.first
  }

  private static func first<Algorithm: RawRepresentable>(
    _ what: String, _ client: [String], _ server: [String]
  ) throws(SSHError) -> Algorithm where Algorithm.RawValue == String {
    for name in client where server.contains(name) {
      if let algorithm = Algorithm(rawValue: name) { return algorithm }
    }
    throw .negotiation(what, theirs: client, ours: server.filter { !markers.contains($0) })
  }
}
