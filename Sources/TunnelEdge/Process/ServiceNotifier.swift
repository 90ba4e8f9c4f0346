import Glibc

/// Tells systemd how the service is (sd_notify(3)); does nothing where nobody listens.
package struct ServiceNotifier: Sendable {
  /// How often systemd wants to hear from us: half of `WATCHDOG_USEC`.
  package let watchdogInterval: Duration?
  private let path: String?

  package init(environment: [String: String], process: Int32 = getpid()) {
    let isMeant = environment["WATCHDOG_PID"].flatMap(Int32.init).map { $0 == process } ?? true
    watchdogInterval =
      isMeant ? environment["WATCHDOG_USEC"].flatMap(Int64.init).flatMap { $0 > 0 ? .microseconds($0 / 2) : nil } : nil
    path = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
  }

  package func ready() { send("READY=1\nSTATUS=Serving") }
  package func stopping() { send("STOPPING=1\nSTATUS=Draining") }
  package func watchdog() { send("WATCHDOG=1") }

  /// A reload begins; systemd wants the monotonic time of it in microseconds.
  package func reloading() {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    send("RELOADING=1\nMONOTONIC_USEC=\(Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)")
  }

  private func send(_ text: String) {
    guard let path else { return }
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
    // A leading "@" stands for the abstract name space.
    if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
    let message = Array(text.utf8)
    unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        _ = unsafe sendto(descriptor, message, message.count, Int32(MSG_NOSIGNAL), generic, length)
      }
    }
  }
}
