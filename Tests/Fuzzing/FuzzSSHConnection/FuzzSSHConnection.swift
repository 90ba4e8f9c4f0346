import FuzzDriver
import NIOCore

@testable import SSHProtocol

// Channels and requests, without ciphers. The first byte chooses:
//   0 two sides that keep the rules, whatever their owners want: every byte arrives once, in order, within the windows, and
//     in the end nothing is left of anything;
//   1 a server, and a client that sends any messages, some of them nearly right: no trap, and everything bounded.

@_cdecl("FuzzSSHConnection_main")
func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  FuzzDriver.run(count, arguments) { bytes in
    var input = FuzzInput(bytes)
    if input.byte() & 1 == 0 {
      var pair = HonestPair()
      pair.run(&input)
    } else {
      HostileClient.run(&input)
    }
  }
}
