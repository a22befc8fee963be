package import ModelInterface
import Synchronization

/// The virtual models of a node, as one provider.
package final class VirtualModels: ModelProvider {
  /// The response header that names the trace.
  package static let note = "x-prsm-orchestration"
  /// The provider's name.
  package static let provider = "virtual"
  /// The most answers that are being made at a time; for further ones clients are told to come back.
  package static let maximumRuns = 1_024

  private struct State {
    var models: VirtualModelSet
    var services: OrchestrationServices
  }

  private let state: Mutex<State>
  private let running = Atomic(0)
  /// The traces of the last answers.
  package let traces: TraceStore

  /// A provider. Members that are virtual models themselves are found here, all others at `services.members`.
  package init(_ models: VirtualModelSet, services: OrchestrationServices) {
    state = Mutex(State(models: models, services: services))
    traces = services.traces
  }

  /// The models in force.
  package var set: VirtualModelSet { state.withLock(\.models) }

  /// How many answers are being made.
  package var runs: Int { running.load(ordering: .relaxed) }

  /// Puts other models in force, for requests that come from now on.
  package func replace(_ models: VirtualModelSet) {
    state.withLock { $0.models = models }
  }

  /// Puts other members in force, for requests that come from now on.
  package func replace(members: any ModelProvider) {
    state.withLock { $0.services.members = members }
  }

  package func models() async -> [ModelDescriptor] {
    let set = set
    return set.models.map { model in
      var descriptor = ModelDescriptor(name: model.name, provider: Self.provider)
      descriptor.architecture = model.plan.kind
      descriptor.aliases = set.aliases.filter { $0.value == model.name }.map(\.key).sorted()
      return descriptor
    }
  }

  package func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    let (models, services) = state.withLock { ($0.models, $0.services) }
    guard let model = models[request.model] else {
      throw GenerationError(.modelNotFound, "there is no virtual model `\(request.model)`")
    }
    // Found at configuration among virtual models themselves; routing can bring a request back to one, too.
    let enclosing = request.context.enclosing
    guard !enclosing.contains(model.name), enclosing.count < VirtualModelSet.maximumDepth else {
      throw GenerationError(
        .invalidRequest(parameter: "model"),
        "virtual models stand inside each other in a circle, or deeper than \(VirtualModelSet.maximumDepth): "
          + (enclosing + [model.name]).map { "`\($0)`" }.joined(separator: " → "))
    }
    guard running.wrappingAdd(1, ordering: .relaxed).newValue <= Self.maximumRuns else {
      running.wrappingSubtract(1, ordering: .relaxed)
      throw GenerationError(
        .overloaded(retryAfter: .seconds(1)), "\(Self.maximumRuns) answers of virtual models are being made already")
    }
    return begin(model, request, services)
  }

  private func begin(
    _ model: VirtualModel, _ request: GenerationRequest, _ services: OrchestrationServices
  ) -> GenerationStream {
    var services = services
    services.members = Members(virtual: self, others: services.members)
    let recorder = TraceRecorder(
      OrchestrationTrace(
        id: Self.identifier(services.random), requestID: request.context.requestID, tenant: request.context.tenant,
        model: model.name, kind: model.plan.kind, began: services.wallClock(), enclosing: request.context.enclosing),
      in: services.traces, now: services.now)
    let (stream, continuation) = GenerationStream.make()
    let output = AnswerOutput(
      continuation,
      start: GenerationStart(model: model.name, provider: Self.provider, notes: [Self.note: recorder.id]),
      hasLogprobs: request.logprobs != nil)
    let run = OrchestrationRun(model, request, services: services, output: output, trace: recorder)
    // Unstructured because the work goes on after this call returns; the end of the stream, or of its reader, cancels it.
    let bill = request.context.bill
    bill?.begin()
    let task = Task {
      await run.perform()
      bill?.end(run.usage, cost: run.cost)
      self.running.wrappingSubtract(1, ordering: .relaxed)
    }
    continuation.onTermination { task.cancel() }
    return stream
  }

  package func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    throw GenerationError(
      .invalidRequest(parameter: "model"), "`\(request.model)` is a virtual model, which makes no embeddings")
  }

  private static func identifier(_ random: () -> UInt64) -> String {
    "orc_"
      + [random(), random()].map { number in
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
      }.joined()
  }

  /// Virtual members here, the others where they are.
  private struct Members: ModelProvider {
    let virtual: VirtualModels
    let others: any ModelProvider

    func models() async -> [ModelDescriptor] { await virtual.models() + others.models() }

    func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
      virtual.set[request.model] == nil ? try await others.generate(request) : try await virtual.generate(request)
    }

    func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
      try await others.embed(request)
    }
  }
}
