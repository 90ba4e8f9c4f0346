/// The ports of a demo.
struct DemoPorts: Sendable, Equatable {
  struct Busy: Error, CustomStringConvertible {
    var description: String
  }

  var https: Int
  var ssh: Int
  var provider: Int
  var service: Int

  /// Free ones from these on; no two alike.
  func firstFree() throws(Busy) -> DemoPorts {
    var taken: Set<Int> = []
    func next(_ first: Int, _ what: String) throws(Busy) -> Int {
      guard let port = PortProbe.firstFree(from: first, besides: taken) else {
        throw Busy(description: "no free port from \(first) on for \(what); name another first port")
      }
      taken.insert(port)
      return port
    }
    return DemoPorts(
      https: try next(https, "HTTPS"), ssh: try next(ssh, "ssh"), provider: try next(provider, "the identity provider"),
      service: service)
  }

  /// `https ssh provider`, as kept beside the configuration that names them.
  init?(text: String, service: Int) {
    let numbers = text.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
    guard numbers.count == 3, numbers.allSatisfy({ (1...65535).contains($0) }) else { return nil }
    self.init(https: numbers[0], ssh: numbers[1], provider: numbers[2], service: service)
  }

  init(https: Int, ssh: Int, provider: Int, service: Int) {
    self.https = https
    self.ssh = ssh
    self.provider = provider
    self.service = service
  }

  var text: String { "\(https) \(ssh) \(provider)\n" }

  /// The first of them that somebody else listens on.
  var busy: Int? { [https, ssh, provider].first { !PortProbe.isFree($0) } }
}
