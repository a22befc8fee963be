package import ModelInterface
import Synchronization

/// The models of this machine: each is loaded when first asked for and unloaded when another needs its memory.
package actor LocalModels: ModelProvider {
  /// How models are kept.
  package struct Configuration: Sendable {
    /// How each model is run.
    package var engine = EngineConfiguration()
    /// Bytes that loaded models may take together; a model that is asked for is loaded even when it alone exceeds that.
    package var memoryBudget = 8 << 30
    /// How long a request waits for its model to load, where its own deadline is later.
    package var loadPatience = Duration.seconds(300)

    /// The defaults.
    package init() {}
  }

  private enum State {
    case loading(Task<LoadedModel, any Error>)
    case loaded(LoadedModel)
  }

  private struct Slot {
    var state: State
    var bytes: Int
    var lastUse: UInt64
  }

  private let source: any ModelSource
  private let configuration: Configuration
  private var slots: [String: Slot] = [:] {
    didSet { publish() }
  }
  /// The loops of loaded models, for those who only look.
  private nonisolated let meters = Mutex<[EngineMeter]>([])
  private var clock: UInt64 = 0
  private var isShutDown = false

  /// Models of a source, none of them loaded yet.
  package init(source: any ModelSource, configuration: Configuration = Configuration()) {
    self.source = source
    self.configuration = configuration
  }

  /// The models that can be asked for.
  package func models() async -> [ModelDescriptor] {
    let entries = await source.entries()
    return entries.map { entry in
      var descriptor = ModelDescriptor(name: entry.name, provider: "local")
      descriptor.aliases = entry.aliases
      descriptor.created = entry.created
      descriptor.architecture = entry.architecture
      descriptor.quantization = entry.quantization
      descriptor.parameterCount = entry.parameterCount
      descriptor.contextLength = entry.contextLength
      descriptor.canEmbed = true
      if case .loaded(let loaded)? = slots[entry.name]?.state {
        descriptor.isLoaded = true
        descriptor.contextLength = loaded.planner.contextLength
        descriptor.parameterCount = loaded.model.parameterCount
      }
      return descriptor
    }
  }

  /// Begins an answer, loading the model first if need be.
  package func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    let loaded = try await loaded(request.model, by: request.context.deadline)
    return try await loaded.generate(request)
  }

  /// Vectors of unit length: the mean over the last layer's states of all tokens.
  package func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    try await loaded(request.model, by: request.context.deadline).embed(request)
  }

  /// A model seen from inside, for a room that steers decoding itself. It stays loaded while it is held.
  package func tokenModel(named name: String) async throws(GenerationError) -> any TokenModel {
    EngineTokenModel(loaded: try await loaded(name, by: nil))
  }

  /// Loads a model now rather than at its first request.
  package func preload(_ name: String) async throws(GenerationError) {
    _ = try await loaded(name, by: nil)
  }

  /// Refuses what comes and lets what runs finish, until the deadline.
  package func shutdown(by deadline: ContinuousClock.Instant) async {
    isShutDown = true
    var ending: [LoadedModel] = []
    for (_, slot) in slots {
      switch slot.state {
      case .loaded(let loaded): ending.append(loaded)
      case .loading(let task): if let loaded = try? await task.value { ending.append(loaded) }
      }
    }
    slots = [:]
    await withDiscardingTaskGroup { group in
      for loaded in ending { group.addTask { await loaded.loop.stop(by: deadline) } }
    }
  }

  /// What each loaded model is doing.
  package nonisolated func snapshots() -> [EngineSnapshot] {
    meters.withLock { $0 }.map(\.snapshot).sorted { $0.model < $1.model }
  }

  private func publish() {
    let loaded = slots.values.compactMap { if case .loaded(let loaded) = $0.state { loaded.loop.metrics } else { nil } }
    meters.withLock { $0 = loaded }
  }

  /// A model of that name or alias, in memory.
  ///
  /// - Throws: ``GenerationError``: `modelNotFound`, `timedOut`, or `unavailable` with what llama.cpp said.
  func loaded(_ name: String, by deadline: ContinuousClock.Instant?) async throws(GenerationError) -> LoadedModel {
    let entries = await source.entries()
    guard let entry = entries.first(where: { $0.name == name }) ?? entries.first(where: { $0.aliases.contains(name) })
    else {
      let known = entries.map(\.name).prefix(8).joined(separator: ", ")
      throw GenerationError(
        .modelNotFound, "there is no model \(name) here; there is \(known.isEmpty ? "none yet" : known)")
    }
    guard !isShutDown else { throw GenerationError(.unavailable, "the node is shutting down") }
    clock += 1
    slots[entry.name]?.lastUse = clock
    switch slots[entry.name]?.state {
    case .loaded(let loaded)?: return loaded
    case .loading(let task)?: return try await wait(for: task, entry, by: deadline)
    case nil:
      let task = startLoading(entry)
      slots[entry.name] = Slot(state: .loading(task), bytes: entry.bytes, lastUse: clock)
      return try await wait(for: task, entry, by: deadline)
    }
  }

  /// Unstructured, because a load outlives the request that began it: others wait for it too.
  private func startLoading(_ entry: ModelFileEntry) -> Task<LoadedModel, any Error> {
    Task {
      do {
        try await source.validate(entry)
        await makeRoom(for: entry)
        let loaded = try await Self.load(entry, configuration.engine)
        slots[entry.name]?.state = .loaded(loaded)
        return loaded
      } catch {
        slots[entry.name] = nil
        throw error
      }
    }
  }

  @concurrent
  private static func load(
    _ entry: ModelFileEntry, _ configuration: EngineConfiguration
  ) async throws(GenerationError) -> LoadedModel {
    try await LoadedModel(name: entry.name, path: entry.path, configuration: configuration)
  }

  /// Unloads what was used longest ago and does nothing now, until the model fits.
  private func makeRoom(for entry: ModelFileEntry) async {
    func total() -> Int { slots.values.reduce(0) { $0 + $1.bytes } }
    while total() > configuration.memoryBudget {
      let idle = slots.filter { name, slot in
        guard name != entry.name, case .loaded(let loaded) = slot.state else { return false }
        return loaded.loop.load == 0
      }
      guard let oldest = idle.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return }
      slots[oldest.key] = nil
      if case .loaded(let loaded) = oldest.value.state { await loaded.loop.stop(by: .now + .seconds(10)) }
    }
  }

  private func wait(
    for task: Task<LoadedModel, any Error>, _ entry: ModelFileEntry, by deadline: ContinuousClock.Instant?
  ) async throws(GenerationError) -> LoadedModel {
    let latest = ContinuousClock.now + configuration.loadPatience
    let limit = min(deadline ?? latest, latest)
    let result = await withCheckedContinuation { continuation in
      let reply = Reply<LoadedModel>(continuation)
      // Both unstructured: whichever comes first answers, and a load must not be cancelled by one of its waiters.
      let timer = Task {
        try await Task.sleep(until: limit, clock: .continuous)
        reply.send(
          .failure(
            GenerationError(
              .timedOut, "model \(entry.name) was still loading when the deadline passed; try again")))
      }
      Task {
        do {
          reply.send(.success(try await task.value))
        } catch let error as GenerationError {
          reply.send(.failure(error))
        } catch {
          reply.send(.failure(GenerationError(.internal, "model \(entry.name): \(error)")))
        }
        timer.cancel()
      }
    }
    return try result.get()
  }
}
