/// What a publisher with this client would want to know.
enum ClientHint {
  static func lines(for identification: String) -> [String] {
    delaysSmallAnswers(identification)
      ? ["Small answers are slow with this ssh: add -o ObscureKeystrokeTiming=no"] : []
  }

  /// OpenSSH 9.5 to 10.0 hides keystrokes by sending small packets every 20 ms only, as long as a session has a terminal,
  /// and takes what goes through tunnels for keystrokes, too (ssh.md section 3.5).
  static func delaysSmallAnswers(_ identification: String) -> Bool {
    // `SSH-2.0-OpenSSH_9.6p1 Debian-1`
    let parts = identification.split(separator: "-", maxSplits: 2)
    guard parts.count == 3 else { return false }
    for name in ["OpenSSH_for_Windows_", "OpenSSH_"] where parts[2].hasPrefix(name) {
      let version = parts[2].dropFirst(name.count).prefix { $0.isNumber || $0 == "." }.split(separator: ".")
      guard version.count >= 2, let major = Int(version[0]), let minor = Int(version[1]) else { continue }
      return (major == 9 && minor >= 5) || (major == 10 && minor == 0)
    }
    return false
  }
}
