import Foundation
import TestSupport
import Testing

@testable import TunnelEdge

@Suite struct ServiceNotifierTests {
  @Test func systemdIsToldOverItsSocket() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("notify")
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(descriptor) }
    var patience = timeval(tv_sec: 5, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(bound == 0)

    let notifier = ServiceNotifier(environment: ["NOTIFY_SOCKET": path, "WATCHDOG_USEC": "30000000"])
    notifier.ready()
    notifier.reloading()
    notifier.stopping()
    #expect(receive(descriptor).hasPrefix("READY=1"))
    #expect(receive(descriptor).hasPrefix("RELOADING=1\nMONOTONIC_USEC="))
    #expect(receive(descriptor).hasPrefix("STOPPING=1"))
    #expect(notifier.watchdogInterval == .seconds(15))
  }

  @Test func withoutASocketNothingHappens() {
    let notifier = ServiceNotifier(environment: [:])
    notifier.ready()
    #expect(notifier.watchdogInterval == nil)
  }

  private func receive(_ descriptor: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 512)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
  }
}
