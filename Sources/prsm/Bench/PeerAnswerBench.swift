import Content
import Foundation
import Logging
import ModelInterface
import Multiformats
import PeerInference
import PeerNetwork
import PeerProtocols
import PeerServices
import Synchronization

/// How soon peers answer, and what a peer adds to each token: nodes of this process over TCP, Noise and yamux.
struct PeerAnswerBench {
  /// Nodes of the local network.
  static let nodes = 5

  /// A node with its inference part.
  private struct BenchNode: Sendable {
    let host: LibP2PHost
    let gossip: GossipService
    let inference: InferenceService
    let mdns: MDNSService?
    let started: ContinuousClock.Instant

    init(answers: Bool, listen: String, usesMDNS: Bool) throws {
      started = .now
      var options = HostOptions()
      options.listen = [try Multiaddr(listen)]
      let logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
      host = LibP2PHost(
        identity: try HostIdentity(secret: (0..<32).map { _ in UInt8.random(in: 0...255) }), options: options,
        logger: logger)
      gossip = GossipService(host: host, firstSequence: .random(in: 0...UInt64.max / 2), seed: 1)
      var inferenceOptions = InferenceService.Options()
      inferenceOptions.serves = answers
      inferenceOptions.asking.checkShare = 0
      inferenceOptions.auditing.probeInterval = nil
      let offers = answers ? [ModelOffer(name: "paced")] : []
      inference = InferenceService(
        host: host, local: PacedProvider(), options: inferenceOptions, topics: gossip, directory: nil, receipts: nil,
        catalog: { offers }, clock: { Int(Date().timeIntervalSince1970 * 1_000) }, log: { _ in })
      mdns = usesMDNS ? MDNSService(host: host, logger: logger) : nil
    }

    func run() async throws {
      try await host.start()
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await host.run() }
        group.addTask { await gossip.run() }
        group.addTask { await inference.run() }
        if let mdns { group.addTask { await mdns.run() } }
        await group.waitForAll()
      }
      await host.stop()
    }
  }

  private static func request(tokens: Int) -> GenerationRequest {
    var request = GenerationRequest(
      model: "paced", prompt: .text("go"), context: RequestContext(requestID: "bench"))
    request.sampling = .greedy
    request.maximumOutputTokens = tokens
    return request
  }

  /// Seconds from the start of a node that knows one address, or nobody, to the first word of an answer through a peer.
  static func firstAnswer(byMDNS: Bool) async throws -> Double? {
    let listen = byMDNS ? "/ip4/0.0.0.0/tcp/0" : "/ip4/127.0.0.1/tcp/0"
    return try await withThrowingTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      var others: [BenchNode] = []
      for _ in 1..<nodes {
        let node = try BenchNode(answers: true, listen: listen, usesMDNS: byMDNS)
        others.append(node)
        group.addTask { try await node.run() }
      }
      // The network has been there for a while when the newcomer starts.
      try await Task.sleep(for: .seconds(2))
      let newcomer = try BenchNode(answers: false, listen: listen, usesMDNS: byMDNS)
      group.addTask { try await newcomer.run() }
      if !byMDNS, let first = others.first {
        try await newcomer.host.connect(
          to: first.host.id, addresses: first.host.listenAddresses, deadline: .now + .seconds(5))
      }
      let limit = newcomer.started + .seconds(15)
      while ContinuousClock.now < limit {
        if let stream = try? await newcomer.inference.provider.generate(request(tokens: 1)) {
          do {
            for try await event in stream {
              if case .text = event { return (ContinuousClock.now - newcomer.started) / .seconds(1) }
            }
          } catch {
            try await Task.sleep(for: .milliseconds(5))
          }
        }
      }
      return nil
    }
  }

  /// Milliseconds that a peer adds to a token on its way, one for each token: less what the same stream takes in process.
  static func addedLatency(tokens: Int) async throws -> [Double] {
    let answerer = try BenchNode(answers: true, listen: "/ip4/127.0.0.1/tcp/0", usesMDNS: false)
    let asker = try BenchNode(answers: false, listen: "/ip4/127.0.0.1/tcp/0", usesMDNS: false)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      for node in [answerer, asker] { group.addTask { try await node.run() } }
      try await Task.sleep(for: .milliseconds(200))
      try await asker.host.connect(
        to: answerer.host.id, addresses: answerer.host.listenAddresses, deadline: .now + .seconds(5))
      while asker.inference.asker.offers.isEmpty { try await Task.sleep(for: .milliseconds(10)) }
      let near = try await delays(PacedProvider().generate(request(tokens: tokens)))
      let far = try await delays(asker.inference.provider.generate(request(tokens: tokens)))
      let usual = near.sorted()[near.count / 2]
      return far.map { $0 - usual }
    }
  }

  private static func delays(_ stream: GenerationStream) async throws -> [Double] {
    var delays: [Double] = []
    for try await event in stream {
      guard case .text(let piece) = event, let sent = UInt64(piece.text) else { continue }
      delays.append(Double(PacedProvider.now - sent) / 1_000_000)
    }
    return delays
  }
}

/// Writes the time as its words, one every few milliseconds.
private struct PacedProvider: ModelProvider {
  static var now: UInt64 { DispatchTime.now().uptimeNanoseconds }

  func models() async -> [ModelDescriptor] { [ModelDescriptor(name: "paced", provider: "bench")] }

  func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    let (stream, out) = GenerationStream.make()
    let count = request.maximumOutputTokens ?? 100
    let task = Task {
      out.yield(.started(GenerationStart(model: "paced", provider: "bench")))
      for index in 0..<count {
        guard (try? await Task.sleep(for: .milliseconds(3))) != nil else { return }
        let text = "\(Self.now)"
        let token = TokenLogprob(chosen: .init(token: TokenID(index), bytes: Array(text.utf8), logprob: -0.1))
        guard await out.send(.text(TextPiece(text, tokens: [token]))) else { return }
      }
      out.yield(
        .finished(Completion(reason: .length, usage: Usage(promptTokens: 1, completionTokens: count))))
      out.finish()
    }
    out.onTermination { task.cancel() }
    return stream
  }

  func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    throw GenerationError(.invalidRequest(parameter: "model"), "none")
  }
}
