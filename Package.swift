// swift-tools-version: 6.2
import PackageDescription

/// Where `make setup` installs llama.cpp: headers in `include`, static libraries in `lib`.
let llamaPrefix =
  Context.environment["PRSM_LLAMA_PREFIX"]
  ?? (Context.environment["XDG_CACHE_HOME"] ?? "\(Context.environment["HOME"] ?? "")/.cache") + "/prsm/llama.cpp-11434"

/// Continuous integration sets this so that a warning fails the build; a contributor's half-written code only warns.
let warningsAreErrors = Context.environment["PRSM_WARNINGS_AS_ERRORS"] == "1"

let house: [SwiftSetting] =
  [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  ] + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])

/// Swift sources that import llama.cpp's headers need them on clang's search path.
let llamaHeaders: [SwiftSetting] = [.unsafeFlags(["-Xcc", "-I\(llamaPrefix)/include"])]

let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let sqlite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")

let package = Package(
  name: "prsm",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "prsm", targets: ["prsm"]),
    .library(name: "PRSMClient", targets: ["PRSMClient"]),
  ],
  dependencies: [
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .target(
      name: "Access", dependencies: ["Multiformats", "Postgres", "Storage", crypto, grdb], swiftSettings: house),
    .target(
      name: "CLlama",
      cSettings: [.unsafeFlags(["-I\(llamaPrefix)/include", "-O3", "-march=native"])],
      cxxSettings: [.unsafeFlags(["-I\(llamaPrefix)/include", "-O3", "-march=native"])],
      linkerSettings: [
        .unsafeFlags([
          "-L\(llamaPrefix)/lib", "-Xlinker", "--wrap=ggml_cpu_extra_compute_forward",
          "-Xlinker", "--wrap=ggml_cpu_extra_work_size", "-Xlinker", "--wrap=_Znwm",
        ]),
        .linkedLibrary("llama"), .linkedLibrary("ggml"), .linkedLibrary("ggml-cpu"), .linkedLibrary("ggml-base"),
        .linkedLibrary("stdc++"), .linkedLibrary("gomp"), .linkedLibrary("m"),
      ]
    ),
    .target(name: "CodeGeneration", dependencies: ["ModelInterface", "Sandbox"], swiftSettings: house),
    .target(name: "CPlayground"),
    .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .target(name: "CSandbox", linkerSettings: [.linkedLibrary("seccomp", .when(platforms: [.linux]))]),
    .target(name: "CStoreFile"),
    .systemLibrary(name: "CSecp256k1", pkgConfig: "libsecp256k1", providers: [.apt(["libsecp256k1-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(
      name: "Gateway",
      dependencies: [
        "Content", "CPlayground", "ModelInterface", "Multiformats", "Orchestration", "Telemetry", logging, lifecycle,
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "HummingbirdTLS", package: "hummingbird"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ],
      exclude: ["Playground"],
      swiftSettings: house
    ),
    .target(name: "LlamaEngine", dependencies: ["CLlama", "ModelInterface"], swiftSettings: house + llamaHeaders),
    .target(
      name: "Metering", dependencies: ["ModelInterface", "Postgres", "Storage", crypto, grdb, sqlite],
      swiftSettings: house),
    .target(name: "ModelCatalog", dependencies: [crypto], swiftSettings: house),
    .target(
      name: "Content",
      dependencies: [
        "CSecp256k1", "CStoreFile", "Multiformats", crypto,
        .product(name: "CryptoExtras", package: "swift-crypto"),
      ],
      swiftSettings: house),
    .target(name: "ModelInterface", swiftSettings: house),
    .target(name: "Multiformats", swiftSettings: house),
    .target(name: "Orchestration", dependencies: ["ModelInterface"], swiftSettings: house),
    .target(
      name: "PeerInference", dependencies: ["Content", "ModelInterface", "Multiformats", "PeerProtocols"],
      swiftSettings: house),
    .target(name: "PeerServices", dependencies: ["Content", "Multiformats", "PeerProtocols"], swiftSettings: house),
    .target(name: "PeerProtocols", dependencies: ["Multiformats"], swiftSettings: house),
    .target(
      name: "PeerNetwork",
      dependencies: [
        "Content", "ModelInterface", "Multiformats", "PeerProtocols", crypto, logging,
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: house
    ),
    .target(
      name: "PRSMClient",
      dependencies: [
        "ModelInterface",
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: house
    ),
    .target(name: "Postgres", dependencies: ["CPostgres"], swiftSettings: house),
    .target(
      name: "Providers",
      dependencies: [
        "ModelInterface",
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "NIOTLS", package: "swift-nio"),
      ],
      swiftSettings: house
    ),
    .target(name: "CRoutingPrior", exclude: ["prior.prsm"]),
    .target(name: "Routing", dependencies: ["CRoutingPrior"], swiftSettings: house),
    .target(name: "Sandbox", dependencies: ["CSandbox"], swiftSettings: house),
    .target(name: "Storage", dependencies: [grdb], swiftSettings: house),
    .target(
      name: "ScriptedProvider", dependencies: ["ModelInterface"], path: "Tests/ScriptedProvider", swiftSettings: house),
    .target(
      name: "TestDatabase", dependencies: ["Postgres"], path: "Tests/TestDatabase", swiftSettings: house),
    .target(
      name: "HostileUpstream",
      dependencies: [
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
      ], path: "Tests/HostileUpstream", swiftSettings: house),
    .target(name: "Telemetry", dependencies: [logging, lifecycle], swiftSettings: house),
    .executableTarget(
      name: "prsm",
      dependencies: [
        "Access", "CodeGeneration", "CZlib", "Content", "Gateway", "LlamaEngine", "Metering", "ModelCatalog",
        "ModelInterface", "Multiformats", "Orchestration", "PRSMClient", "PeerInference", "PeerNetwork",
        "PeerProtocols",
        "PeerServices", "Postgres", "Providers", "Routing", "Sandbox", "Storage", "Telemetry", hummingbird, logging,
        crypto,
        grdb, lifecycle,
        .product(name: "HummingbirdTLS", package: "hummingbird"),
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: house + llamaHeaders
    ),
    .testTarget(
      name: "AccessTests", dependencies: ["Access", "Multiformats", "Postgres", "Storage", "TestDatabase", grdb],
      swiftSettings: house),
    .testTarget(
      name: "PRSMClientTests", dependencies: ["ModelInterface", "PRSMClient", hummingbird], swiftSettings: house),
    .testTarget(
      name: "PRSMTests",
      dependencies: [
        "Access", "CodeGeneration", "Gateway", "LlamaEngine", "Metering", "ModelInterface", "Orchestration",
        "Providers",
        "Routing", "Sandbox", "ScriptedProvider", "Storage", "Telemetry", "prsm", logging, lifecycle,
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
      ], path: "Tests/prsmTests",
      swiftSettings: house + llamaHeaders),
    .testTarget(name: "StorageTests", dependencies: ["Storage", grdb], swiftSettings: house),
    .testTarget(
      name: "GatewayTests",
      dependencies: [
        "Content", "Gateway", "HostileUpstream", "ModelInterface", "Multiformats", "Orchestration", "Providers",
        "ScriptedProvider", "Telemetry",
        logging, lifecycle,
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: house
    ),
    .testTarget(
      name: "MeteringTests", dependencies: ["Metering", "ModelInterface", "Postgres", "Storage", "TestDatabase"],
      swiftSettings: house),
    .testTarget(
      name: "CodeGenerationTests", dependencies: ["CodeGeneration", "ModelInterface", "Sandbox"], swiftSettings: house),
    .testTarget(name: "ModelCatalogTests", dependencies: ["ModelCatalog"], swiftSettings: house),
    .testTarget(name: "ContentTests", dependencies: ["Content", "Multiformats"], swiftSettings: house),
    .testTarget(
      name: "LlamaEngineTests", dependencies: ["CLlama", "LlamaEngine", "ModelInterface"],
      swiftSettings: house + llamaHeaders),
    .testTarget(name: "ModelInterfaceTests", dependencies: ["ModelInterface"], swiftSettings: house),
    .testTarget(name: "MultiformatsTests", dependencies: ["Multiformats"], swiftSettings: house),
    .testTarget(name: "PeerProtocolsTests", dependencies: ["Multiformats", "PeerProtocols"], swiftSettings: house),
    .testTarget(
      name: "PeerNetworkTests",
      dependencies: [
        "Content", "Multiformats", "PeerNetwork", "PeerProtocols", "PeerServices", logging,
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: house),
    .testTarget(
      name: "OrchestrationTests", dependencies: ["ModelInterface", "Orchestration", "ScriptedProvider"],
      swiftSettings: house),
    .testTarget(name: "PostgresTests", dependencies: ["Postgres", "TestDatabase"], swiftSettings: house),
    .testTarget(
      name: "PeerInferenceTests",
      dependencies: [
        "Content", "ModelInterface", "Multiformats", "PeerInference", "PeerNetwork", "PeerProtocols", "PeerServices",
        logging,
      ],
      swiftSettings: house),
    .testTarget(
      name: "ProvidersTests",
      dependencies: [
        "HostileUpstream", "ModelInterface", "Providers",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: house),
    .testTarget(name: "RoutingTests", dependencies: ["Routing"], swiftSettings: house),
    .testTarget(name: "SandboxTests", dependencies: ["Sandbox"], swiftSettings: house),
    .testTarget(name: "TelemetryTests", dependencies: ["Telemetry", logging], swiftSettings: house),
  ]
)
