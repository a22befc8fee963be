package import ModelInterface

/// What a model's tokens cost, in micro-units of the currency per million tokens: 2 500 000 is 2.50 a million.
package struct ModelPrice: Sendable, Hashable {
  /// The highest price that can be given: 3,000 units a million tokens. It keeps every event within 63 bits.
  package static let maximum: UInt64 = 3_000_000_000
  /// The most tokens that are counted for one event and direction.
  package static let maximumTokens = 1_000_000_000

  /// Tokens of the prompt that no cache held.
  package let prompt: UInt64
  /// Tokens of the prompt that the provider found in its cache.
  package let cachedPrompt: UInt64
  /// Tokens of the answer, reasoning included.
  package let completion: UInt64

  /// A price; what exceeds ``maximum`` is taken as that.
  ///
  /// - Parameter cachedPrompt: nil for the price of other prompt tokens.
  package init(prompt: UInt64, cachedPrompt: UInt64? = nil, completion: UInt64) {
    self.prompt = min(prompt, Self.maximum)
    self.cachedPrompt = min(cachedPrompt ?? prompt, Self.maximum)
    self.completion = min(completion, Self.maximum)
  }

  /// Costs nothing, as models on the node's own machine do.
  package static let free = ModelPrice(prompt: 0, completion: 0)

  /// What the tokens cost. Counts that cannot be (negative, or more cached than there are) are brought into range first.
  package func cost(_ usage: Usage) -> Money {
    let usage = usage.inRange
    let fresh = Int128(usage.promptTokens - usage.cachedPromptTokens) * Int128(prompt)
    let cached = Int128(usage.cachedPromptTokens) * Int128(cachedPrompt)
    return Money(pico: fresh + cached + Int128(usage.completionTokens) * Int128(completion))
  }

  /// The most that so many tokens can cost, whatever part of the prompt is cached.
  func upperBound(_ usage: Usage) -> Money {
    let usage = usage.inRange
    return Money(
      pico: Int128(usage.promptTokens) * Int128(max(prompt, cachedPrompt))
        + Int128(usage.completionTokens) * Int128(completion))
  }
}

extension Usage {
  /// The counts as a provider may state them: none negative, parts no larger than their whole.
  var inRange: Usage {
    let prompt = min(max(promptTokens, 0), ModelPrice.maximumTokens)
    let completion = min(max(completionTokens, 0), ModelPrice.maximumTokens)
    return Usage(
      promptTokens: prompt, cachedPromptTokens: min(max(cachedPromptTokens, 0), prompt),
      completionTokens: completion, reasoningTokens: min(max(reasoningTokens, 0), completion))
  }
}
