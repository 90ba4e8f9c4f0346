/// What the demo prints: what to paste, what to open, and what to do when something is in the way.
struct DemoCard: Sendable {
  var state: DemoState
  var configuration: DemoConfiguration
  var servicePort: Int
  var users: [DemoUser]

  /// The ssh line's arguments; every path and name in it needs no quoting unless the folder's name has blanks.
  var sshArguments: [String] {
    [
      "-i", state.publisherKey, "-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=\(state.knownHosts)",
      "-p", String(configuration.sshPort), "-R", "\(DemoConfiguration.appHost):443:localhost:\(servicePort)", "-N",
      "localhost",
    ]
  }

  func walk(as user: DemoUser) -> DemoWalk {
    DemoWalk(
      sshArguments: sshArguments, appURL: configuration.appURL + "/", email: user.email, password: user.password,
      certificateAuthority: state.authorityCertificate)
  }

  var text: String {
    """

    The edge is up. A sample service runs on http://localhost:\(servicePort), and nobody can reach it from outside yet.

    1. Publish it. In another terminal, paste:

         ssh \(sshArguments.map(Self.quoted).joined(separator: " "))

       It prints a sign-in link. Open it, sign in, look at what is asked, and press Authorize.

    2. Open it in the same browser:

         \(configuration.appURL)/

    Users (e-mail and password):
    \(users.map { "     \($0.email)   \($0.password)" }.joined(separator: "\n"))

       \(configuration.publisher) may publish and visit; \(configuration.visitors.dropFirst().joined(separator: ", ")) may visit only; \
    the others may sign in and see a refusal.

    Your own service: change the last number in -R …:localhost:\(servicePort).

    Change who may do what while it runs: edit
         \(state.configuration)
       and reload the page. The ssh connection stays.

    "Your connection is not private": this machine made the certificate itself. Go on regardless, or trust the demo's CA:
         \(state.authorityCertificate)
       Chromium and Chrome on Linux: certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n tunnel-edge-demo -i \(Self.quoted(state.authorityCertificate))
       macOS: open it in Keychain Access and set "Always Trust". Firefox: Settings, Certificates, Import.
       Take it out again when you are done.

    No browser on this machine? From your laptop, then open the same address there:
         ssh -L \(configuration.httpsPort):localhost:\(configuration.httpsPort) -L \(providerPort):localhost:\(providerPort) YOU@THIS-MACHINE

    Who came and what was refused: access.log and audit.log in the same folder.

    Ctrl-C ends the demo. Delete \(state.directory) to forget it.

    """
  }

  private var providerPort: String {
    configuration.issuer.split(separator: ":").last.map { String($0.prefix { $0.isNumber }) } ?? "5556"
  }

  /// A word as the shell reads it.
  private static func quoted(_ word: String) -> String {
    let plain = word.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: "="), UInt8(ascii: "@"), UInt8(ascii: ","):
        true
      default: false
      }
    }
    return plain ? word : "'\(word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''"))'"
  }
}
