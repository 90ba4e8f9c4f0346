import SSHProtocol

/// Keys that a client's fault has given away.
enum RevealedKey {
  /// PuTTY 0.68 to 0.80 made signatures with P-521 keys from nonces whose first bits are always zero: about 60 of them give
  /// the key away to whoever has seen them, servers and git's signed commits among those (CVE-2024-31497). A newer PuTTY
  /// does not mend an old key, but only of the old one do we know.
  static func mayBeKnown(_ key: SSHPublicKey, to identification: String) -> Bool {
    guard key.algorithmName == SSHSignatureAlgorithm.ecdsaP521.name else { return false }
    // `SSH-2.0-PuTTY_Release_0.78`
    let parts = identification.split(separator: "-", maxSplits: 2)
    guard parts.count == 3, parts[2].hasPrefix(prefix) else { return false }
    let numbers = parts[2].dropFirst(prefix.count).split(separator: ".", maxSplits: 1)
    guard numbers.count == 2, numbers[0] == "0", let minor = Int(numbers[1].prefix { $0.isNumber }) else {
      return false
    }
    return (68...80).contains(minor)
  }

  private static let prefix = "PuTTY_Release_"
}
