import Foundation
import NIOCore
import Routing
import Synchronization
import Testing

@testable import HTTPProxy

/// Any size at constant memory, both ways.
@Suite(.serialized, .timeLimit(.minutes(8))) struct StreamingTests {
  private static let size = 100 << 20
  /// For the whole process, in which other tests may run beside: less than what would be kept otherwise.
  private static let room = size / 8 * 7

  private static func residentBytes() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
  }

  private static let piece = ByteBuffer(repeating: 0x78, count: 64 << 10)

  /// Sends `left` bytes in pieces, each when the one before has left.
  private static func pump(_ connection: TestService.Connection, left: Int) {
    guard left > 0 else { return }
    connection.send(piece).whenSuccess { pump(connection, left: left - (64 << 10)) }
  }

  private func curl(_ arguments: [String], input: FileHandle? = nil) async throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
    process.arguments = ["--silent", "--show-error", "--max-time", "200"] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardInput = input ?? FileHandle.nullDevice
    try process.run()
    return await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        continuation.resume(returning: String(decoding: data, as: UTF8.self))
      }
    }
  }

  private func edge(_ service: TestService) async throws -> TestEdge {
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    return edge
  }

  private func address(_ edge: TestEdge) -> [String] {
    ["-H", "Host: app.example.com", "-H", "Cookie: __Host-_pomerium=alice", "http://127.0.0.1:\(edge.port)/"]
  }

  @Test(arguments: [true, false]) func aLargeDownload(_ hasLength: Bool) async throws {
    let service = try await TestService { _, connection in
      if hasLength {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(Self.size)\r\n\r\n")
        Self.pump(connection, left: Self.size)
      } else {
        let piece = String(repeating: "y", count: 60000)
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        @Sendable func next(_ left: Int) {
          guard left > 0 else {
            connection.send("0\r\n\r\n")
            return
          }
          connection.send(ByteBuffer(string: "ea60\r\n\(piece)\r\n")).whenSuccess { next(left - 1) }
        }
        next(Self.size / 60_000)
      }
    }
    let edge = try await edge(service)
    let before = Self.residentBytes()
    let result = try await curl(["-o", "/dev/null", "-w", "%{http_code} %{size_download}"] + address(edge))
    #expect(result == "200 \(hasLength ? Self.size : Self.size / 60_000 * 60_000)")
    #expect(Self.residentBytes() - before < Self.room)
    await edge.stop()
  }

  @Test(arguments: [true, false]) func aLargeUpload(_ hasLength: Bool) async throws {
    let received = Mutex((bytes: 0, tail: ""))
    let service = try await TestService(onData: { bytes, connection in
      let total = received.withLock {
        $0.bytes += bytes.readableBytes
        $0.tail = String(($0.tail + String(decoding: bytes.readableBytesView.suffix(8), as: UTF8.self)).suffix(8))
        return $0
      }
      let whole = hasLength ? total.bytes > Self.size : total.tail.hasSuffix("0\r\n\r\n")
      if whole { connection.reply("\(total.bytes)") }
    })
    let edge = try await edge(service)
    let before = Self.residentBytes()
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("upload-\(UInt64.random(in: 0 ... .max))")
    #expect(FileManager.default.createFile(atPath: file.path, contents: nil))
    let handle = try FileHandle(forWritingTo: file)
    try handle.truncate(atOffset: UInt64(Self.size))
    try handle.close()
    defer { try? FileManager.default.removeItem(at: file) }
    let body = hasLength ? ["-T", file.path] : ["-T", "-", "-H", "Expect:"]
    let result = try await curl(
      ["-X", "POST", "-H", "Origin: https://app.example.com"] + body + address(edge),
      input: hasLength ? nil : try FileHandle(forReadingFrom: file))
    #expect((Int(result) ?? 0) > Self.size, "\(result)")
    #expect(Self.residentBytes() - before < Self.room)
    await edge.stop()
  }

  @Test func aVisitorWhoDoesNotReadSlowsTheServiceDown() async throws {
    let sent = Mutex(0)
    let size = 48 << 20
    let service = try await TestService { _, connection in
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
      @Sendable func next(_ left: Int) {
        guard left > 0 else { return }
        connection.send(Self.piece).whenSuccess {
          sent.withLock { $0 += 64 << 10 }
          next(left - (64 << 10))
        }
      }
      next(size)
    }
    let edge = try await edge(service)
    let client = try await edge.client()
    client.send(get())
    _ = try await client.wait(for: "\r\n\r\n")
    try await client.setReading(false)
    // What the kernel's buffers take is all that leaves the service.
    var last = -1
    while sent.withLock({ $0 }) != last {
      last = sent.withLock { $0 }
      try await Task.sleep(for: .milliseconds(200))
    }
    #expect(last < 40 << 20)
    try await client.setReading(true)
    _ = try await client.wait(bytes: size)
    await edge.stop()
  }

  @Test func eventsArriveAsTheyAreSent() async throws {
    let connections = Mutex<[TestService.Connection]>([])
    let service = try await TestService { _, connection in
      connections.withLock { $0.append(connection) }
      connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    }
    let edge = try await edge(service)
    let client = try await edge.client()
    client.send(get())
    _ = try await client.wait(for: "\r\n\r\n")
    for number in 1...3 {
      connections.withLock { $0.first }?.send("b\r\ndata: \(number) \n\n\n\r\n")
      _ = try await client.wait(for: "data: \(number)")
    }
    await edge.stop()
  }
}
