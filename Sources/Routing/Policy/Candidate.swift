/// What one model costs, in millionths of a dollar for a million tokens; whole numbers, so that sums are exact.
package struct TokenPrice: Sendable, Codable, Equatable {
  package var inputMicros: Int
  package var outputMicros: Int

  /// Negative prices count as 0.
  package init(inputMicros: Int, outputMicros: Int) {
    self.inputMicros = max(0, inputMicros)
    self.outputMicros = max(0, outputMicros)
  }

  /// A model that costs nothing.
  package static let free = TokenPrice(inputMicros: 0, outputMicros: 0)

  /// The price of one answer in millionths of a dollar, rounded up; `Int.max` where it does not fit.
  package func micros(input: Int, output: Int) -> Int {
    let (inputCost, inputOverflow) = inputMicros.multipliedReportingOverflow(by: max(0, input))
    let (outputCost, outputOverflow) = outputMicros.multipliedReportingOverflow(by: max(0, output))
    let (sum, sumOverflow) = inputCost.addingReportingOverflow(outputCost)
    if inputOverflow || outputOverflow || sumOverflow { return Int.max }
    return sum / 1_000_000 + (sum % 1_000_000 == 0 ? 0 : 1)
  }
}

/// What a request may contain, or a model may accept.
package enum Modality: String, Sendable, Codable, CaseIterable {
  case text, image, audio, video, file
}

/// Observed latency of whole answers in milliseconds.
package struct ObservedLatency: Sendable, Codable, Equatable {
  package var p50: Double
  package var p95: Double
  /// Whether it was measured lately. A model that was slow long ago is asked again, or nobody would learn that it is not.
  package var isRecent: Bool

  package init(p50: Double, p95: Double, isRecent: Bool = true) {
    self.p50 = p50
    self.p95 = p95
    self.isRecent = isRecent
  }
}

/// A model that a request could be sent to, as routing sees it.
package struct Candidate: Sendable, Codable, Equatable {
  /// Whether the model answers at present.
  package enum Health: String, Sendable, Codable {
    case healthy, degraded, down
  }

  /// Where it runs.
  package enum Location: String, Sendable, Codable {
    case local, upstream, peer
  }

  package var name: String
  /// Whether it may be chosen by names that do not name it themselves.
  package var isOffered = true
  /// Tokens of prompt and answer together.
  package var contextWindow: Int
  package var modalities: [Modality]
  package var supportsTools: Bool
  /// Where the data is processed, such as "eu" or "us"; nil when unknown.
  package var region: String?
  package var price: TokenPrice
  /// nil until it has been measured.
  package var latency: ObservedLatency?
  package var health: Health
  package var location: Location
  /// P(good answer) to assume of a request of middling complexity while nothing has been learned about the model, 0 to 1.
  package var assumedQuality: Double
  /// The name by which the predictor knows the model; nil for its own.
  package var predictedAs: String?

  /// A candidate; the defaults describe a healthy text model with tools.
  package init(
    name: String, contextWindow: Int = 32_768, modalities: [Modality] = [.text], supportsTools: Bool = true,
    region: String? = nil, price: TokenPrice = .free, latency: ObservedLatency? = nil, health: Health = .healthy,
    location: Location = .local, assumedQuality: Double = 0.5, predictedAs: String? = nil
  ) {
    self.name = name
    self.contextWindow = contextWindow
    self.modalities = modalities
    self.supportsTools = supportsTools
    self.region = region
    self.price = price
    self.latency = latency
    self.health = health
    self.location = location
    self.assumedQuality = assumedQuality
    self.predictedAs = predictedAs
  }
}
