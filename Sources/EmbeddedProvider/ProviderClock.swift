import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// Where the provider takes the time from: milliseconds since 1970; tests pass their own.
package typealias ProviderClock = @Sendable () -> Int64

/// The machine's clock.
package let systemProviderClock: ProviderClock = {
  var now = timespec()
  unsafe clock_gettime(CLOCK_REALTIME, &now)
  return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
}
