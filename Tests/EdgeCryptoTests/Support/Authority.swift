import EdgeCrypto
import Foundation
import TestSupport

/// An authority with an intermediate one, clients of both, a revocation list and OCSP responses: made once, by OpenSSL.
struct Authority: Sendable {
  static let made = Result { try Authority() }

  private static let script = """
    set -e
    make() { openssl req -newkey ${4:-ec -pkeyopt ec_paramgen_curve:P-256} -nodes -keyout $1.key -out $1.csr -subj "/CN=$1" \
      && printf "$3" > $1.ext \
      && openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -set_serial $serial -days 30 -extfile $1.ext -out $1.pem; }
    root() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -keyout $1.key -out $1.pem \
      -subj "/CN=$1" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign; }
    ca='basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n'
    client='basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\nsubjectAltName='
    root root; root other
    serial=16 make middle root "$ca"
    serial=17 make alice root "${client}email:alice@example.test,DNS:laptop.example.test,URI:spiffe://example.test/alice\n"
    serial=18 make mallory root "${client}DNS:old.example.test\n"
    serial=19 make bob middle "${client}email:bob@example.test\n"
    serial=20 make stranger other "${client}email:alice@example.test\n"
    serial=21 make server root 'basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:pair.test\n'
    serial=22 make rsa root 'extendedKeyUsage=serverAuth\nsubjectAltName=DNS:pair.test\n' rsa:2048
    printf 'V\t361231235959Z\t\t15\tunknown\t/CN=server\nR\t361231235959Z\t250101000000Z\t12\tunknown\t/CN=mallory\n' > index.txt
    printf '[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\ndefault_md=sha256\n' > ca.cnf
    openssl ca -gencrl -config ca.cnf -cert root.pem -keyfile root.key -crldays 30 -out root.crl
    openssl ca -gencrl -config ca.cnf -cert root.pem -keyfile root.key -crlsec 1 -out old.crl
    for name in server mallory alice; do
      openssl ocsp -index index.txt -rsigner root.pem -rkey root.key -CA root.pem -issuer root.pem -cert $name.pem \
        -ndays 7 -respout $name.ocsp
    done
    cat bob.pem middle.pem > bob-chain.pem; cat server.pem root.pem > server-chain.pem
    """

  /// By name.
  private let files: [String: [UInt8]]
  /// When all of it was made, which takes a while on a busy machine: seconds since 1970.
  let madeAt: Int64

  init() throws {
    let directory = try TemporaryDirectory()
    try run("sh", ["-c", "cd '\(directory.path)' && { \(Self.script); }"])
    var files: [String: [UInt8]] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: directory.path) {
      files[name] = try directory.bytes(name)
    }
    self.files = files
    madeAt = Int64(Date().timeIntervalSince1970)
  }

  func bytes(_ name: String) -> [UInt8] { files[name] ?? [] }
  func text(_ name: String) -> String { String(decoding: bytes(name), as: UTF8.self) }

  func identity(_ chain: String, key: String? = nil, staple: [UInt8]? = nil) throws -> TLSIdentity {
    try TLSIdentity(
      certificateChainPEM: text("\(chain).pem"), privateKeyPEM: text("\(key ?? chain).key"), ocspResponse: staple)
  }
}
