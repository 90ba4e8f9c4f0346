import Glibc
import Synchronization
import Testing

@testable import Identity

/// A server of one answer per connection, on threads of its own.
final class TinyServer: Sendable {
  let port: UInt16
  private let descriptor: Int32
  private let seen = Mutex<[String]>([])

  var requests: [String] { seen.withLock { $0 } }

  /// `answer` gets the request's head and body as text; nil: never answers.
  init(_ answer: @escaping @Sendable (String) -> [UInt8]?) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = descriptor
    let bound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 16) == 0 && getsockname(listener, $0, &length) == 0
      }
    }
    try #require(bound)
    port = UInt16(bigEndian: address.sin_port)
    detach { [self] in
      while case let connection = accept(listener, nil, nil), connection >= 0 {
        detach { [self] in serve(connection, answer) }
      }
    }
  }

  deinit { close(descriptor) }

  func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }

  private func serve(_ connection: Int32, _ answer: @Sendable (String) -> [UInt8]?) {
    var text = ""
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while !Self.isComplete(text) {
      let count = read(connection, &buffer, buffer.count)
      guard count > 0 else { break }
      text += String(decoding: buffer.prefix(count), as: UTF8.self)
    }
    seen.withLock { $0.append(text) }
    if let bytes = answer(text) {
      var sent = 0
      while sent < bytes.count {
        let count = bytes[sent...].withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard count > 0 else { break }
        sent += count
      }
    } else {
      // Until the client gives up.
      _ = read(connection, &buffer, buffer.count)
    }
    close(connection)
  }

  private static func isComplete(_ text: String) -> Bool {
    guard let end = text.firstRange(of: "\r\n\r\n") else { return false }
    guard let length = text.firstRange(of: "Content-Length: ") else { return true }
    let expected = Int(text[length.upperBound...].prefix { $0.isNumber }) ?? 0
    return text[end.upperBound...].utf8.count >= expected
  }
}

/// Runs a blocking closure on a thread of its own.
private func detach(_ body: @escaping @Sendable () -> Void) {
  final class Box { let body: @Sendable () -> Void; init(_ body: @escaping @Sendable () -> Void) { self.body = body } }
  var thread = pthread_t()
  let box = Unmanaged.passRetained(Box(body)).toOpaque()
  let status = pthread_create(
    &thread, nil,
    { context in
      if let context { Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body() }
      return nil
    }, box)
  if status == 0 { pthread_detach(thread) }
}

@Suite struct CurlFetcherTests {
  func response(_ status: String, _ headers: String = "", body: String = "") -> [UInt8] {
    Array("HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)".utf8)
  }

  @Test func fetches() async throws {
    let answer = response("200 OK", "X-Thing:  a b \r\nx-thing: c\r\n", body: "hello")
    let server = try TinyServer { _ in answer }
    defer { server.stop() }
    let fetcher = try CurlFetcher()
    var request = FetchRequest(.get, "http://127.0.0.1:\(server.port)/a?b=c")
    request.headers = [("Accept", "application/json"), ("X-Evil", "a\r\nInjected: 1")]
    let response = try await fetcher.fetch(request)
    #expect(response.status == 200)
    #expect(response.body == Array("hello".utf8))
    #expect(response.headers.filter { $0.name == "x-thing" }.map(\.value) == ["a b", "c"])
    let seen = try #require(server.requests.first)
    #expect(seen.hasPrefix("GET /a?b=c HTTP/1.1\r\n"))
    #expect(seen.contains("Accept: application/json\r\n"))
    #expect(!seen.contains("Injected"))
  }

  @Test(arguments: ["", "a=b", String(repeating: "x", count: 10_000), "a\u{0}b"]) func posts(_ body: String)
    async throws
  {
    let answer = response("201 Created")
    let server = try TinyServer { _ in answer }
    defer { server.stop() }
    var request = FetchRequest(.post, "http://127.0.0.1:\(server.port)/", body: Array(body.utf8))
    request.headers = [("Content-Type", "application/x-www-form-urlencoded")]
    #expect(try await CurlFetcher().fetch(request).status == 201)
    let seen = try #require(server.requests.first)
    #expect(seen.hasPrefix("POST / HTTP/1.1\r\n"))
    #expect(seen.hasSuffix("\r\n\r\n" + body))
    #expect(!seen.contains("Expect:"))
  }

  @Test func followsNoRedirect() async throws {
    let answer = response("302 Found", "Location: http://127.0.0.1:1/\r\n")
    let server = try TinyServer { _ in answer }
    defer { server.stop() }
    #expect(try await CurlFetcher().fetch(FetchRequest(.get, "http://127.0.0.1:\(server.port)/")).status == 302)
  }

  @Test func resolvesNamesUnderLocalhost() async throws {
    let answer = response("200 OK")
    let server = try TinyServer { _ in answer }
    defer { server.stop() }
    #expect(try await CurlFetcher().fetch(FetchRequest(.get, "http://auth.localhost:\(server.port)/")).status == 200)
  }

  @Test(arguments: [true, false]) func stopsReadingALongAnswer(_ announces: Bool) async throws {
    let head = announces ? "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" : "HTTP/1.1 200 OK\r\n\r\n"
    let answer = Array((head + String(repeating: "x", count: 5000)).utf8)
    let server = try TinyServer { _ in answer }
    defer { server.stop() }
    var request = FetchRequest(.get, "http://127.0.0.1:\(server.port)/")
    request.maximumBytes = 4999
    let error = await #expect(throws: FetchError.self) { try await CurlFetcher().fetch(request) }
    #expect(error?.kind == .tooLarge)
    request.maximumBytes = 5000
    #expect(try await CurlFetcher().fetch(request).body.count == 5000)
  }

  @Test func stopsReadingAnEndlessHead() async throws {
    let answer = Array(
      ("HTTP/1.1 200 OK\r\n" + String(repeating: "X-A: \(String(repeating: "y", count: 1000))\r\n", count: 100)).utf8)
    let server = try TinyServer { _ in answer }
    defer { server.stop() }
    let error = await #expect(throws: FetchError.self) {
      try await CurlFetcher().fetch(FetchRequest(.get, "http://127.0.0.1:\(server.port)/"))
    }
    #expect(error?.kind == .tooLarge)
  }

  @Test func givesUpOnASilentServer() async throws {
    let server = try TinyServer { _ in nil }
    defer { server.stop() }
    var request = FetchRequest(.get, "http://127.0.0.1:\(server.port)/slow?secret=1")
    request.timeoutMilliseconds = 100
    let error = await #expect(throws: FetchError.self) { try await CurlFetcher().fetch(request) }
    #expect(error?.kind == .timedOut)
    #expect(error?.description.contains("/slow:") == true)
    #expect(error?.description.contains("secret") == false)
  }

  @Test func saysWhatToDoWhenNobodyListens() async throws {
    let server = try TinyServer { _ in nil }
    let port = server.port
    server.stop()
    let error = await #expect(throws: FetchError.self) {
      try await CurlFetcher().fetch(FetchRequest(.get, "http://user:pass@127.0.0.1:\(port)/x"))
    }
    #expect(error?.description.contains("127.0.0.1:\(port)/x") == true)
    #expect(error?.description.contains("check that") == true)
    #expect(error?.description.contains("pass") == false)
  }

  @Test(arguments: [
    "file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/", "", "127.0.0.1", "http://a b/", "http://\u{1}/",
  ])
  func speaksHTTPOnly(_ url: String) async throws {
    let error = await #expect(throws: FetchError.self) { try await CurlFetcher().fetch(FetchRequest(.get, url)) }
    #expect(error?.kind == .badURL)
  }

  @Test func endsWhatIsCancelled() async throws {
    let (asked, teller) = AsyncStream.makeStream(of: Void.self)
    let server = try TinyServer { _ in
      teller.yield()
      return nil
    }
    defer { server.stop() }
    let fetcher = try CurlFetcher()
    let port = server.port
    let task = Task { () throws(FetchError) in try await fetcher.fetch(FetchRequest(.get, "http://127.0.0.1:\(port)/"))
    }
    for await _ in asked { break }
    task.cancel()
    let error = await #expect(throws: FetchError.self) { try await task.value }
    #expect(error?.kind == .cancelled)
  }

  @Test func aServerThatHangsLeavesRoomForOthers() async throws {
    let (asked, teller) = AsyncStream.makeStream(of: Void.self)
    let hanging = try TinyServer { _ in
      teller.yield()
      return nil
    }
    defer { hanging.stop() }
    let answer = response("200 OK", body: "ok")
    let other = try TinyServer { _ in answer }
    defer { other.stop() }
    var configuration = CurlFetcher.Configuration()
    configuration.maximumPendingPerOrigin = 3
    let fetcher = try CurlFetcher(configuration: configuration)
    let base = "http://127.0.0.1:\(hanging.port)"
    let held = (0..<3).map { number in
      Task { () throws(FetchError) in try await fetcher.fetch(FetchRequest(.get, "\(base)/\(number)")) }
    }
    var arrived = 0
    for await _ in asked {
      arrived += 1
      if arrived == 3 { break }
    }
    let error = await #expect(throws: FetchError.self) { try await fetcher.fetch(FetchRequest(.get, base + "/4")) }
    #expect(error?.reason.contains("too many") == true)
    #expect(try await fetcher.fetch(FetchRequest(.get, "http://127.0.0.1:\(other.port)/")).status == 200)
    // Whoever gives up makes room.
    for task in held { task.cancel() }
    for task in held { await #expect(throws: FetchError.self) { try await task.value } }
    let next = Task { () throws(FetchError) in try await fetcher.fetch(FetchRequest(.get, base + "/5")) }
    for await _ in asked { break }
    next.cancel()
    await #expect(throws: FetchError.self) { try await next.value }
  }

  @Test func servesManyAtOnceAndOneThatIsSlowHoldsNobody() async throws {
    let answer = response("200 OK", body: "ok")
    let server = try TinyServer { $0.hasPrefix("GET /slow") ? nil : answer }
    defer { server.stop() }
    let fetcher = try CurlFetcher()
    let base = "http://127.0.0.1:\(server.port)"
    let slow = Task { () throws(FetchError) in try await fetcher.fetch(FetchRequest(.get, base + "/slow")) }
    let good = try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<50 { group.addTask { try await fetcher.fetch(FetchRequest(.get, "\(base)/\(number)")).status } }
      return try await group.reduce(0) { $0 + ($1 == 200 ? 1 : 0) }
    }
    #expect(good == 50)
    slow.cancel()
    await #expect(throws: FetchError.self) { try await slow.value }
  }
}
