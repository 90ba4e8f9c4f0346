import Glibc
import Synchronization

/// Outbound HTTP by libcurl, on one thread of its own, so that no event loop and no thread of the shared pool waits.
///
/// Follows no redirects, speaks http and https only, and bounds the time and size of every exchange. libcurl resolves
/// `*.localhost` itself and keeps its connections for the next exchange.
package final class CurlFetcher: Fetcher {
  package struct Configuration: Sendable {
    /// PEM file of CAs to trust instead of the system's.
    package var certificateAuthorityFile: String?
    package var userAgent = "TunnelEdge"
    /// Hosts that no proxy of the environment is asked for; this machine's own always among them.
    package var directHosts = Self.directHosts()
    /// `host:port` to connect to, whatever host a URL names.
    package var connectTo: String?
    /// Only for asking this machine's own socket what is no secret.
    package var verifiesCertificates = true
    /// Exchanges beyond this many at once fail at once; each has a connection of its own if it must.
    package var maximumPending = 256
    /// The same for one scheme, host and port, so that a server that hangs leaves room for the others.
    package var maximumPendingPerOrigin = 64

    package init(certificateAuthorityFile: String? = nil) {
      self.certificateAuthorityFile = certificateAuthorityFile
    }

    private static func directHosts() -> String {
      let own = "localhost,.localhost,127.0.0.1,::1"
      for name in ["no_proxy", "NO_PROXY"] {
        if let value = unsafe getenv(name) { return unsafe "\(own),\(String(cString: value))" }
      }
      return own
    }
  }

  private let configuration: Configuration
  private let loop: CurlLoop
  private let lastID = Atomic<UInt64>(0)

  package init(configuration: Configuration = .init()) throws(FetchError) {
    self.configuration = configuration
    loop = try CurlLoop()
    try loop.start()
  }

  deinit { loop.stop() }

  package func fetch(_ request: FetchRequest) async throws(FetchError) -> FetchResponse {
    let id = lastID.wrappingAdd(1, ordering: .relaxed).newValue
    let loop = loop
    let configuration = configuration
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Result<FetchResponse, FetchError>, Never>) in
        loop.submit(
          CurlLoop.Job(id: id, request: request, configuration: configuration) { continuation.resume(returning: $0) })
        // The handler below may have run before there was anything to cancel.
        if Task.isCancelled { loop.cancel(id) }
      }
    } onCancel: {
      loop.cancel(id)
    }
    return try result.get()
  }
}
