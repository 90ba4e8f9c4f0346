import NIOCore

/// TCP options that NIO has no names for; failing to set one is no reason to refuse a client.
enum SocketTuning {
  /// Keeps the kernel's queue short, so that a small response does not wait behind megabytes of a bulk one.
  private static let notSentLowWater = 128 * 1024
  /// A peer that takes no bytes for this long is gone (milliseconds).
  private static let userTimeout = 60_000

  static func apply(to channel: any Channel) {
    #if os(Linux)
      // linux/tcp.h: TCP_NOTSENT_LOWAT and TCP_USER_TIMEOUT
      let options: [(CInt, Int)] = [(25, notSentLowWater), (18, userTimeout)]
      for (name, value) in options {
        let option = ChannelOptions.Types.SocketOption(
          level: .tcp, name: NIOBSDSocket.Option(rawValue: name))
        try? channel.syncOptions?.setOption(option, value: value)
      }
    #endif
  }
}
