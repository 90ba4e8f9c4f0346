internal import COpenSSL

package enum TLSVersion: Sendable, Hashable, Comparable {
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case v1_2
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case v1_3

  var openSSLNumber: Int32 {
    switch self {
    case .v1_2: TLS1_2_VERSION
    case .v1_3: TLS1_3_VERSION
    }
  }

  init?(openSSLNumber: Int32) {
    switch openSSLNumber {
    case TLS1_2_VERSION: self = .v1_2
    case TLS1_3_VERSION: self = .v1_3
    default: return nil
    }
  }
}
