import EdgeCrypto
import PlainText
import Synchronization

/// The RS256 keys of one state directory: the newest signs, older ones are listed as long as something they signed is valid.
/// A new one is made when the newest is older than `expiry.signingKeys`.
final class SigningKeys: Sendable {
  private struct Key: Sendable {
    let madeAt: Int64
    let key: PrivateKey
    var id: String { key.publicKey.thumbprint }
  }

  private let directory: KeyDirectory
  private let lifetimes: ProviderConfiguration.Lifetimes
  private let keys: Mutex<[Key]>

  init(
    directory: KeyDirectory, lifetimes: ProviderConfiguration.Lifetimes, now: Int64
  ) throws(ProviderError) {
    self.directory = directory
    self.lifetimes = lifetimes
    var loaded: [Key] = []
    for (madeAt, pem) in try directory.signingKeys() {
      do throws(CryptoError) {
        loaded.append(Key(madeAt: madeAt, key: try PrivateKey(text: pem)))
      } catch {
        throw ProviderError(.keys, "\(directory.path): a signing key cannot be used: \(error.message)")
      }
    }
    if loaded.isEmpty { loaded.append(try Self.make(in: directory, now: now)) }
    keys = Mutex(loaded)
  }

  /// A compact JWS over the claims. Slow (RSA, and now and then a new key): not for an event loop.
  func sign(_ claims: JSONText, type: String, now: Int64) throws(ProviderError) -> String {
    let key = try current(now: now)
    let header = JSONText.object([("alg", .string("RS256")), ("kid", .string(key.id)), ("typ", .string(type))])
    let input = Base64.encodeURL(Array(header.text.utf8)) + "." + Base64.encodeURL(Array(claims.text.utf8))
    do throws(CryptoError) {
      return input + "." + Base64.encodeURL(try key.key.sign(Array(input.utf8), algorithm: .rsaPKCS1SHA256))
    } catch {
      throw ProviderError(.keys, "signing failed: \(error.message)")
    }
  }

  /// Whether a token of the given type bears the signature of one of our keys. Its claims are the caller's to judge.
  func verifies(_ token: String) -> Bool {
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, let signature = Base64.decodeURL(String(parts[2])) else { return false }
    let input = Array((parts[0] + "." + parts[1]).utf8)
    return keys.withLock { $0 }.contains {
      $0.key.publicKey.verify(signature, over: input, algorithm: .rsaPKCS1SHA256)
    }
  }

  /// The key set, newest first.
  func published(now: Int64) throws(ProviderError) -> JSONText {
    _ = try current(now: now)
    let listed = keys.withLock { $0 }.reversed().compactMap { entry -> JSONText? in
      let jwk = entry.key.publicKey.jwk
      guard let modulus = jwk.n, let exponent = jwk.e else { return nil }
      return .object([
        ("use", .string("sig")), ("kty", .string("RSA")), ("kid", .string(entry.id)), ("alg", .string("RS256")),
        ("n", .string(modulus)), ("e", .string(exponent)),
      ])
    }
    return .object([("keys", .list(listed))])
  }

  private func current(now: Int64) throws(ProviderError) -> Key {
    let newest = keys.withLock { keys in
      // A key signs for `signingKeys` and is listed for the life of an ID token after that.
      let oldest = now - lifetimes.signingKeys - lifetimes.idTokens
      let gone = keys.dropLast().filter { $0.madeAt < oldest }
      for key in gone { directory.removeSigningKey(madeAt: key.madeAt) }
      keys.removeAll { key in gone.contains { $0.madeAt == key.madeAt } }
      return keys.last
    }
    if let newest, now - newest.madeAt < lifetimes.signingKeys { return newest }
    let made = try Self.make(in: directory, now: now)
    keys.withLock { $0.append(made) }
    return made
  }

  private static func make(in directory: KeyDirectory, now: Int64) throws(ProviderError) -> Key {
    let key: PrivateKey
    let pem: String
    do throws(CryptoError) {
      key = try PrivateKey.generate(.rsa(bits: 2048))
      pem = try key.pkcs8PEM()
    } catch {
      throw ProviderError(.keys, "no signing key could be made: \(error.message)")
    }
    try directory.saveSigningKey(pem, madeAt: now)
    return Key(madeAt: now, key: key)
  }
}
