import SSHProtocol

/// A configuration, and what it is for the protocol machines: made once and shared by every connection that comes under it.
final class ServerSettings: Sendable {
  let server: SSHServerConfiguration
  let machine: SharedSSHConfiguration

  init(_ server: SSHServerConfiguration, certificates: CertificateSurroundings) {
    self.server = server
    var machine = server.connection
    machine.certificates = certificates
    self.machine = SharedSSHConfiguration(machine)
  }
}
