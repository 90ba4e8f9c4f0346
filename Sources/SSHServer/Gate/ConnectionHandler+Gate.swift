import Logging
import Routing
import SSHProtocol

/// What a connection tells the gate of itself.
extension ConnectionHandler {
  /// Once the client has done its part of the first key exchange.
  func tellOfKeyExchange() {
    if ticket.isYoung, connection.hasShownHostKey { server.gate.exchangedKeys(&ticket) }
  }

  /// Others need the place, and this client has had its time.
  func makeRoom() {
    guard ticket.standing == .waiting else { return }
    logRefusal(.madeRoom)
    end(.tooManyConnections, "Others wait to sign in and you took too long. Connect again.", .disconnected)
  }

  /// The connection is over, whoever ended it. Once.
  func leaveGate() {
    let misconduct = misconduct
    guard let seconds = server.gate.leave(&ticket, misconduct), let misconduct else { return }
    configuration.gateEvents(
      .penaltyBegan(source: source.address, seconds: seconds, for: misconduct, connectionID: handle.id))
    logger.notice(
      "ssh source penalised", metadata: ["seconds": "\(seconds)", "reason": "\(misconduct.rawValue)"])
  }

  func logRefusal(_ refusal: GateRefusal) {
    if server.gate.note(refusal, source.address) {
      logger.info("ssh connection turned away", metadata: ["reason": "\(refusal.rawValue)"])
    }
  }

  /// What is held against the source when this connection ends now. Whoever has proved a key, or waits for a browser, is a
  /// person: nothing they leave undone counts.
  private var misconduct: Misconduct? {
    if let judged { return judged }
    guard case .proving = phase, !isForgiven else { return nil }
    if connection.failedAuthentications > 0 || connection.checksSignature { return .failedAuthentication }
    return .noAttempt
  }

  /// The machine ended the connection by this error.
  func judge(_ error: SSHError) {
    switch (error.kind, phase) {
    case (.outOfPhase, .proving), (.outOfPhase, .deciding), (.outOfPhase, .signingIn): judged = .protocolBreach
    // Who has seen our key and says nothing may be reading its fingerprint.
    case (.timedOut, .proving) where !connection.hasShownHostKey || connection.hasRequestedAuthentication:
      judged = .graceExceeded
    case (.cryptography, _): isForgiven = true
    default: break
    }
  }
}
