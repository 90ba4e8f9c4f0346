import EdgeConfig
import Testing

@testable import TunnelEdge

@Suite struct EdgeSettingsTests {
  @Test func localhostMeansBothLoopbackAddresses() {
    #expect(ListenAddress(host: "localhost", port: 1).expanded.map(\.host) == ["127.0.0.1", "::1"])
    #expect(ListenAddress(host: "edge.localhost", port: 1).expanded.map(\.host) == ["127.0.0.1", "::1"])
    #expect(ListenAddress(host: "", port: 443).expanded.map(\.host) == [nil])
    #expect(ListenAddress(host: "192.0.2.1", port: 443).expanded.map(\.host) == ["192.0.2.1"])
  }

  @Test func theConfigurationFileIsLookedForInOrder() throws {
    #expect(try ConfigurationPath.find(option: "a.yaml", environment: ["TUNNEL_EDGE_CONFIG": "b.yaml"]) == "a.yaml")
    #expect(try ConfigurationPath.find(option: nil, environment: ["TUNNEL_EDGE_CONFIG": "b.yaml"]) == "b.yaml")
  }
}
