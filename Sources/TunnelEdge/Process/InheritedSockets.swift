import Glibc

/// Listening sockets that somebody opened before the edge was started: socket activation (sd_listen_fds(3)).
///
/// While the edge restarts nobody is refused, because the sockets stay open and the kernel keeps those who come in line; and
/// ports below 1024 need no capability. A socket is known by its name (`FileDescriptorName=`), or else by the port that
/// the configuration names.
package struct InheritedSockets: Sendable, Equatable {
  /// What the edge listens for; the name is what `FileDescriptorName=` says.
  package enum Door: String, Sendable, CaseIterable {
    case https
    case httpRedirect = "http-redirect"
    case ssh
    case metrics
  }

  /// What was handed over cannot be listened on.
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  struct Socket: Sendable, Equatable {
    var descriptor: Int32
    /// Empty, the unit's name, or a door.
    var name: String
    var port: Int
  }

  private var sockets: [Socket]

  package static let none = InheritedSockets([])

  init(_ sockets: [Socket]) { self.sockets = sockets }

  /// Reads what the environment says of the descriptors from 3 on, if it is meant for this process.
  package init(environment: [String: String], process: Int32 = getpid()) throws(Failure) {
    sockets = []
    guard let count = environment["LISTEN_FDS"].flatMap(Int32.init), (1...256).contains(count),
      environment["LISTEN_PID"].flatMap(Int32.init) == process
    else { return }
    let names = (environment["LISTEN_FDNAMES"] ?? "").split(separator: ":", omittingEmptySubsequences: false)
    for index in 0..<count {
      let descriptor = 3 + index
      let name = names.dropFirst(Int(index)).first.map(String.init) ?? ""
      // Programs that the edge starts have no business with them.
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      guard let port = Self.portListenedOn(descriptor) else {
        throw Failure(
          description: "descriptor \(descriptor) (\"\(name)\") of LISTEN_FDS is no listening TCP socket; "
            + "the socket unit needs ListenStream= with a port")
      }
      sockets.append(Socket(descriptor: descriptor, name: name, port: port))
    }
  }

  /// Takes out the sockets of a door: those that bear its name, else those without any door's name on its port.
  mutating func take(_ door: Door, port: Int) -> [Int32] {
    var taken = sockets.filter { $0.name == door.rawValue }
    if taken.isEmpty { taken = sockets.filter { Door(rawValue: $0.name) == nil && $0.port == port } }
    sockets.removeAll { taken.contains($0) }
    return taken.map(\.descriptor)
  }

  /// What nobody took, for a warning; closed, so that nobody waits there for ever.
  mutating func closeRest() -> [String] {
    defer { sockets = [] }
    return sockets.map { socket in
      close(socket.descriptor)
      return "port \(socket.port)" + (socket.name.isEmpty ? "" : " (\"\(socket.name)\")")
    }
  }

  private static func portListenedOn(_ descriptor: Int32) -> Int? {
    var isListening: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &size) == 0, isListening != 0
    else { return nil }
    guard let bytes = address(of: descriptor) else { return nil }
    // Both families keep the port behind the family, in network order.
    return Int(bytes[2]) << 8 | Int(bytes[3])
  }

  /// Whether only this machine reaches a socket.
  static func isLoopback(_ descriptor: Int32) -> Bool {
    guard let bytes = address(of: descriptor) else { return false }
    // 127.0.0.0/8 behind the port; ::1 behind port and flow.
    return bytes.count == MemoryLayout<sockaddr_in>.size
      ? bytes[4] == 127 : bytes[8..<23].allSatisfy { $0 == 0 } && bytes[23] == 1
  }

  /// The `sockaddr_in` or `sockaddr_in6` of its own end; nil for other families.
  private static func address(of descriptor: Int32) -> [UInt8]? {
    var address = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        unsafe getsockname(descriptor, generic, &length)
      }
    }
    guard result == 0 else { return nil }
    let bytes = unsafe withUnsafeBytes(of: address) { unsafe Array($0) }
    switch Int32(address.ss_family) {
    case AF_INET: return Array(bytes.prefix(MemoryLayout<sockaddr_in>.size))
    case AF_INET6: return Array(bytes.prefix(MemoryLayout<sockaddr_in6>.size))
    default: return nil
    }
  }
}
