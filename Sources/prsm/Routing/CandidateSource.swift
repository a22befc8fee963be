import Metering
import ModelInterface
import Providers
import Routing

/// Turns what the node knows of its models into candidates for routing.
struct CandidateSource: Sendable {
  /// Everything that can be asked for.
  let provider: any ModelProvider
  let upstreams: UpstreamProvider
  /// Whether a model is made of others.
  let isVirtual: @Sendable (String) -> Bool

  /// The candidates now.
  ///
  /// - Parameter latencies: of whole answers, by model.
  func candidates(
    _ configuration: RoutingConfiguration, prices: PriceList, latencies: [String: ObservedLatency]
  ) async -> [Candidate] {
    let snapshot = upstreams.snapshot()
    return await provider.models().map { model in
      let settings = configuration.models[model.name] ?? RoutingConfiguration.Model()
      let isVirtual = isVirtual(model.name)
      // Encoders make embeddings and write nothing. Of an upstream's model nothing is known but the name.
      let isEncoder = model.architecture?.contains("bert") ?? model.name.lowercased().contains("embed")
      // Programs are written for who asks for them by name.
      let writesCode = CodeProvider.inner(of: model.name) != nil
      let isUpstream = upstreams.answers(for: model.name)
      let price = prices.price(of: model.name, provider: model.provider)
      var candidate = Candidate(name: model.name)
      candidate.isOffered = settings.isOffered ?? !(isVirtual || isEncoder || writesCode)
      candidate.price = TokenPrice(
        inputMicros: Int(clamping: price.prompt), outputMicros: Int(clamping: price.completion))
      if let length = settings.contextLength ?? model.contextLength { candidate.contextWindow = length }
      if let modalities = settings.modalities { candidate.modalities = modalities }
      candidate.supportsTools = settings.takesTools ?? true
      candidate.location = isUpstream ? .upstream : .local
      candidate.region = settings.region ?? (isUpstream ? nil : configuration.region)
      candidate.latency = latencies[model.name]
      candidate.health = isUpstream ? Self.health(of: model, snapshot) : .healthy
      candidate.predictedAs = settings.predictedAs
      candidate.assumedQuality =
        settings.quality ?? model.parameterCount.map { QualityPrior.quality(parameters: $0) }
        ?? QualityPrior.quality(outputMicros: candidate.price.outputMicros) ?? 0.5
      return candidate
    }
  }

  /// Down where no endpoint would be asked, degraded where one of its upstream's would not.
  private static func health(of model: ModelDescriptor, _ snapshot: UpstreamSnapshot) -> Candidate.Health {
    guard snapshot.healthyModels.contains(model.name) else { return .down }
    return snapshot.endpoints.contains { $0.upstream == model.provider && !$0.isHealthy } ? .degraded : .healthy
  }
}

extension RouteRequest {
  /// A request as routing sees it: the last thing that was said is what is judged, all of it has to fit.
  ///
  /// - Parameter usualMaximum: the node's own limit of an answer, which says nothing of what this request asks for.
  init(_ request: GenerationRequest, usualMaximum: Int, embedding: [Float]?, constraints: Constraints) {
    var bytes = 0
    var text = ""
    var count = 1
    var modalities: Set<Modality> = [.text]
    var tokens: Int?
    switch request.prompt {
    case .text(let prompt):
      text = prompt
      bytes = prompt.utf8.count
    case .tokens(let prompt): tokens = prompt.count
    case .messages(let messages):
      count = messages.count
      text = messages.last { $0.role == .user }?.text ?? messages.last?.text ?? ""
      for message in messages {
        bytes += 32 + (message.reasoning?.utf8.count ?? 0)
        for part in message.content {
          switch part {
          case .text(let text): bytes += text.utf8.count
          case .image: modalities.insert(.image)
          case .other(let value): modalities.insert(Self.modality(of: value))
          }
        }
      }
    }
    for tool in request.tools {
      bytes += 64 + (tool.summary?.utf8.count ?? 0) + (tool.parameters?.text.utf8.count ?? 0)
    }
    let asked = request.maximumOutputTokens.flatMap { $0 < usualMaximum ? $0 : nil }
    self.init(
      prompt: text, promptTokens: tokens ?? bytes / 4 + 1, answerTokens: asked ?? 512, messageCount: count,
      toolCount: request.tools.count, modalities: Modality.allCases.filter(modalities.contains), embedding: embedding,
      session: request.context.session.map { "\(request.context.tenant)\n\($0)" }, constraints: constraints)
  }

  private static func modality(of part: JSONValue) -> Modality {
    switch part["type"]?.string ?? "" {
    case "input_audio", "audio": .audio
    case "video", "video_url", "input_video": .video
    default: .file
    }
  }
}
