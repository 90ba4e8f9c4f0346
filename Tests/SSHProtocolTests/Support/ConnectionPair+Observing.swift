import NIOCore

@testable import SSHProtocol

/// The expectation macros cannot take a noncopyable connection apart.
extension ConnectionPair {
  func acceptLogin(_ attempt: LoginAttempt, banner: [String] = []) -> Bool {
    server.acceptLogin(attempt, banner: banner)
  }
  func requireSignIn(_ attempt: LoginAttempt, prompt: InteractivePrompt) -> Bool {
    server.requireSignIn(attempt, prompt: prompt)
  }
  func ask(_ attempt: LoginAttempt, prompt: InteractivePrompt) -> Bool { server.ask(attempt, prompt: prompt) }
  func refuseLogin(_ attempt: LoginAttempt) -> Bool { server.refuseLogin(attempt) }
  func openByClient(_ open: ChannelOpen) -> ChannelID? { client.openChannel(open) }
  func openByServer(_ open: ChannelOpen) -> ChannelID? { server.openChannel(open) }
  var hasServerEnded: Bool { server.hasEnded }
  var serverChannels: Int { server.channelCount }
  var clientChannels: Int { client.channelCount }
  var serverSessions: Int { server.sessionCount }
  var serverRoundTrip: UInt64? { server.roundTrip }
  var announcedByServer: Int { server.announcedWindow }
  var announcedByClient: Int { client.announcedWindow }
  var serverDeadline: UInt64? { server.deadline }
  var peerAlgorithms: [String]? { client.peerSignatureAlgorithms }
  var clientMayCarryMessages: Bool { client.transport.mayCarryMessages }
  var clientHasSealableData: Bool { client.hasSealableData }
  var serverPackets: UInt64 { server.transport.writer.packetsUnderKey }
  var placesOfServer: Int { server.channelsOpenedByUs }
  var serverHeldMessages: Int { server.transport.held.count }
  func serverIsWritable(_ id: ChannelID) -> Bool { server.isWritable(id) }
  func clientIsWritable(_ id: ChannelID) -> Bool { client.isWritable(id) }
  func clientQueuedBytes(_ id: ChannelID) -> Int { client.queuedBytes(id) }
}
