import AsyncHTTPClient
package import ModelInterface
import Synchronization

/// All upstream APIs of a node as one provider. Which endpoint and key a request goes to, and what is tried when that
/// fails, is decided by ``CallMachine`` alone.
package final class UpstreamProvider: ModelProvider {
  private let pool: Mutex<UpstreamPool>
  private let report: @Sendable (String) -> Void

  /// A provider for the models of some upstreams. Opens no connection yet. ``shutdown()`` has to be called before it is let
  /// go of.
  ///
  /// - Parameters:
  ///   - endpoints: where two have a model of one name, the first answers.
  ///   - seed: for the jitter of pauses; nil draws one.
  ///   - report: takes what whoever runs the node should know of.
  package init(
    _ endpoints: [UpstreamEndpoint], policy: ResiliencePolicy = ResiliencePolicy(), seed: UInt64? = nil,
    report: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.report = report
    pool = Mutex(
      UpstreamPool(endpoints, policy: policy, seed: seed ?? .random(in: .min ... .max), report: report))
  }

  /// Replaces all upstreams. Requests under way end as they began; health, counts and latencies start afresh.
  package func replace(
    _ endpoints: [UpstreamEndpoint], policy: ResiliencePolicy = ResiliencePolicy(), seed: UInt64? = nil
  ) {
    let next = UpstreamPool(endpoints, policy: policy, seed: seed ?? .random(in: .min ... .max), report: report)
    let previous = pool.withLock { pool in
      defer { pool = next }
      return pool
    }
    previous.retire()
  }

  /// The configuration in force.
  var current: UpstreamPool { pool.withLock { $0 } }

  /// Lets go of the event loops that passages were begun on, which are about to end; requests in PRSM's words go on.
  package func leaveLoops() { current.closeLoops() }

  /// Closes the connections, breaking off what still runs.
  package func shutdown() async {
    let pool = pool.withLock { $0 }
    await pool.shutdown()
  }

  /// How the upstreams are now, for `/metrics` and for routing. Copies some counts; takes no wait.
  package func snapshot() -> UpstreamSnapshot {
    let pool = pool.withLock { $0 }
    return pool.state.withLock { $0.fleet.snapshot(at: .now) }
  }

  package func models() async -> [ModelDescriptor] { descriptors }

  /// The models that are configured now, without waiting.
  package var descriptors: [ModelDescriptor] { pool.withLock { $0 }.descriptors }

  /// Whether a model of that name is configured now.
  package func answers(for model: String) -> Bool { pool.withLock { $0.positions[model] != nil } }

  package func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    switch try await perform(.generation(request), model: request.model) {
    case .stream(let stream): return stream
    case .vectors: throw GenerationError(.internal, "an upstream answered vectors to a generation")
    }
  }

  package func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    guard !request.inputs.isEmpty else {
      return EmbeddingResponse(model: request.model, vectors: [], usage: Usage())
    }
    switch try await perform(.embedding(request), model: request.model) {
    case .vectors(let response): return response
    case .stream: throw GenerationError(.internal, "an upstream answered a stream to an embedding")
    }
  }

  private func perform(_ work: UpstreamWork, model: String) async throws(GenerationError) -> UpstreamAnswer {
    let pool = pool.withLock { $0 }
    guard let position = pool.positions[model] else {
      throw GenerationError(.modelNotFound, "no upstream answers for `\(model)`")
    }
    let call = UpstreamCall(work, model: position, pool: pool)
    let answer: Result<UpstreamAnswer, GenerationError> = await withTaskCancellationHandler {
      await withUnsafeContinuation { call.begin($0) }
    } onCancel: {
      call.cancel()
    }
    return try answer.get()
  }
}

/// What is asked of an upstream.
enum UpstreamWork: Sendable {
  case generation(GenerationRequest)
  case embedding(EmbeddingRequest)

  var context: RequestContext {
    switch self {
    case .generation(let request): request.context
    case .embedding(let request): request.context
    }
  }

  /// Whether the answer is passed on as it is written.
  var isStreamed: Bool {
    if case .generation(let request) = self { request.isStreamed } else { false }
  }

  /// Whether a second, simultaneous attempt could be worth its price.
  var mayHedge: Bool {
    if case .generation = self { true } else { false }
  }
}

/// What an upstream answers.
enum UpstreamAnswer: Sendable {
  case stream(GenerationStream)
  case vectors(EmbeddingResponse)
}
