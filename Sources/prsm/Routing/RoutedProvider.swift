import ModelInterface
import Providers

/// What the gateway asks: every model of the node, with the names that stand for a choice listed behind them, and with the
/// next model asked where one cannot answer.
struct RoutedProvider: PassThroughProvider {
  private let models: any ModelProvider
  private let fallback: FallbackProvider
  private let routing: NodeRouting

  init(_ models: any ModelProvider, routing: NodeRouting) {
    self.models = models
    self.routing = routing
    fallback = FallbackProvider(models) { request, model, error in routing.failed(request, model: model, error) }
  }

  func models() async -> [ModelDescriptor] {
    let known = await models.models()
    return known.isEmpty ? known : known + routing.descriptors
  }

  func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    try await fallback.generate(request)
  }

  /// Only for one model: a choice among several is made before, and what follows where it fails is not passed on.
  func passage(for request: PassageRequest) -> (any Passage)? { fallback.passage(for: request) }

  func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    try await models.embed(request)
  }
}
