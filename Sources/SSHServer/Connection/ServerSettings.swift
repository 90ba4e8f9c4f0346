import SSHProtocol

/// A configuration, and what it is for the protocol machines: made once and shared by every connection that comes under it.
final class ServerSettings: Sendable {
  let server: SSHServerConfiguration
  let machine: SharedSSHConfiguration

  init(_ server: SSHServerConfiguration, certificates: CertificateSurroundings, windowMemory: WindowMemory) {
    self.server = server
    var machine = server.connection
    machine.certificates = certificates
    machine.channels.windowMemory = windowMemory
    self.machine = SharedSSHConfiguration(machine)
  }
}
