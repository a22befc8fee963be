package import ModelInterface
internal import Multiformats
internal import PeerProtocols
internal import Synchronization

/// The models of other nodes as a provider.
package struct PeerModelProvider: ModelProvider {
  private let asker: PeerAsker
  /// Models that the node has without its peers, for the error that names what there is.
  private var others: @Sendable () async -> [String] = { [] }

  package init(asker: PeerAsker) { self.asker = asker }

  /// The same provider, which tells who asks for an unknown model what the node has without its peers.
  package func beside(_ others: @escaping @Sendable () async -> [String]) -> PeerModelProvider {
    var copy = self
    copy.others = others
    return copy
  }

  /// What peers offer now, each name once.
  package func models() async -> [ModelDescriptor] {
    var known: [String: ModelDescriptor] = [:]
    for offer in asker.offers {
      for model in offer.models where known[model.name] == nil {
        var descriptor = ModelDescriptor(name: model.name, provider: "peers")
        descriptor.aliases = model.aliases.filter { $0 != "default" }
        descriptor.contextLength = model.contextLength
        descriptor.parameterCount = model.parameterCount
        descriptor.quantization = model.quantization
        descriptor.architecture = model.architecture
        descriptor.isLoaded = true
        known[model.name] = descriptor
      }
    }
    return known.values.sorted { $0.name < $1.name }
  }

  package func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    guard asker.admit() else {
      throw GenerationError(
        .overloaded(retryAfter: .seconds(1)), "\(asker.options.answers) answers of peers are under way; try again later"
      )
    }
    let (stream, out) = GenerationStream.make()
    let asker = asker
    let others = others
    // Goes on after this call returns; ends with its stream.
    let task = Task {
      var answer = PeerAnswer(asker: asker, request: request, out: out, others: others)
      await answer.run()
      asker.release()
    }
    out.onTermination { if out.isTerminated { task.cancel() } }
    return stream
  }

  package func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    throw GenerationError(
      .invalidRequest(parameter: "model"), "\(request.model) is on another node, which answers no embeddings for others"
    )
  }
}

extension PeerAsker {
  func admit() -> Bool {
    state.withLock { state in
      guard state.answers < options.answers else { return false }
      state.answers += 1
      return true
    }
  }

  func release() { state.withLock { $0.answers -= 1 } }
}

/// This node's own models first, and those of its peers where it has none of that name, or where it has no room.
package struct NeighborlyProvider: ModelProvider {
  private let local: any ModelProvider
  private let peers: PeerModelProvider

  package init(local: any ModelProvider, peers: PeerModelProvider) {
    self.local = local
    self.peers = peers
  }

  package func models() async -> [ModelDescriptor] {
    let own = await local.models()
    let names = Set(own.flatMap { [$0.name] + $0.aliases })
    return own + (await peers.models()).filter { !names.contains($0.name) }
  }

  package func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    do throws(GenerationError) {
      return try await local.generate(request)
    } catch {
      switch error.kind {
      case .modelNotFound:
        // The DHT may know of a peer that nobody nearby has told of.
        return try await peers.generate(request)
      case .overloaded where await isOffered(request.model): return try await peers.generate(request)
      default: throw error
      }
    }
  }

  private func isOffered(_ name: String) async -> Bool {
    await peers.models().contains { $0.name == name || $0.aliases.contains(name) }
  }

  package func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    try await local.embed(request)
  }
}
