import Foundation
import Policy
import SSHProtocol

/// An ssh key, or a certificate, from a file of OpenSSH.
struct ShownKey {
  private let blob: [UInt8]
  private let certificate: SSHCertificate?

  init(file: String) throws {
    guard let data = FileManager.default.contents(atPath: file) else {
      throw AskedRoute.Mistake("--ssh-key \(file): cannot be read")
    }
    guard let key = AuthorizedKey(line: String(decoding: data.prefix(65_536), as: UTF8.self)) else {
      throw AskedRoute.Mistake("--ssh-key \(file): no public key of OpenSSH; give the .pub file")
    }
    certificate = key.isCertificate ? try? SSHCertificate(blob: key.blob) : nil
    guard !key.isCertificate || certificate?.kind == .user && certificate?.hasValidSignature == true else {
      throw AskedRoute.Mistake("--ssh-key \(file): no user's certificate, or not signed by its authority")
    }
    blob = certificate?.key.blob ?? key.blob
  }

  func show(in request: inout AccessRequest) throws {
    if let certificate, !certificate.isValid(at: UInt64(clamping: request.now.seconds)) {
      throw AskedRoute.Mistake("--ssh-key: the certificate is not valid at that moment")
    }
    request.sshPublicKey = blob
    request.sshCertificate = certificate.map { certificate in
      SSHCertificateShown(
        authority: certificate.authority.blob, principals: certificate.principals,
        expiresAt: UnixTime(seconds: Int64(clamping: certificate.validBefore)))
    }
  }
}
