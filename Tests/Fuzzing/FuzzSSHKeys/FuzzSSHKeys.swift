import EdgeCrypto
import FuzzDriver
import NIOCore

@testable import SSHProtocol

// Keys, signatures and certificates as SSH writes them. The first byte chooses:
//   0 a key blob; 1 a genuine one with changes; 2 a certificate; 3 a genuine one with changes; 4 a genuine signature with
//   changes; 5 a signature; 6 a line of authorized_keys; 7 names of algorithms.
// What is accepted is written again as it was read, and no changed byte leaves a signature valid.

@_cdecl("FuzzSSHKeys_main")
func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  FuzzDriver.run(count, arguments) { bytes in
    var input = FuzzInput(bytes)
    switch input.byte() % 8 {
    case 0: readKey(input.remaining)
    case 1:
      let key = Fixture.signers[input.number(below: Fixture.signers.count)]
      readKey(FuzzInput.changed(key.blob, by: input.remaining))
    case 2: readCertificate(input.remaining, original: nil)
    case 3:
      let original = Fixture.certificates[input.number(below: Fixture.certificates.count)]
      readCertificate(FuzzInput.changed(original, by: input.remaining), original: original)
    case 4: checkChangedSignature(&input)
    case 5: checkSignature(&input)
    case 6: readLine(String(decoding: input.remaining, as: UTF8.self))
    default: readNames(String(decoding: input.remaining, as: UTF8.self))
    }
  }
}

private func readKey(_ blob: [UInt8]) {
  guard let key = try? SSHPublicKey(blob: blob) else { return }
  // An RSA key's numbers may come with extra zeros; what is kept is the one right form.
  guard key.blob == blob || key.algorithmName == "ssh-rsa" else { fatalError("\(blob) became \(key.blob)") }
  guard let again = try? SSHPublicKey(blob: key.blob), again == key, again.algorithmName == key.algorithmName,
    again.fingerprint == key.fingerprint
  else { fatalError("not read again: \(key.blob)") }
  if key.application == nil {
    guard SSHPublicKey(key.key).blob == key.blob else { fatalError("written otherwise: \(key.blob)") }
  }
  guard let line = try? SSHPublicKey(authorizedKeysLine: key.authorizedKeysLine(comment: "a b")), line == key else {
    fatalError("lost in a line: \(key.blob)")
  }
  for algorithm in key.signatureAlgorithms {
    guard !key.verify(signatureBlob: [], over: [1], algorithm: algorithm) else { fatalError("nothing is no signature") }
  }
}

/// `original`: what it was before somebody changed it; nil when nobody knows.
private func readCertificate(_ blob: [UInt8], original: [UInt8]?) {
  guard let certificate = try? SSHCertificate(blob: blob) else {
    guard blob != original else { fatalError("a genuine certificate was refused") }
    return
  }
  readKey(certificate.key.blob)
  if certificate.hasValidSignature, let original, blob != original {
    fatalError("a changed certificate is still signed: \(blob)")
  }
  for algorithm in certificate.algorithms {
    guard algorithm.isCertificate, SSHKeyAlgorithm(rawValue: algorithm.name) == algorithm else {
      fatalError("\(algorithm)")
    }
  }
  let surroundings = CertificateSurroundings(
    now: { 1_700_000_001 }, isWithin: { address, blocks in blocks.contains("") ? nil : blocks.contains(address) })
  if let terms = try? CertificateTerms(of: certificate, from: "192.0.2.10", surroundings) {
    guard certificate.kind == .user, certificate.isValid(at: 1_700_000_001) else { fatalError("accepted: \(blob)") }
    guard !terms.demands.areMet(by: 0) else { fatalError("no touch needed: \(blob)") }
    guard (try? terms.checkStillHolds(from: "192.0.2.10", surroundings)) != nil else { fatalError("\(blob)") }
  }
  guard (try? CertificateTerms(of: certificate, from: nil, nil)) == nil else { fatalError("taken without a clock") }
}

private func checkChangedSignature(_ input: inout FuzzInput) {
  let signer = Fixture.signers[input.number(below: Fixture.signers.count)]
  let changed = FuzzInput.changed(signer.signature, by: input.remaining)
  let isValid = signer.key.verify(signatureBlob: changed, over: Fixture.message, algorithm: signer.algorithm)
  guard isValid == (changed == signer.signature) else { fatalError("\(signer.algorithm.name): \(isValid), \(changed)") }
}

private func checkSignature(_ input: inout FuzzInput) {
  let signer = Fixture.signers[input.number(below: Fixture.signers.count)]
  let algorithms = SSHSignatureAlgorithm.allCases
  let algorithm = algorithms[input.number(below: algorithms.count)]
  let demands = SecurityKeyDemands(isVerified: input.bool())
  let blob = input.remaining
  if signer.key.verify(signatureBlob: blob, over: Fixture.message, algorithm: algorithm, demands: demands),
    blob != signer.signature
  {
    fatalError("\(algorithm.name): \(blob)")
  }
}

private func readLine(_ line: String) {
  if let key = try? SSHPublicKey(authorizedKeysLine: line) { readKey(key.blob) }
  if let certificate = try? SSHCertificate(line: line) { readCertificate(certificate.blob, original: nil) }
}

private func readNames(_ text: String) {
  if let algorithm = SSHKeyAlgorithm(rawValue: text) {
    guard algorithm.name == text else { fatalError("\(text) became \(algorithm.name)") }
  }
  if let algorithm = SSHSignatureAlgorithm(rawValue: text) {
    guard algorithm.name == text else { fatalError(text) }
  }
}
