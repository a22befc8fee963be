import Foundation
import Logging
import Metering
import ModelInterface
import Providers
import ScriptedProvider
import Storage
import Testing

@testable import prsm

/// A configuration file that is changed under a running node, rightly and wrongly.
@Suite(.timeLimit(.minutes(1))) struct LiveConfigurationTests {
  private static let first = """
    upstreams:
      one:
        url: http://127.0.0.1:9/v1
        models: [a]
    prices:
      a: { input: 1, output: 2 }

    """

  private static func with(
    _ yaml: String, environment: [String: String] = [:],
    _ body: (LiveConfiguration, Upstreams, NodeMetering, NodeRouting, String) async throws -> Void
  ) async throws {
    let folder = AccountFolder()
    let database = try Store(path: folder.path + "/prsm.sqlite", migrations: NodeStore.migrations)
    let path = folder.path + "/prsm.yaml"
    try yaml.write(toFile: path, atomically: true, encoding: .utf8)
    let origin = ConfigurationOrigin(path: path)
    let configuration = try origin.load(environment: environment)
    let upstreams = try Upstreams(configuration.upstreams, environment: environment)
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let metering = try await NodeMetering.open(
      configuration, store: SQLiteUsageStore(database), isShared: false, folder: DataFolder(path: folder.path),
      payer: { _ in nil })
    let source = CandidateSource(
      provider: upstreams.provider, upstreams: upstreams.provider, isVirtual: { _ in false })
    let routing = try NodeRouting(
      configuration.routing, source: source, metering: metering, usualMaximum: 16, logger: logger)
    let virtual = try await VirtualModelsPart(
      configuration, local: upstreams.provider, real: upstreams.provider, environment: environment, logger: logger)
    let live = try LiveConfiguration(
      configuration, origin: origin, environment: environment, upstreams: upstreams, virtual: virtual,
      metering: metering, routing: routing, logger: logger)
    var failure: (any Error)?
    do { try await body(live, upstreams, metering, routing, path) } catch { failure = error }
    await metering.meter.close()
    await upstreams.close()
    if let failure { throw failure }
  }

  @Test func aChangedFileTakesEffectWithoutARestart() async throws {
    try await Self.with(Self.first) { live, upstreams, metering, routing, path in
      let next =
        Self.first.replacing("models: [a]", with: "models: [a, b]").replacing("input: 1", with: "input: 3")
        + "routing:\n  policies:\n    mine: { choose: cheap }\nlisten: 127.0.0.1:1\n"
      let watching = Task { await live.watch() }
      defer { watching.cancel() }
      try next.write(toFile: path, atomically: true, encoding: .utf8)
      while live.status.generation == 1 { try await Task.sleep(for: .milliseconds(20)) }
      #expect(upstreams.provider.answers(for: "b"))
      #expect(metering.meter.policy.prices.price(of: "a") == ModelPrice(prompt: 3_000_000, completion: 2_000_000))
      #expect(routing.isRouted("mine"))
      #expect(live.status.problem == nil && live.status.needsRestart == ["listen"])
    }
  }

  @Test(arguments: [
    "", " \n", "upstreams: [", "upstreems: {}\n", first + "prices2: {}\n",
    first.replacing("input: 1", with: "input: free"),
    first + "budgets:\n  - { for: planet, per: day, limit: 1 }\n",
    first + "routing:\n  predictor: /nowhere/predictor.prsm\n",
    first.replacing("models: [a]", with: "models: [a]\n    api-key: {env: NOT_SET}"),
    first + "routing:\n  policies:\n    auto: { choose: best }\n",
    first + "routing:\n  experiments:\n    e: { models: { a: 1, aa: 1 } }\n",
  ])
  func aWrongFileLeavesTheOldInForceAndSaysWhy(wrong: String) async throws {
    try await Self.with(Self.first) { live, upstreams, metering, _, path in
      try wrong.write(toFile: path, atomically: true, encoding: .utf8)
      await live.reload("test")
      #expect(live.status.generation == 1)
      #expect(live.status.problem?.isEmpty == false)
      #expect(upstreams.provider.answers(for: "a"))
      #expect(metering.meter.policy.prices.prices.count == 1)
      try Self.first.write(toFile: path, atomically: true, encoding: .utf8)
      await live.reload("test")
      #expect(live.status.problem == nil && live.status.generation == 2)
    }
  }

  @Test(arguments: [
    ("experiments:\n    e:\n      models:\n        a: 1\n        aa: 1\n", 4, "`routing.experiments.e.models`: `aa`"),
    ("policies:\n    p:\n      choose: best\n      without: [aa]\n", 3, "`routing.policies.p.without`: `aa`"),
    ("canaries:\n    c:\n      baseline: a\n      candidate: aa\n", 3, "`routing.canaries.c.candidate`: `aa`"),
    ("models:\n    aa: { quality: 1 }\n", 1, "`routing.models`: `aa`"),
    ("embedding-model: aa\n", 0, "`routing.embedding-model`: `aa`"),
  ])
  func aModelThatNobodyHasIsNamedWithItsLine(text: String, line: Int, what: String) async throws {
    try await Self.with(Self.first) { live, _, _, _, path in
      let start = Self.first.split(separator: "\n", omittingEmptySubsequences: false).count
      try (Self.first + "routing:\n  " + text).write(toFile: path, atomically: true, encoding: .utf8)
      await live.reload("test")
      let problem = try #require(live.status.problem)
      #expect(problem.contains("prsm.yaml:\(start + 1 + line): \(what) is no model here"), "\(problem)")
      #expect(problem.contains("known are `a`"), "\(problem)")
    }
  }

  @Test(arguments: [
    ("cost:\n  downgrades:\n    a: [aa]\n", 2, "`cost.downgrades.a`: `aa`"),
    ("cost:\n  downgrades:\n    aa: [a]\n", 2, "`cost.downgrades`: `aa`"),
    ("cost:\n  strong-model: aa\n", 1, "`cost.strong-model`: `aa`"),
    ("cache:\n  similarity: 0.9\n  embedding-model: aa\n", 2, "`cache.embedding-model`: `aa`"),
  ])
  func aModelThatCostOrTheCacheNamesAndNobodyHasIsAProblemToo(text: String, line: Int, what: String) async throws {
    try await Self.with(Self.first) { live, _, _, _, path in
      let start = Self.first.split(separator: "\n", omittingEmptySubsequences: false).count
      try (Self.first + text).write(toFile: path, atomically: true, encoding: .utf8)
      await live.reload("test")
      let problem = try #require(live.status.problem)
      #expect(problem.contains("prsm.yaml:\(start + line): \(what) is no model here"), "\(problem)")
    }
  }

  @Test(arguments: ["two\nlines", "a\u{0}b", "a key"]) func aSecretThatFitsInNoHeaderIsAProblem(
    key: String
  ) async throws {
    let folder = AccountFolder()
    try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
    let file = folder.path + "/key"
    try "good\n".write(toFile: file, atomically: true, encoding: .utf8)
    let yaml = Self.first.replacing("    models: [a]", with: "    api-key: { file: \(file) }\n    models: [a]")
    try await Self.with(yaml) { live, upstreams, _, _, _ in
      try key.write(toFile: file, atomically: true, encoding: .utf8)
      await live.reload(LiveConfiguration.signal)
      let problem = try #require(live.status.problem)
      #expect(problem.contains(file) && problem.contains("`one`") && !problem.contains(key), "\(problem)")
      #expect(live.status.generation == 1 && upstreams.provider.answers(for: "a"))
    }
  }

  @Test func whatWaitsForARestartIsNamed() async throws {
    try await Self.with(Self.first) { live, _, _, _, path in
      let more = """
        access: { allowed-hosts: [x.example], allowed-origins: ["https://x.example"] }
        content: { open: true }
        dns: { servers: [127.0.0.1] }
        peers: { inference: { slots: 2 } }
        cost: { retention: 30d }
        """
      try (Self.first + more).write(toFile: path, atomically: true, encoding: .utf8)
      await live.reload("test")
      #expect(
        Set(live.status.needsRestart)
          == ["access.allowed-hosts", "access.allowed-origins", "content.open", "dns.servers", "peers"])
    }
  }

  @Test(arguments: ["{}", "# nothing\n"]) func aFileThatSaysThatItIsMeantToSayNothingTakesEffect(
    text: String
  ) async throws {
    try await Self.with(Self.first) { live, upstreams, _, _, path in
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      await live.reload("test")
      #expect(live.status.problem == nil && live.status.generation == 2)
      #expect(!upstreams.provider.answers(for: "a"))
      try "".write(toFile: path, atomically: true, encoding: .utf8)
      await live.reload(LiveConfiguration.signal)
      #expect(live.status.problem == nil && live.status.generation == 3)
    }
  }

  @Test func upstreamsThatDidNotChangeKeepTheirHealth() async throws {
    try await Self.with(Self.first) { live, upstreams, _, _, path in
      var request = GenerationRequest(
        model: "a", prompt: .text("x"), context: RequestContext(requestID: "r"))
      request.context.deadline = .now + .milliseconds(300)
      _ = try? await upstreams.provider.generate(request)
      let before = upstreams.provider.snapshot().totals.requests
      #expect(before == 1)
      try (Self.first + "cache:\n  scope: none\n").write(toFile: path, atomically: true, encoding: .utf8)
      await live.reload("test")
      #expect(upstreams.provider.snapshot().totals.requests == before)
    }
  }

  @Test func aSecretThatChangedIsReadAgain() async throws {
    let folder = AccountFolder()
    try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
    let secret = folder.path + "/key"
    try "first-secret".write(toFile: secret, atomically: true, encoding: .utf8)
    let yaml = Self.first.replacing("models: [a]", with: "models: [a]\n    api-key: {file: \(secret)}")
    try await Self.with(yaml) { live, upstreams, _, _, _ in
      try "second-secret".write(toFile: secret, atomically: true, encoding: .utf8)
      await live.reload(LiveConfiguration.signal)
      #expect(live.status.generation == 2 && live.status.problem == nil)
      try FileManager.default.removeItem(atPath: secret)
      await live.reload(LiveConfiguration.signal)
      #expect(live.status.problem?.contains("cannot be read") == true)
      #expect(upstreams.provider.answers(for: "a"))
    }
  }
}
