import ArgumentParser
import Foundation
import ModelInterface

struct GatewayBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gateway",
    abstract: "What the gateway adds to a request, and how many it carries, beside vllm-router and LiteLLM.",
    discussion: """
      All stand in front of the same instant mock upstream. Direct and through the gateway alternate.

      EXAMPLES
        prsm bench gateway --json
        PRSM_DATABASE_URL=postgresql://prsm@db.example/prsm prsm bench gateway
      """)

  @OptionGroup var options: BenchOptions

  @Option(help: "Concurrent connections.")
  var connections = 16

  @Option(help: "Seconds that each load lasts.")
  var seconds = 4.0

  /// What is compared: its name in ratios, its address, and the request that it understands.
  private struct Target {
    let name: String
    let url: URL
    let process: BenchProcess
    var request: [UInt8]
  }

  private static let body = """
    {"model":"mock","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":\
    "Say something about a fox, in one sentence, and do not forget the dog."}],"max_tokens":64,"temperature":0.7}
    """

  /// Whether PRSM keeps its account where the variable says, as each child does that inherits it.
  private static var isShared: Bool {
    !(ProcessInfo.processInfo.environment[Settings.databaseURL.environmentName] ?? "").isEmpty
  }

  func run() async throws {
    let folder = try BenchPeers.workFolder("gateway")
    defer { try? FileManager.default.removeItem(at: folder) }
    let upstream = try BenchProcess(
      BenchProcess.ourselves, ["mock-upstream"], log: folder.appending(path: "upstream.log"))
    let upstreamURL = try await upstream.listeningAddress()
    let direct = target("direct", upstreamURL, upstream)

    var targets = [try await prsm(folder, upstreamURL)]
    var absent: [String] = []
    if let router = try await vllmRouter(folder, upstreamURL) {
      targets.append(router)
    } else {
      absent.append("vllm-router")
    }
    if let proxy = try await liteLLM(folder, upstreamURL) { targets.append(proxy) } else { absent.append("litellm") }
    for name in absent {
      Output.complain("\(name) is not installed; run `make bench-peers` to compare with it")
    }

    var report = BenchReport(bench: "gateway")
    let load = options.quick ? min(seconds, 0.5) : seconds
    report.conditions = [
      "connections": .integer(connections), "seconds": .double(load), "request_bytes": .integer(Self.body.utf8.count),
      "mode": "closed loop for requests_per_second, 500 requests/s for added latency",
      "prsm": "metering with a price and two budgets, routing, the exact cache, metrics, one JSON log line a request",
      "store": .string(Self.isShared ? "PostgreSQL" : "SQLite"), "absent": .array(absent.map { .string($0) }),
    ]
    for target in targets + [direct] {
      options.note("warming \(target.name)")
      let warmed = Load.saturate(target.url, request: target.request, connections: connections, seconds: load / 2)
      guard warmed.failures == 0, !warmed.latencies.isEmpty else {
        throw CommandFailure.unavailable(
          "\(target.name) failed \(warmed.failures) requests: \(warmed.firstFailure ?? "none was answered")")
      }
    }
    measureLatency(of: targets[0], beside: direct, load, &report)
    measureRate(targets, direct, load, &report)
    measureMemory(of: targets[0], &report)
    options.print(report)
    for target in targets { target.process.stop() }
    upstream.stop()
  }

  private func measureLatency(of ours: Target, beside direct: Target, _ seconds: Double, _ report: inout BenchReport) {
    for run in 1...options.repetitions {
      options.note("latency at 500 requests/s, \(run) of \(options.repetitions)")
      let without = Load.pace(
        direct.url, request: direct.request, connections: connections, rate: 500, seconds: seconds)
      let with = Load.pace(ours.url, request: ours.request, connections: connections, rate: 500, seconds: seconds)
      report.add(figure: "added_latency_p50_ms", with.percentile(0.5) - without.percentile(0.5))
      report.add(figure: "added_latency_p99_ms", with.percentile(0.99) - without.percentile(0.99))
      report.add(figure: "direct_p50_ms", without.percentile(0.5))
      report.add(figure: "direct_p99_ms", without.percentile(0.99))
      report.add(figure: "failures", Double(with.failures))
    }
  }

  private func measureRate(_ targets: [Target], _ direct: Target, _ seconds: Double, _ report: inout BenchReport) {
    for run in 1...options.repetitions {
      options.note("saturation, \(run) of \(options.repetitions)")
      let bare = Load.saturate(direct.url, request: direct.request, connections: connections, seconds: seconds)
      report.add(figure: "requests_per_second_direct", bare.rate)
      var ours = 0.0
      for target in targets {
        let outcome = Load.saturate(target.url, request: target.request, connections: connections, seconds: seconds)
        if target.name == "prsm" {
          ours = outcome.rate
          report.add(figure: "requests_per_second", ours)
        } else {
          report.add(figure: "requests_per_second_of_\(target.name)", outcome.rate)
          report.add(ratio: "requests_per_second_\(target.name)", ours / outcome.rate)
        }
      }
    }
  }

  private func measureMemory(of ours: Target, _ report: inout BenchReport) {
    let count = options.quick ? 1_000 : 100_000
    options.note("memory over \(count) requests")
    let before = ours.process.memory.resident
    let outcome = Load.send(count, to: ours.url, request: ours.request, connections: connections)
    report.add(figure: "memory_growth_mib", ours.process.memory.resident - before)
    report.add(figure: "memory_resident_mib", ours.process.memory.resident)
    report.add(figure: "failures", Double(outcome.failures))
  }

  private func target(_ name: String, _ url: URL, _ process: BenchProcess) -> Target {
    let path = url.path.isEmpty || url.path == "/" ? "/v1/chat/completions" : url.path
    let host = "\(url.host ?? "127.0.0.1"):\(url.port ?? 80)"
    return Target(
      name: name, url: url, process: process,
      request: HTTPConnection.post(path, host: host, body: Array(Self.body.utf8)))
  }

  private func prsm(_ folder: URL, _ upstream: URL) async throws -> Target {
    let configuration = folder.appending(path: "prsm.yaml")
    try """
    upstreams:
      mock:
        url: \(upstream.absoluteString)/v1
        models: [mock]
    prices:
      mock: { input: 2.5, output: 10 }
    budgets:
      - { for: node, per: month, limit: 1000000 }
      - { for: key, per: day, limit: 500000 }
    log:
      format: json
      level: info
    """.write(to: configuration, atomically: true, encoding: .utf8)
    let process = try BenchProcess(
      BenchProcess.ourselves,
      [
        "serve", "--listen", "127.0.0.1:0", "--data-dir", folder.appending(path: "data").path, "--config",
        configuration.path,
      ],
      log: folder.appending(path: "prsm.log"),
      // No model of this machine's: the others have none, and loading one takes the processor for a while.
      environment: ["XDG_CACHE_HOME": folder.appending(path: "cache").path])
    return target("prsm", try await process.listeningAddress(), process)
  }

  private func vllmRouter(_ folder: URL, _ upstream: URL) async throws -> Target? {
    guard let program = BenchPeers.program("vllm-router/bin/vllm-router") else { return nil }
    let (port, metrics) = (try BenchPeers.freePort(), try BenchPeers.freePort())
    let process = try BenchProcess(
      program,
      [
        "--worker-urls", upstream.absoluteString, "--host", "127.0.0.1", "--port", "\(port)", "--policy", "round_robin",
        "--prometheus-port", "\(metrics)", "--prometheus-host", "127.0.0.1",
      ],
      log: folder.appending(path: "vllm-router.log"))
    return try await ready("vllm_router", port, "/health", process)
  }

  private func liteLLM(_ folder: URL, _ upstream: URL) async throws -> Target? {
    guard let program = BenchPeers.program("litellm/bin/litellm") else { return nil }
    let port = try BenchPeers.freePort()
    let configuration = folder.appending(path: "litellm.yaml")
    try """
    model_list:
      - model_name: mock
        litellm_params:
          model: openai/mock
          api_base: \(upstream.absoluteString)/v1
          api_key: none
    """.write(to: configuration, atomically: true, encoding: .utf8)
    let process = try BenchProcess(
      program, ["--config", configuration.path, "--host", "127.0.0.1", "--port", "\(port)"],
      log: folder.appending(path: "litellm.log"),
      environment: [
        "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False",
        "LITELLM_MASTER_KEY": "sk-0b1c2d3e4f5a69788796a5b4c3d2e1f00b1c2d3e4f5a6978",
      ])
    return try await ready("litellm", port, "/health/liveliness", process)
  }

  private func ready(_ name: String, _ port: Int, _ path: String, _ process: BenchProcess) async throws -> Target {
    options.note("starting \(name)")
    guard let base = URL(string: "http://127.0.0.1:\(port)"),
      let health = URL(string: "http://127.0.0.1:\(port)\(path)")
    else { throw BenchProcess.Failure(description: "port \(port) makes no address") }
    try await process.waitUntilReady(health)
    return target(name, base, process)
  }
}
