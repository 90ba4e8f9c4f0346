internal import COpenSSL
import Synchronization

/// The keys that session tickets are sealed with. They live in memory only, and change by themselves.
///
/// A ticket opens as long as its key is the present one or the one before: a stolen key opens neither older nor much later
/// recordings (RFC 5077 section 5.5). The keys outlive reloads of the configuration.
package final class TicketKeys: Sendable {
  /// As long as OpenSSL lets a session live: a ticket is good for all its life, and for no second one.
  package static let life: Duration = .seconds(2 * 3600)

  struct Key: Sendable {
    let name = SecureRandom.bytes(16)
    let cipherKey = SecureRandom.bytes(32)
    let macKey = SecureRandom.bytes(32)
    let born: ContinuousClock.Instant
  }

  /// The youngest first; one or two.
  private let keys: Mutex<[Key]>
  private let now: @Sendable () -> ContinuousClock.Instant

  package init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
    self.now = now
    keys = Mutex([Key(born: now())])
  }

  /// The key to seal with.
  func current() -> Key {
    let now = now()
    return keys.withLock { keys in
      Self.renew(&keys, now)
      return keys.first ?? Key(born: now)
    }
  }

  /// The key of this name; `isCurrent` when new tickets are sealed with it, too.
  func find(_ name: [UInt8]) -> (key: Key, isCurrent: Bool)? {
    let now = now()
    return keys.withLock { keys in
      Self.renew(&keys, now)
      guard let index = keys.firstIndex(where: { $0.name == name }) else { return nil }
      return (keys[index], index == 0)
    }
  }

  private static func renew(_ keys: inout [Key], _ now: ContinuousClock.Instant) {
    guard let first = keys.first, now - first.born >= life else { return }
    // After a long silence the one before is too old as well.
    keys = now - first.born < life * 2 ? [Key(born: now), first] : [Key(born: now)]
  }
}

/// Fetched once: by name at each ticket it would cost a search.
private let ticketCipher = FetchedCipher("AES-256-CBC")

/// OpenSSL's question for a ticket's key (SSL_CTX_set_tlsext_ticket_key_evp_cb): 1 is yes, 2 yes but seal it anew, 0 no.
func ticketKeyAsked(
  _ ssl: OpaquePointer?, _ name: UnsafeMutablePointer<UInt8>?, _ iv: UnsafeMutablePointer<UInt8>?,
  _ cipher: OpaquePointer?, _ mac: OpaquePointer?, _ seals: Int32
) -> Int32 {
  guard let ssl = unsafe ssl, let name = unsafe name, let iv = unsafe iv, let cipher = unsafe cipher,
    let mac = unsafe mac, let engine = unsafe SSL_get_ex_data(ssl, 0),
    let keys = unsafe Unmanaged<TLSEngine>.fromOpaque(engine).takeUnretainedValue().serverContext?.ticketKeys
  else { return -1 }
  let key: TicketKeys.Key
  var answer: Int32 = 1
  if seals == 1 {
    key = keys.current()
    let fresh = SecureRandom.bytes(16)
    for index in 0..<16 {
      unsafe name[index] = key.name[index]
      unsafe iv[index] = fresh[index]
    }
    guard unsafe EVP_EncryptInit_ex2(cipher, ticketCipher.pointer, key.cipherKey, iv, nil) == 1 else { return -1 }
  } else {
    guard let found = keys.find(unsafe Array(UnsafeBufferPointer(start: name, count: 16))) else { return 0 }
    key = found.key
    if !found.isCurrent { answer = 2 }
    guard unsafe EVP_DecryptInit_ex2(cipher, ticketCipher.pointer, key.cipherKey, iv, nil) == 1 else { return -1 }
  }
  return unsafe te_hmac_init(mac, key.macKey, key.macKey.count, "SHA256") == 1 ? answer : -1
}
