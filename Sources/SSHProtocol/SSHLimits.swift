/// Every bound that a peer can run into, with the section of the specification that asks for it.
package struct SSHLimits: Sendable {
  /// RFC 4253 §4.2: a line with CR LF has at most 255 bytes.
  package var identificationLine = 255
  /// Lines a server may send before its identification; russh CVE-2026-48108 had no bound.
  package var linesBeforeIdentification = 64
  package var lineBeforeIdentification = 1024
  /// RFC 4253 §6.1: 35000 before sign-in; OpenSSH's 256 KiB after.
  package var packetBeforeAuthentication = 35_000
  package var packet = 262_144
  /// RFC 4253 §7.1 has no bounds; these are generous for every client known.
  package var namesPerList = 200
  package var nameLength = 64
  package var multiplePrecisionBits = 16_384
  /// libssh2 CVE-2026-55199: a loop over an unbounded count.
  package var extensions = 1024
  package var extensionBytes = 16_384
  /// IGNORE, DEBUG, UNIMPLEMENTED, PING: OpenSSH CVE-2025-26466.
  package var smallMessageRate = 100.0
  package var smallMessageBurst = 1000.0
  package var pingBytes = 1024
  package var unknownMessages = 100
  /// What waits while keys are exchanged: x/crypto CVE-2025-22869.
  package var heldBytes = 1 << 20
  package var heldPongs = 16
  /// In a row, and a minute (ssh.md 1.10).
  package var exchangesWithoutData = 10.0
  /// OpenSSH's MaxAuthTries; all requests together; signature checks (ssh.md 6.1).
  package var authenticationFailures = 6
  package var authenticationRequests = 64
  package var signatureChecks = 10
  package var usernameBytes = 255
  /// Keys, certificates and signatures; a packet before sign-in holds no more.
  package var publicKeyBytes = 32_768
  package var promptAnswers = 8
  package var promptAnswerBytes = 1024
  /// Channels (ssh.md 6.1).
  package var channelsOpenedByPeer = 1024
  package var channelsOpenedByUs = 4096
  package var sessions = 10
  package var openRate = 200.0
  package var openBurst = 400.0
  package var globalRequestRate = 100.0
  package var globalRequestBurst = 1000.0
  /// Of these forwards, asked for and cancelled: each is a decision, and lines in two logs.
  package var forwardRequestRate = 5.0
  package var forwardRequestBurst = 600.0
  package var outstandingReplies = 64
  /// Each costs a signature by every host key asked for; clients ask once (ssh.md 1.12).
  package var hostKeyProofs = 2
  package var unaskedReplies = 100
  package var channelRequestBytes = 32_768
  package var terminalNameBytes = 64
  package var forwardHostBytes = 255
  package var environmentVariables = 64
  /// DATA without a byte, adjusts by nothing: rate-limited like small messages.
  package var emptyMessages = 1000.0
  /// How long the peer may take to answer a CLOSE, and how many may never be answered (ssh.md 3.6).
  package var closeAnswerTime: UInt64 = .seconds(30)
  package var tombstones = 1000

  package init() {}
}
