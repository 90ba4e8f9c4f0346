import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// Binds the loopback addresses of the issuer, all on one port.
struct LoopbackListener {
  let group: any EventLoopGroup
  let service: ProviderService
  let logger: Logger

  /// Free ports are tried anew when the second address has something else on the one the first address got.
  private static let attempts = 8

  func open() async throws -> [any Channel] {
    let issuer = service.issuer
    var failure: (any Error)?
    for _ in 0..<(issuer.port == 0 ? Self.attempts : 1) {
      do {
        return try await open(addresses: issuer.addresses, port: issuer.port)
      } catch {
        failure = error
      }
    }
    let reason = failure.map { "\($0)" } ?? "no address"
    throw ProviderError(
      .cannotListen, "the identity provider cannot listen on \(issuer.host) port \(issuer.port): \(reason)")
  }

  private func open(addresses: [String], port: Int) async throws -> [any Channel] {
    guard let first = addresses.first else {
      throw ProviderError(.notLoopback, "\(service.issuer.host) is not a loopback name")
    }
    let main = try await bind(first, port: port)
    let bound = main.localAddress?.port ?? port
    service.setPort(bound)
    var listeners = [main]
    for address in addresses.dropFirst() {
      do {
        listeners.append(try await bind(address, port: bound))
      } catch let error as IOError where [EADDRNOTAVAIL, EAFNOSUPPORT].contains(error.errnoCode) {
        logger.debug("no such loopback address here", metadata: ["address": "\(address)"])
      } catch {
        try? await main.close()
        service.setPort(port)
        throw error
      }
    }
    return listeners
  }

  private func bind(_ address: String, port: Int) async throws -> any Channel {
    let resolved = try SocketAddress(ipAddress: address, port: port)
    guard Self.isLoopback(resolved) else {
      throw ProviderError(.notLoopback, "\(address) is not a loopback address")
    }
    let service = service
    return try await ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 64)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
          try channel.pipeline.syncOperations.addHandler(ProviderConnectionHandler(service: service))
        }
      }
      .childChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .bind(to: resolved).get()
  }

  /// The last look before a socket is opened (security rule 35).
  static func isLoopback(_ address: SocketAddress) -> Bool {
    address.ipAddress.map { $0 == "::1" || $0.hasPrefix("127.") } ?? false
  }
}
