import EdgeCrypto
import Foundation
import NIOCore
import Synchronization

@testable import SSHProtocol

/// Our server machine behind one plain socket, serving one stock `ssh` that runs a command: what comes on the session is
/// sent back. Blocking calls have timeouts, so that a test can fail but not hang.
struct OpenSSHEcho {
  struct Outcome {
    var status: Int32
    var output: Data
    var errors: String
    var algorithms: NegotiatedAlgorithms?
    var isStrict = false
    var rekeys = 0
    var serverError: SSHError?
  }

  var configure: (inout SSHConfiguration) -> Void = { _ in }
  var options: [String] = []
  var userKey = Fixtures.ed25519
  /// Asks for a sign-in and approves it when it was shown.
  var signsIn = false
  /// What the client knows of the host; nil: whatever comes is believed.
  var knownHosts: String?

  static let isAvailable = FileManager.default.isExecutableFile(atPath: "/usr/bin/ssh")

  func run(sending input: Data) throws -> Outcome {
    let directory = FileManager.default.temporaryDirectory.appending(path: "te-ssh-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let keyFile = directory.appending(path: "key").path
    try Data(userKey.openSSHPEM().utf8).write(to: URL(filePath: keyFile))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: keyFile)
    let inputFile = directory.appending(path: "input")
    try input.write(to: inputFile)

    try (knownHosts ?? "").write(
      toFile: directory.appending(path: "known_hosts").path, atomically: true, encoding: .utf8)

    let listener = try Listener()
    defer { close(listener.descriptor) }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/ssh")
    process.arguments =
      [
        "-F", "/dev/null", "-p", "\(listener.port)", "-i", keyFile, "-o", "IdentitiesOnly=yes", "-o",
        "IdentityAgent=none",
        "-o", "StrictHostKeyChecking=\(knownHosts == nil ? "no" : "yes")", "-o", "HostKeyAlias=127.0.0.1", "-o",
        "UserKnownHostsFile=\(directory.path)/known_hosts", "-o",
        "BatchMode=no",
        "-o", "LogLevel=INFO", "-T",
      ] + options + ["alice@127.0.0.1", "echo"]
    let outputFile = directory.appending(path: "output")
    let errorFile = directory.appending(path: "errors")
    for file in [outputFile, errorFile] { _ = FileManager.default.createFile(atPath: file.path, contents: nil) }
    process.standardInput = try FileHandle(forReadingFrom: inputFile)
    process.standardOutput = try FileHandle(forWritingTo: outputFile)
    process.standardError = try FileHandle(forWritingTo: errorFile)
    try process.run()
    var outcome = Outcome(status: -1, output: Data(), errors: "")
    serve(listener, &outcome)
    process.waitUntilExit()
    outcome.status = process.terminationStatus
    outcome.output = try Data(contentsOf: outputFile)
    outcome.errors = String(decoding: try Data(contentsOf: errorFile), as: UTF8.self)
    return outcome
  }

  private func serve(_ listener: Listener, _ outcome: inout Outcome) {
    let socket = accept(listener.descriptor, nil, nil)
    guard socket >= 0 else { return }
    defer { close(socket) }
    var timeout = timeval(tv_sec: 0, tv_usec: 50_000)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    var configuration = SSHConfiguration(role: .server)
    configuration.hostKeys = [Fixtures.ed25519]
    configure(&configuration)
    var connection = SSHConnection(configuration)
    connection.start()
    let end = Date(timeIntervalSinceNow: 20)
    var scratch = [UInt8](repeating: 0, count: 65_536)
    while Date() < end {
      let count = recv(socket, &scratch, scratch.count, 0)
      if count == 0 { return }
      do {
        if count > 0 { try connection.receive(ByteBuffer(bytes: scratch[..<count])) }
        if let deadline = connection.deadline, deadline <= SystemClock.monotonic() { try connection.timePassed() }
        while let event = try connection.nextEvent() { try handle(event, &connection, &outcome) }
      } catch let error as SSHError {
        outcome.serverError = error
        connection.disconnect(error)
      } catch {
        return
      }
      repeat {
        connection.sealQueuedData(limit: 128 * 1024)
        while let bytes = connection.takeOutbound() { sendAll(socket, bytes.bytes) }
      } while connection.hasSealableData
      if outcome.serverError != nil { return }
    }
  }

  private func handle(_ event: SSHEvent, _ connection: inout SSHConnection, _ outcome: inout Outcome) throws {
    switch event {
    case .keysEstablished(let summary):
      outcome.algorithms = summary.algorithms
      outcome.isStrict = summary.isStrict
    case .rekeyed:
      outcome.rekeys += 1
    case .login(let login):
      if signsIn {
        _ = connection.requireSignIn(
          login.attempt,
          prompt: InteractivePrompt(name: "Please sign in", instruction: " https://auth.localhost/x "))
      } else {
        _ = connection.acceptLogin(login.attempt, banner: ["signed in as alice"])
      }
    case .signInShown(let attempt):
      _ = connection.acceptLogin(attempt)
    case .channelOpenRequested(let id, _):
      connection.acceptChannel(id)
    case .channelRequest(_, _, let reply):
      if let reply { connection.answer(reply, success: true) }
    case .channelData(let id, let bytes):
      connection.write(bytes, to: id)
      connection.consumed(bytes.readableBytes, from: id)
    case .channelEOF(let id):
      connection.finishWriting(id)
      connection.sendChannelRequest(.exitStatus(7), on: id)
      connection.closeChannel(id)
    default:
      break
    }
  }

  private func sendAll(_ socket: Int32, _ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { return }
      sent += count
    }
  }

  /// A free port of the loopback address.
  private struct Listener {
    let descriptor: Int32
    let port: UInt16

    init() throws {
      descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var timeout = timeval(tv_sec: 10, tv_usec: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = inet_addr("127.0.0.1")
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let listening = withUnsafeMutablePointer(to: &address) { [descriptor] pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
          bind(descriptor, generic, length) == 0 && listen(descriptor, 1) == 0
            && getsockname(descriptor, generic, &length) == 0
        }
      }
      guard listening else { throw CocoaError(.fileNoSuchFile) }
      port = UInt16(bigEndian: address.sin_port)
    }
  }
}
