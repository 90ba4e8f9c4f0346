import NIOCore

/// The timers of a connection beside the machine's own, by purpose; setting one replaces it.
struct ConnectionTimers {
  enum Purpose: Hashable {
    /// The browser did not come.
    case signIn
    /// After a refusal nothing else was asked for.
    case refusal
    /// Nothing was asked for at all.
    case unused
    /// A decision or the session runs out.
    case expiry
    /// The client was asked whether it lives.
    case probe
    /// The client has signed out and reads the answer.
    case farewell
    /// The other side does not close.
    case linger
    /// Somebody waits for a channel.
    case places
    /// The client takes no bytes.
    case unwritable
  }

  private var scheduled: [Purpose: Scheduled<Void>] = [:]

  mutating func set(
    _ purpose: Purpose, in milliseconds: Int64, on handle: ConnectionHandle,
    _ action: @escaping @Sendable (ConnectionHandler) -> Void
  ) {
    scheduled[purpose]?.cancel()
    scheduled[purpose] = handle.eventLoop.scheduleTask(in: .milliseconds(max(0, milliseconds))) {
      handle.perform(action)
    }
  }

  /// As `set`, unless one is set already: for what nobody may put off.
  mutating func setOnce(
    _ purpose: Purpose, in milliseconds: Int64, on handle: ConnectionHandle,
    _ action: @escaping @Sendable (ConnectionHandler) -> Void
  ) {
    if scheduled[purpose] == nil { set(purpose, in: milliseconds, on: handle, action) }
  }

  mutating func cancel(_ purpose: Purpose) { scheduled.removeValue(forKey: purpose)?.cancel() }

  mutating func cancelAll() {
    for task in scheduled.values { task.cancel() }
    scheduled = [:]
  }
}
