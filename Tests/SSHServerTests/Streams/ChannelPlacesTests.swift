import Testing

@testable import Routing
@testable import SSHProtocol
@testable import SSHServer

struct ChannelPlacesTests {
  private let second: UInt64 = 1_000_000_000

  /// `ChannelPlaces`, asked in expectations.
  private final class Places {
    var value: ChannelPlaces<Int>
    init(most: Int) { value = ChannelPlaces(most: most) }

    func hasRoom(taken: Int, lasting: Int = 0, isLasting: Bool = false, now: UInt64 = 0) -> Bool {
      value.hasRoom(isLasting: isLasting, taken: taken, takenByLasting: lasting, now: now)
    }
    func wait(_ request: Int, isLasting: Bool = false, now: UInt64) -> UInt64? {
      value.wait(request, isLasting: isLasting, now: now)
    }
    func next(taken: Int, lasting: Int = 0, now: UInt64) -> ChannelPlaces<Int>.Waiting? {
      value.next(taken: taken, takenByLasting: lasting, now: now)
    }
    func remove(_ number: UInt64) -> Int? { value.remove(number)?.request }
    func expired(now: UInt64) -> [Int] { value.expired(now: now).map(\.request).sorted() }
  }

  @Test func whoeverWaitsIsNotPassedOver() throws {
    let places = Places(most: 2)
    #expect(places.hasRoom(taken: 1))
    #expect(!places.hasRoom(taken: 2))
    let first = places.wait(1, now: 5)
    let number = try #require(places.wait(2, now: 6))
    #expect(first != nil && places.value.waitingCount == 2 && places.value.oldestSince == 5)
    // A place is free, but not for newcomers.
    #expect(!places.hasRoom(taken: 1))
    #expect(places.next(taken: 2, now: 7) == nil)
    let admitted = try #require(places.next(taken: 1, now: 7))
    #expect(admitted.request == 1)
    _ = places.value.waitFirst(1, isLasting: false, since: admitted.since)
    #expect(places.next(taken: 1, now: 8)?.request == 1)
    #expect(places.remove(number) == 2)
    #expect(places.remove(number) == nil)
    #expect(!places.value.isWaitedFor && places.value.oldestSince == nil)
  }

  @Test func theQueueEndsAndSoDoesPatience() {
    let places = Places(most: 1)
    let limit = ChannelPlaces<Int>.queueLimit
    for index in 0..<limit {
      #expect(places.wait(index, isLasting: index.isMultiple(of: 2), now: UInt64(index) * second) != nil)
    }
    #expect(places.wait(0, now: 0) == nil)
    #expect(places.expired(now: 9 * second).isEmpty)
    #expect(places.expired(now: 11 * second) == [0, 1])
    #expect(places.value.removeAll().count == limit - 2)
  }

  @Test func lastingStreamsLeaveEightPlaces() {
    let places = Places(most: 64)
    #expect(places.value.lastingCap == 56)
    #expect(places.hasRoom(taken: 56, lasting: 55, isLasting: true))
    #expect(!places.hasRoom(taken: 56, lasting: 56, isLasting: true))
    #expect(places.hasRoom(taken: 56, lasting: 56))
    _ = places.wait(1, isLasting: true, now: 1)
    // Plain requests do not wait behind it.
    #expect(places.hasRoom(taken: 56, lasting: 56))
    _ = places.wait(2, now: 2)
    #expect(places.next(taken: 63, lasting: 56, now: 3)?.request == 2)
    #expect(places.next(taken: 63, lasting: 56, now: 3) == nil)
    #expect(places.next(taken: 63, lasting: 55, now: 3)?.request == 1)
    #expect(ChannelPlaces<Int>(most: 10).lastingCap == 5)
    #expect(ChannelPlaces<Int>(most: 1).lastingCap == 0)
  }

  @Test func aClientThatRanOutIsAskedForFewerAndThenForOneMoreAMinute() {
    let places = Places(most: 64)
    places.value.ranOut(taken: 59, now: 100 * second)
    #expect(places.value.cap == 54)
    // The rest of the same burst.
    places.value.ranOut(taken: 58, now: 100 * second)
    #expect(places.value.cap == 53)
    places.value.ranOut(taken: 63, now: 100 * second)
    #expect(places.value.cap == 53)
    #expect(!places.hasRoom(taken: 53, now: 159 * second))
    #expect(places.hasRoom(taken: 53, now: 160 * second))
    #expect(!places.hasRoom(taken: 54, now: 160 * second))
    #expect(places.hasRoom(taken: 63, now: 3600 * second))
    #expect(places.value.cap == 64)
    for taken in [3, 2, 1, 1, 0] { places.value.ranOut(taken: taken, now: 4000 * second) }
    #expect(places.value.cap == 1)
  }

  @Test func whatClientsSayWhenTheyRunOut() {
    func failure(_ reason: UInt32, _ text: String, open: Int = 20, hasServed: Bool = true) -> StreamOpenFailure {
      StreamOpenFailure(reason: reason, text: text, openStreams: open, hasServed: hasServed)
    }
    #expect(failure(4, "") == .outOfResources)
    #expect(failure(1, "open failed") == .outOfResources)
    #expect(failure(2, "socket: Too many open files") == .outOfResources)
    #expect(failure(2, "dial tcp 127.0.0.1:80: socket: too many open files", open: 0) == .outOfResources)
    // What OpenSSH says of a host it cannot resolve, too.
    #expect(failure(1, "open failed", open: 0) == .refused("open failed"))
    #expect(failure(1, "open failed", hasServed: false) == .refused("open failed"))
    #expect(failure(2, "Connection refused") == .refused("Connection refused"))
    #expect(failure(2, "bell\u{7}") == .refused("bell\\u{7}"))
  }

  @Test func aMapFindsByNumberAndForgetsWhatIsOver() {
    var map = ChannelMap<String>()
    let old = ChannelID(number: 3, generation: 1)
    let new = ChannelID(number: 3, generation: 2)
    map[old] = "old"
    #expect(map[old] == "old" && map[new] == nil && map.count == 1)
    map[new] = nil
    #expect(map.count == 1)
    map[new] = "new"
    #expect(map[old] == nil && map[new] == "new" && map.count == 1)
    map[ChannelID(number: 0, generation: 3)] = "first"
    #expect(map.values == ["first", "new"])
    #expect(map.removeValue(forKey: old) == nil)
    #expect(map.removeValue(forKey: new) == "new")
    #expect(map.count == 1 && !map.isEmpty)
    map.removeAll()
    #expect(map.isEmpty)
  }
}
