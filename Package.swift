// swift-tools-version:6.2
import PackageDescription

/// Settings of every Swift target of ours: warnings are errors and every unsafe use is marked.
let settings: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// Tests use expectation macros, whose expansions do not carry `unsafe` markers.
let testSettings: [SwiftSetting] = [
  .treatAllWarnings(as: .error)
]

let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let http2: Target.Dependency = .product(name: "NIOHTTP2", package: "swift-nio-http2")
let hpack: Target.Dependency = .product(name: "NIOHPACK", package: "swift-nio-http2")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let collections: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

/// One Swift target; imports go downhill only (see docs/architecture.md).
func target(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// What several targets of tests share.
func testSupport(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, path: "Tests/\(name)", swiftSettings: testSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, resources: resources, swiftSettings: testSettings)
}

let package = Package(
  name: "TunnelEdge",
  products: [
    .executable(name: "tunnel-edge", targets: ["tunnel-edge"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
  ],
  targets: [
    // C libraries
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(
      name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CCrypt", pkgConfig: "libcrypt", providers: [.apt(["libcrypt-dev"])]),

    .systemLibrary(name: "CMalloc"),

    // Foundations
    target("PlainText", []),
    target("Policy", []),
    target("Patterns", []),
    target("EdgeCrypto", ["COpenSSL", .product(name: "Crypto", package: "swift-crypto")]),

    // Subjects
    target("ProxyProtocol", [nio]),
    target("SSHProtocol", ["PlainText", "EdgeCrypto", nio, collections]),
    target("HTTPWire", [nio, collections]),
    target("EdgeConfig", ["CYAML", "Policy", "Patterns"]),
    target("Store", ["Policy", "CSQLite", logging]),
    target("Identity", ["Policy", "EdgeCrypto", "CCurl", "Store", logging]),

    // The meeting place
    target("Routing", ["PlainText", "Policy", "Patterns", nio, collections]),

    // Servers
    target(
      "SSHServer",
      [
        "PlainText", "Routing", "Policy", "SSHProtocol", "ProxyProtocol", "EdgeCrypto", nio, nioPosix, collections,
        logging,
      ]),
    target(
      "HTTPProxy",
      [
        "PlainText", "Routing", "Policy", "Patterns", "Identity", "HTTPWire", "ProxyProtocol", "EdgeCrypto", nio,
        nioPosix, collections, logging,
      ]),

    // The program
    target(
      "EmbeddedProvider",
      ["PlainText", "EdgeConfig", "Policy", "EdgeCrypto", "CCrypt", nio, nioPosix, nioHTTP1, logging]),
    target(
      "TunnelEdge",
      [
        "PlainText", "SSHServer", "HTTPProxy", "Routing", "Policy", "Identity", "Store", "EdgeConfig", "EdgeCrypto",
        "SSHProtocol", "HTTPWire", "Patterns", "EmbeddedProvider", "CMalloc", nio, nioPosix, nioHTTP1, logging,
        arguments,
      ]),
    .executableTarget(name: "tunnel-edge", dependencies: ["TunnelEdge"], swiftSettings: settings),

    // What tests share: waiting, clocks, directories, chance, the pages of the repository; stores that fail when they are
    // told to; and other readers as judges of ours, for fuzzing too.
    testSupport("TestSupport", ["Policy"]),
    testSupport("StoreDoubles", ["Policy", "Store"]),
    testSupport("HTTPOracles", ["HTTPWire", nio, nioEmbedded, nioHTTP1, hpack, http2]),

    // Tests
    tests("PlainTextTests", ["PlainText"]),
    tests("PolicyTests", ["TestSupport", "Policy"]),
    tests("PatternsTests", ["Patterns"]),
    tests("EdgeCryptoTests", ["TestSupport", "EdgeCrypto"]),
    tests("ProxyProtocolTests", ["ProxyProtocol", nio, nioEmbedded]),
    tests("SSHProtocolTests", ["TestSupport", "SSHProtocol", "EdgeCrypto", nio]),
    tests("HTTPWireTests", ["TestSupport", "HTTPWire", "HTTPOracles", nio, nioEmbedded, hpack, http2]),
    tests("EdgeConfigTests", ["TestSupport", "EdgeConfig", "Policy"]),
    tests("StoreTests", ["TestSupport", "StoreDoubles", "Store", "Policy", logging]),
    tests("IdentityTests", ["TestSupport", "StoreDoubles", "Identity", "Store", "EdgeCrypto", "Policy", logging]),
    tests("RoutingTests", ["TestSupport", "Routing", "Policy", "Patterns", nio, nioEmbedded, nioPosix]),
    tests(
      "SSHServerTests",
      [
        "TestSupport", "PlainText", "SSHServer", "SSHProtocol", "Routing", "Policy", "Identity", "EdgeCrypto", nio,
        nioPosix, nioEmbedded, logging,
      ]),
    tests(
      "HTTPProxyTests",
      [
        "TestSupport", "HTTPProxy", "HTTPWire", "Routing", "Policy", "Patterns", "Identity", "Store", "EdgeCrypto", nio,
        nioPosix, nioEmbedded, logging,
      ]),
    tests("EmbeddedProviderTests", ["TestSupport", "EmbeddedProvider", "EdgeCrypto", nio, nioPosix, logging]),
    tests(
      "TunnelEdgeTests",
      [
        "TestSupport", "TunnelEdge", "EdgeConfig", "EdgeCrypto", "HTTPProxy", "HTTPWire", "Identity", "Policy",
        "Routing", "SSHProtocol", "SSHServer", "Store", nio,
      ]),
  ],
  swiftLanguageModes: [.v6]
)

// Fuzz targets, for scripts/fuzz only: a build with unsafe flags is no dependency of anybody.
if Context.environment["TUNNEL_EDGE_FUZZ"] != nil {
  let fuzzed: Set = [
    "HTTPWire", "SSHProtocol", "ProxyProtocol", "EdgeConfig", "Policy", "Patterns", "EdgeCrypto", "Identity",
  ]
  for target in package.targets where fuzzed.contains(target.name) {
    target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags(["-sanitize=fuzzer"])]
  }
  let fuzzers: [(String, [Target.Dependency])] = [
    ("FuzzHTTPHeads", ["HTTPWire", nio]),
    ("FuzzHTTP2", ["HTTPWire", nio, hpack]),
    ("FuzzHTTPHeadsOracle", ["HTTPOracles", "HTTPWire"]),
    ("FuzzHTTP2Oracle", ["HTTPOracles"]),
    ("FuzzSSHTransport", ["SSHProtocol", "EdgeCrypto", nio]),
    ("FuzzSSHAuthentication", ["SSHProtocol", "EdgeCrypto", nio]),
    ("FuzzSSHConnection", ["SSHProtocol", "EdgeCrypto", nio]),
    ("FuzzSSHKeys", ["SSHProtocol", "EdgeCrypto", nio]),
    ("FuzzKeyFiles", ["EdgeCrypto"]),
    ("FuzzCrypto", ["EdgeCrypto"]),
    ("FuzzProxyProtocol", ["ProxyProtocol", nio]),
    ("FuzzPatterns", ["Patterns"]),
    ("FuzzTokens", ["Identity", "Store", "EdgeCrypto", "Policy"]),
  ]
  package.targets.append(
    .target(
      name: "FuzzDriver", path: "Tests/Fuzzing/FuzzDriver", swiftSettings: [.unsafeFlags(["-sanitize=fuzzer"])]))
  for (name, dependencies) in fuzzers {
    package.targets.append(
      .executableTarget(
        name: name, dependencies: dependencies + ["FuzzDriver"], path: "Tests/Fuzzing/\(name)", exclude: ["Seeds"],
        swiftSettings: [.unsafeFlags(["-sanitize=fuzzer", "-parse-as-library"])],
        linkerSettings: [.unsafeFlags(["-sanitize=fuzzer"])]))
  }
}
