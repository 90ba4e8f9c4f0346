import CCurl
import Glibc
import Synchronization

/// The thread that drives every transfer through one multi handle, which keeps connections, names and TLS sessions.
///
/// `@unchecked Sendable`: the queues sit in a mutex. The multi handle is touched by the loop's thread only, but for
/// `curl_multi_wakeup`, which libcurl allows from any thread; it is freed by that thread at its very end, behind the
/// mutex that every waker takes.
@safe
final class CurlLoop: @unchecked Sendable {
  struct Job: Sendable {
    var id: UInt64
    var request: FetchRequest
    var configuration: CurlFetcher.Configuration
    var complete: @Sendable (Result<FetchResponse, FetchError>) -> Void
  }

  private struct Queues {
    var jobs: [Job] = []
    var cancelled: Set<UInt64> = []
    /// Those submitted and not completed, with their origins.
    var pending: [UInt64: String] = [:]
    var pendingPerOrigin: [String: Int] = [:]
    var isStopping = false
    var hasEnded = false
  }

  /// The longest sleep when nothing happens; libcurl shortens it to its own next timer.
  private static let idleMilliseconds: Int32 = 60_000
  /// Once, before any thread uses the library.
  private static let isInitialized = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  private let multi: UnsafeMutableRawPointer
  private let queues = Mutex(Queues())

  init() throws(FetchError) {
    guard Self.isInitialized, let multi = unsafe curl_multi_init() else {
      throw FetchError(.closed, url: "libcurl", reason: "the library could not be started")
    }
    unsafe self.multi = unsafe multi
    // No limit of connections here: what waits for one inside libcurl is not watched by its timeout. How many are taken on
    // at all is bounded instead.
    unsafe te_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, 16)
  }

  func start() throws(FetchError) {
    var thread = pthread_t()
    let context = unsafe Unmanaged.passRetained(self).toOpaque()
    let status = unsafe pthread_create(&thread, nil, { unsafe CurlLoop.threadMain($0) }, context)
    guard status == 0 else {
      unsafe Unmanaged<CurlLoop>.fromOpaque(context).release()
      throw FetchError(.closed, url: "libcurl", reason: "no thread could be started for it")
    }
    pthread_detach(thread)
  }

  func submit(_ job: Job) {
    let origin = Self.origin(of: job.request.url)
    let refusal: FetchError? = queues.withLock { queues in
      if queues.isStopping { return FetchError(.closed, url: job.request.url, reason: "the edge is shutting down") }
      guard queues.pending.count < job.configuration.maximumPending,
        queues.pendingPerOrigin[origin, default: 0] < job.configuration.maximumPendingPerOrigin
      else {
        return FetchError(.timedOut, url: job.request.url, reason: "too many requests are waiting for their answers")
      }
      queues.pending[job.id] = origin
      queues.pendingPerOrigin[origin, default: 0] += 1
      queues.jobs.append(job)
      unsafe curl_multi_wakeup(multi)
      return nil
    }
    if let refusal { job.complete(.failure(refusal)) }
  }

  /// Ends an exchange that was submitted, wherever it stands.
  func cancel(_ id: UInt64) {
    queues.withLock { queues in
      guard !queues.hasEnded, queues.pending[id] != nil else { return }
      queues.cancelled.insert(id)
      unsafe curl_multi_wakeup(multi)
    }
  }

  func stop() {
    queues.withLock { queues in
      guard !queues.hasEnded else { return }
      queues.isStopping = true
      unsafe curl_multi_wakeup(multi)
    }
  }

  private static func threadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    unsafe Unmanaged<CurlLoop>.fromOpaque(context).takeRetainedValue().run()
    return nil
  }

  private func run() {
    var transfers: [UInt64: CurlTransfer] = [:]
    while true {
      let (jobs, cancelled, isStopping) = queues.withLock { queues in
        let taken = (queues.jobs, queues.cancelled, queues.isStopping)
        queues.jobs = []
        queues.cancelled = []
        return taken
      }
      for job in jobs { begin(job, isCancelled: isStopping || cancelled.contains(job.id), &transfers) }
      for id in isStopping ? Set(transfers.keys) : cancelled {
        guard let transfer = transfers.removeValue(forKey: id) else { continue }
        finish(transfer, .failure(FetchError(.cancelled, url: transfer.url, reason: "the request was given up")))
      }
      if isStopping { break }
      var running: Int32 = 0
      unsafe curl_multi_perform(multi, &running)
      var code = CURLE_OK
      while let handle = unsafe te_curl_next_done(multi, &code) {
        guard let id = transfers.first(where: { unsafe $0.value.owns(handle) })?.key,
          let transfer = transfers.removeValue(forKey: id)
        else { continue }
        finish(transfer, transfer.result(code))
      }
      let hasWork = queues.withLock { !$0.jobs.isEmpty || $0.isStopping }
      if !hasWork { unsafe curl_multi_poll(multi, nil, 0, Self.idleMilliseconds, nil) }
    }
    queues.withLock { queues in
      queues.hasEnded = true
      unsafe curl_multi_cleanup(multi)
    }
  }

  private func begin(_ job: Job, isCancelled: Bool, _ transfers: inout [UInt64: CurlTransfer]) {
    if isCancelled {
      settle(job.id)
      job.complete(.failure(FetchError(.cancelled, url: job.request.url, reason: "the request was given up")))
      return
    }
    do {
      let transfer = try CurlTransfer(job)
      unsafe try transfer.add(to: multi)
      transfers[job.id] = transfer
    } catch {
      settle(job.id)
      job.complete(.failure(error))
    }
  }

  private func finish(_ transfer: CurlTransfer, _ result: Result<FetchResponse, FetchError>) {
    unsafe transfer.remove(from: multi)
    settle(transfer.job.id)
    transfer.job.complete(result)
  }

  private func settle(_ id: UInt64) {
    queues.withLock { queues in
      queues.cancelled.remove(id)
      guard let origin = queues.pending.removeValue(forKey: id) else { return }
      let left = queues.pendingPerOrigin[origin, default: 1] - 1
      queues.pendingPerOrigin[origin] = left > 0 ? left : nil
    }
  }

  /// Scheme, host and port as they are written.
  private static func origin(of url: String) -> String {
    guard let scheme = url.firstRange(of: "://") else { return "" }
    return String(url[..<(url[scheme.upperBound...].firstIndex { $0 == "/" || $0 == "?" } ?? url.endIndex)])
  }
}
