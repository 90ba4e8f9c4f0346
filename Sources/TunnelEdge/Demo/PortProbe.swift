import Glibc

/// Whether a port can be listened on, on both loopback addresses, right now.
enum PortProbe {
  /// The first of the ports from `first` on that is free; `nil` if none of fifty is.
  static func firstFree(from first: Int, besides taken: Set<Int> = []) -> Int? {
    (first..<min(first + 50, 65536)).first { !taken.contains($0) && isFree($0) }
  }

  static func isFree(_ port: Int) -> Bool {
    var v4 = sockaddr_in()
    v4.sin_family = sa_family_t(AF_INET)
    v4.sin_port = UInt16(port).bigEndian
    v4.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    guard binds(&v4, AF_INET) else { return false }
    var v6 = sockaddr_in6()
    v6.sin6_family = sa_family_t(AF_INET6)
    v6.sin6_port = UInt16(port).bigEndian
    v6.sin6_addr = in6addr_loopback
    return binds(&v6, AF_INET6)
  }

  private static func binds<Address>(_ address: inout Address, _ family: Int32) -> Bool {
    let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    // A machine without IPv6 has no IPv6 port to lose.
    guard descriptor >= 0 else { return family == AF_INET6 }
    defer { close(descriptor) }
    var yes: Int32 = 1
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    let size = socklen_t(MemoryLayout<Address>.size)
    return unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        unsafe bind(descriptor, generic, size) == 0 || errno == EADDRNOTAVAIL
      }
    }
  }
}
