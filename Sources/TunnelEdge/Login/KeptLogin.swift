import Foundation

/// A token as `tunnel-edge login` keeps it, readable by its owner only.
struct KeptLogin: Codable, Equatable {
  /// `https://app.example.com`.
  var origin: String
  /// Where it is given back.
  var authenticateOrigin: String
  /// What it is good for, as the edge describes it.
  var route: String
  var user: String
  var token: String
  /// Unix time, in seconds.
  var expiresAt: Int64
}

/// `$XDG_STATE_HOME/tunnel-edge/logins`: one file for each host.
struct LoginFiles {
  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  let directory: String

  init(environment: [String: String]) throws(Failure) {
    // The XDG base directories count only where they are absolute.
    if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") {
      directory = state + "/tunnel-edge/logins"
    } else if let home = environment["HOME"], home.hasPrefix("/") {
      directory = home + "/.local/state/tunnel-edge/logins"
    } else {
      throw Failure(description: "neither XDG_STATE_HOME nor HOME says where tokens may be kept; set one of them")
    }
  }

  func path(_ address: LoginAddress) -> String { "\(directory)/\(address.fileName)" }

  /// `nil`: there is none.
  func read(_ path: String) throws(Failure) -> KeptLogin? {
    guard FileAccess.exists(path) else { return nil }
    let mode = (try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber)?.intValue
    guard let mode, mode & 0o077 == 0 else {
      throw Failure(description: "others can read \(path): remove it, and revoke the token on the edge's account page")
    }
    let bytes: [UInt8]
    do throws(FileAccess.Failure) { bytes = try FileAccess.read(path, limit: 65_536) } catch {
      throw Failure(description: error.description)
    }
    guard let kept = try? JSONDecoder().decode(KeptLogin.self, from: Data(bytes)) else {
      throw Failure(description: "\(path) is not a file of `tunnel-edge login`: remove it and sign in again")
    }
    return kept
  }

  func write(_ login: KeptLogin, _ address: LoginAddress) throws(Failure) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(login) else { throw Failure(description: "the token cannot be written down") }
    do throws(FileAccess.Failure) {
      try FileAccess.makeDirectory(directory, mode: 0o700)
      try FileAccess.replace(path(address), String(decoding: data, as: UTF8.self) + "\n", mode: 0o600)
    } catch {
      throw Failure(description: error.description)
    }
  }

  func remove(_ path: String) { FileAccess.unlinkIfPresent(path) }

  /// Every file there is.
  var all: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    return names.filter { $0.hasSuffix(".json") }.sorted().map { "\(directory)/\($0)" }
  }
}
