import Foundation
import TestSupport
import Testing

@testable import TunnelEdge

struct LoginAddressTests {
  @Test(arguments: [
    ("https://app.example.com", "https://app.example.com", "/", "app.example.com.json"),
    ("app.example.com", "https://app.example.com", "/", "app.example.com.json"),
    ("https://APP.example.com:443/", "https://app.example.com", "/", "app.example.com.json"),
    ("https://app.example.com:8443", "https://app.example.com:8443", "/", "app.example.com_8443.json"),
  ])
  func whatIsTyped(written: String, origin: String, path: String, file: String) throws {
    let address = try LoginAddress(written)
    #expect(address.origin == origin && address.path == path && address.fileName == file)
  }

  @Test func aPathHasAFileOfItsOwn() throws {
    let (api, page) = (try LoginAddress("https://app.example.com/api?x=1"), try LoginAddress("https://app.example.com"))
    #expect(api.path == "/api" && api.fileName != page.fileName && !api.fileName.contains("/"))
  }

  @Test(arguments: [
    "", "http://app.example.com", "https://", "https://user@app.example.com", "https://a:b@app.example.com",
    "https://../x",
    "https://app..%2F.com", "https://[::1]/", "ftp://app.example.com", "https://app.example.com:99999999999999999999/",
    "a b",
  ])
  func whatIsNoPage(written: String) {
    #expect(throws: LoginAddress.Mistake.self) { try LoginAddress(written) }
  }
}

struct LoginFilesTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func files(_ more: [String: String] = [:]) throws -> LoginFiles {
    try LoginFiles(environment: ["XDG_STATE_HOME": directory.path].merging(more) { $1 })
  }

  private let login = KeptLogin(
    origin: "https://app.example.com", authenticateOrigin: "https://auth.example.com", route: "https://app.example.com",
    user: "ann", token: "te_login_x", expiresAt: 1_900_000_000)

  private func mode(_ path: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return try #require(attributes[.posixPermissions] as? NSNumber).intValue
  }

  @Test func whatIsKeptIsForItsOwnerOnly() throws {
    let (files, address) = (try files(), try LoginAddress("https://app.example.com"))
    #expect(try files.read(files.path(address)) == nil && files.all.isEmpty)
    try files.write(login, address)
    try files.write(login, address)
    #expect(try files.read(files.path(address)) == login)
    #expect(files.all == [files.path(address)])
    #expect(try mode(files.path(address)) == 0o600 && mode(files.directory) == 0o700)
    files.remove(files.path(address))
    #expect(files.all.isEmpty)
  }

  @Test func whatOthersCanReadIsNotUsed() throws {
    let (files, address) = (try files(), try LoginAddress("https://app.example.com"))
    try files.write(login, address)
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: files.path(address))
    #expect(throws: LoginFiles.Failure.self) { try files.read(files.path(address)) }
  }

  @Test func whereItIs() throws {
    #expect(try LoginFiles(environment: ["HOME": "/srv/ann"]).directory == "/srv/ann/.local/state/tunnel-edge/logins")
    #expect(
      try LoginFiles(environment: ["HOME": "/srv/ann", "XDG_STATE_HOME": "relative"]).directory
        == "/srv/ann/.local/state/tunnel-edge/logins")
    #expect(throws: LoginFiles.Failure.self) { try LoginFiles(environment: [:]) }
  }
}
