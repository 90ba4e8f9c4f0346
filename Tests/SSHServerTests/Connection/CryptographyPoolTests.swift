import Foundation
import NIOCore
import NIOPosix
import Policy
import SSHProtocol
import Synchronization
import TestSupport
import Testing

@testable import SSHServer

/// What is computed off the loops: a bounded amount, in turns, and nothing for nobody.
@Suite(.serialized) struct CryptographyPoolTests {
  private func applicant(_ address: String?, isSignedIn: Bool = false) -> CryptographyPool.Applicant {
    CryptographyPool.Applicant(
      connection: ConnectionHandle(id: UUID().uuidString, eventLoop: MultiThreadedEventLoopGroup.singleton.next()),
      source: address.flatMap { IPAddress($0) }.map { SourceBlock($0) }, isSignedIn: isSignedIn)
  }

  /// What was computed, and for whom there was no room, in the order in which it happened.
  private final class Diary: Sendable {
    let computed = Mutex<[String]>([])
    let isOpen = Mutex(false)
    let blockedThreads = Mutex(0)
  }

  /// A pool whose threads wait until the diary is opened, with this work waiting behind them.
  private func blocked(_ diary: Diary, _ wanted: [(name: String, applicant: CryptographyPool.Applicant)])
    async throws -> CryptographyPool
  {
    let pool = CryptographyPool()
    pool.start()
    for _ in 0..<CryptographyPool.threads {
      pool.compute(for: applicant(nil, isSignedIn: true)) { () throws(SSHError) in
        diary.blockedThreads.withLock { $0 += 1 }
        while !diary.isOpen.withLock({ $0 }) { usleep(1000) }
      } completion: { _, _ in
      } refused: { _ in
      }
    }
    try await until("all threads to be busy") { diary.blockedThreads.withLock { $0 } == CryptographyPool.threads }
    for (name, applicant) in wanted {
      pool.compute(for: applicant) { () throws(SSHError) in
        diary.computed.withLock { $0.append(name) }
      } completion: { _, _ in
      } refused: { _ in
      }
    }
    return pool
  }

  @Test func theQueueHasAnEndExceptForPeopleWhoAreSignedIn() async throws {
    let diary = Diary()
    let strangers = (0..<1000).map { ("stranger \($0)", applicant("192.0.2.\($0 % 250)")) }
    let person = ("person", applicant("192.0.2.1", isSignedIn: true))
    let pool = try await blocked(diary, strangers + [person])
    #expect(pool.unprovedCount == CryptographyPool.mostUnproved)
    diary.isOpen.withLock { $0 = true }
    try await until("the pool to have done its work") {
      diary.computed.withLock(\.count) == CryptographyPool.mostUnproved + 1
    }
    #expect(diary.computed.withLock { $0.contains("person") })
    await pool.stop()
    #expect(pool.unprovedCount == 0)
  }

  @Test func whoAsksForMuchGivesWayToWhoAsksForLittle() async throws {
    let diary = Diary()
    let flood = (0..<1000).map { _ in ("flood", applicant("192.0.2.1")) }
    let pool = try await blocked(diary, flood + [("guest", applicant("198.51.100.7"))])
    #expect(pool.unprovedCount == CryptographyPool.mostUnproved)
    diary.isOpen.withLock { $0 = true }
    try await until("the pool to have done its work") { pool.unprovedCount == 0 }
    let computed = diary.computed.withLock { $0 }
    #expect(computed.count == CryptographyPool.mostUnproved)
    #expect(computed.contains("guest"))
    await pool.stop()
  }

  @Test func whatNobodyWaitsForIsNotComputed() async throws {
    let diary = Diary()
    let gone = applicant("192.0.2.1")
    gone.connection.markGone()
    let pool = try await blocked(diary, (0..<200).map { _ in ("gone", gone) } + [("here", applicant("192.0.2.2"))])
    diary.isOpen.withLock { $0 = true }
    try await until("the pool to have done its work") { pool.unprovedCount == 0 }
    #expect(diary.computed.withLock { $0 } == ["here"])
    await pool.stop()
  }

  @Test func thePoolIsSmall() {
    #expect(CryptographyPool.threads <= 2 * System.coreCount)
  }
}
