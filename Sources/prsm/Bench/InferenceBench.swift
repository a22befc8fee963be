import ArgumentParser
import Foundation
import ModelInterface
import Synchronization

struct InferenceBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inference",
    abstract: "How fast a model answers, beside llama-server built from the same source.",
    discussion: """
      Both serve the same GGUF file with the same number of threads, one at a time, over HTTP with streaming.

      EXAMPLE
        prsm bench inference --model smollm2-135m-instruct --json
      """)

  @OptionGroup var options: BenchOptions

  @Option(help: "The GGUF file (default: the small model that `make serve` fetches).")
  var file: String?

  @Option(help: "Threads that both may use.")
  var threads = ProcessInfo.processInfo.activeProcessorCount

  @Option(help: "Tokens in each answer.")
  var tokens = 128

  /// One of the two servers.
  private struct Server {
    let url: URL
    let process: BenchProcess
    let model: String
  }

  /// What one round of streams did.
  private struct Round {
    var tokens = 0
    var seconds = 0.0
    var firstToken: [Double] = []
    var rate: Double { Double(tokens) / max(seconds, .leastNonzeroMagnitude) }
  }

  func run() async throws {
    let folder = try BenchPeers.workFolder("inference")
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = file ?? Self.defaultModel
    guard FileManager.default.isReadableFile(atPath: path) else {
      throw CommandFailure.unavailable("there is no model at \(path); give one with --file, or run `make serve` once")
    }
    let ours = try await prsm(folder, path)
    let peer = try await llamaServer(folder, path)
    if peer == nil { Output.complain("llama-server is not installed; run `make bench-peers` to compare with it") }

    var report = BenchReport(bench: "inference")
    report.conditions = [
      "model": .string(URL(fileURLWithPath: path).lastPathComponent), "threads": .integer(threads),
      "tokens_per_answer": .integer(tokens), "cache_tokens": 8192, "sampling": "greedy, end of text ignored by neither",
      "absent": .array(peer == nil ? ["llama-server"] : []),
    ]
    for server in [ours, peer].compactMap({ $0 }) { _ = try round(server, streams: 1, salt: -1) }
    for run in 1...options.repetitions {
      for streams in [1, 4, 16] {
        options.note("\(streams) streams, \(run) of \(options.repetitions)")
        let mine = try round(ours, streams: streams, salt: run)
        report.add(figure: "tokens_per_second_\(streams)", mine.rate)
        guard let peer else { continue }
        let theirs = try round(peer, streams: streams, salt: run)
        report.add(figure: "tokens_per_second_\(streams)_of_llama_server", theirs.rate)
        report.add(ratio: "throughput_\(streams)", mine.rate / theirs.rate)
      }
      let mine = try sharedPrefix(ours, salt: run)
      report.add(figure: "ttft_shared_prefix_ms", mine * 1000)
      guard let peer else { continue }
      let theirs = try sharedPrefix(peer, salt: run)
      report.add(figure: "ttft_shared_prefix_ms_of_llama_server", theirs * 1000)
      report.add(ratio: "ttft_shared_prefix", mine / theirs)
    }
    report.add(figure: "peak_memory_mib", ours.process.memory.peak)
    if let peer {
      report.add(figure: "peak_memory_mib_of_llama_server", peer.process.memory.peak)
      report.add(ratio: "peak_memory", ours.process.memory.peak / peer.process.memory.peak)
    }
    options.print(report)
    ours.process.stop()
    peer?.process.stop()
  }

  private static var defaultModel: String {
    BenchPeers.folder.deletingLastPathComponent().appending(path: "models/smollm2-135m-instruct.gguf").path
  }

  private func prsm(_ folder: URL, _ path: String) async throws -> Server {
    let data = folder.appending(path: "data").path
    let added = try BenchProcess(
      BenchProcess.ourselves, ["models", "add", path, "--name", "bench", "--data-dir", data],
      log: folder.appending(path: "add.log"))
    try await added.waitUntilDone()
    let process = try BenchProcess(
      BenchProcess.ourselves, ["serve", "--listen", "127.0.0.1:0", "--data-dir", data, "--model", "bench"],
      log: folder.appending(path: "prsm.log"),
      environment: [
        "PRSM_MODELS_THREADS": "\(threads)", "PRSM_MODELS_PARALLEL": "16", "PRSM_MODELS_CACHE_TOKENS": "8192",
      ])
    return Server(url: try await process.listeningAddress(), process: process, model: "bench")
  }

  private func llamaServer(_ folder: URL, _ path: String) async throws -> Server? {
    guard let program = BenchPeers.program("llama-server") else { return nil }
    let port = try BenchPeers.freePort()
    guard let url = URL(string: "http://127.0.0.1:\(port)"), let health = URL(string: "http://127.0.0.1:\(port)/health")
    else { return nil }
    let process = try BenchProcess(
      program,
      [
        "--model", path, "--host", "127.0.0.1", "--port", "\(port)", "--threads", "\(threads)", "--threads-batch",
        "\(threads)", "--parallel", "16", "--ctx-size", "8192", "--kv-unified", "--no-webui",
      ],
      log: folder.appending(path: "llama-server.log"))
    try await process.waitUntilReady(health)
    return Server(url: url, process: process, model: "bench")
  }

  /// So many streams at once, each with a prompt of its own.
  private func round(_ server: Server, streams: Int, salt: Int) throws -> Round {
    let count = options.quick ? min(tokens, 16) : tokens
    let total = Mutex(Round())
    let failure = Mutex<String?>(nil)
    let start = ContinuousClock.now
    let group = DispatchGroup()
    for index in 0..<streams {
      group.enter()
      let prompt = "Story \(salt * 100 + index). Write a long story about a traveller who counts to \(index + 7)."
      let thread = Thread {
        do {
          let (produced, first) = try self.stream(server, prompt: prompt, tokens: count)
          total.withLock {
            $0.tokens += produced
            $0.firstToken.append(first)
          }
        } catch {
          failure.withLock { $0 = "\(error)" }
        }
        group.leave()
      }
      thread.start()
    }
    group.wait()
    if let failure = failure.withLock({ $0 }) { throw BenchProcess.Failure(description: failure) }
    let elapsed = (ContinuousClock.now - start).seconds
    return total.withLock {
      $0.seconds = elapsed
      return $0
    }
  }

  /// Seconds to the first token of a prompt whose first 1,000 tokens have been seen before.
  private func sharedPrefix(_ server: Server, salt: Int) throws -> Double {
    let words = (0..<500).map { "word\(($0 * 7919 + salt * 131) % 997)" }.joined(separator: " ")
    let prefix = String(words.prefix(2_600))
    _ = try stream(server, prompt: prefix + " First question: what was said?", tokens: 2)
    var times: [Double] = []
    for question in 0..<(options.quick ? 1 : 5) {
      times.append(try stream(server, prompt: prefix + " Question \(question): what came last?", tokens: 2).first)
    }
    return BenchReport.Series(values: times).median
  }

  /// Streams one answer: the tokens that the server counted, and seconds to the first piece of text.
  private func stream(_ server: Server, prompt: String, tokens: Int) throws -> (tokens: Int, first: Double) {
    let body: JSONValue = [
      "model": .string(server.model), "messages": [["role": "user", "content": .string(prompt)]],
      "max_tokens": .integer(tokens), "temperature": 0, "stream": true, "stream_options": ["include_usage": true],
    ]
    var connection = try HTTPConnection(server.url)
    let request = HTTPConnection.post(
      "/v1/chat/completions", host: "\(server.url.host ?? ""):\(server.url.port ?? 80)", body: body.bytes)
    var events = ServerSentEvents()
    var produced = 0
    var first: Double?
    let start = ContinuousClock.now
    var raw: [UInt8] = []
    let status = try connection.exchange(request) { piece in
      if raw.count < 500 { raw += piece }
      for data in events.read(piece) {
        guard let value = try? JSONValue.parse(data) else { continue }
        if first == nil, let text = value["choices"]?.array?.first?["delta"]?["content"]?.string, !text.isEmpty {
          first = (ContinuousClock.now - start).seconds
        }
        if let usage = value["usage"]?["completion_tokens"]?.integer { produced = usage }
      }
    }
    guard status == 200, let first else {
      throw BenchProcess.Failure(
        description: "\(server.url) answered \(status): \(String(decoding: raw.prefix(500), as: UTF8.self))")
    }
    return (produced, first)
  }
}

extension Duration {
  /// As a number of seconds.
  var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}
