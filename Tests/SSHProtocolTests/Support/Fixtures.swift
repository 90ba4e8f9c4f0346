import EdgeCrypto
import NIOCore
import Synchronization

@testable import SSHProtocol

/// A clock that stands still until told otherwise.
final class ManualClock: Sendable {
  private let time = Mutex<UInt64>(1_000_000_000)

  var now: UInt64 { time.withLock { $0 } }
  func advance(by count: UInt64) { time.withLock { $0 += count } }
  var clock: MonotonicClock { { self.now } }
}

enum Fixtures {
  static let ed25519 = key(.ed25519)
  static let otherED25519 = key(.ed25519)
  static let p256 = key(.ecdsa(.p256))
  static let p384 = key(.ecdsa(.p384))
  static let p521 = key(.ecdsa(.p521))
  static let rsa = key(.rsa(bits: 2048))

  private static func key(_ kind: PrivateKey.Kind) -> PrivateKey {
    do {
      return try PrivateKey.generate(kind)
    } catch {
      fatalError("no test key: \(error)")
    }
  }
}

extension SSHEvent {
  var name: String {
    let text = "\(self)"
    return String(text.prefix { $0 != "(" })
  }
}

func hex(_ text: String) -> [UInt8] { Hex.decode(text) ?? [] }
