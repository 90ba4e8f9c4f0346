/// What had left when somebody looked at a stream that has more to send: whether its reader reads.
package struct SentWhileWaiting {
  /// Of its body.
  let own: UInt64
  /// Of all bodies of the connection.
  let all: UInt64
  /// It waits for others to be sent first, and not for a window of its own.
  let isInTurn: Bool

  /// Whether something has left since then for which it waited. Windows that open and close again are nothing that was read.
  package func isProgress(since last: SentWhileWaiting) -> Bool {
    own != last.own || (isInTurn && all != last.all)
  }
}
