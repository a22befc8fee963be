/// How a model is run. Every bound has a name here.
package struct EngineConfiguration: Sendable {
  /// Cells of the cache, shared by all sequences of a model; nil takes the model's context window, at most
  /// ``defaultCacheTokens``.
  package var cacheTokens: Int?
  /// The most requests decoded together.
  package var maximumActive = 16
  /// The most requests that wait for a place; beyond, they are refused with a time to come back.
  package var maximumWaiting = 256
  /// The most sequences kept for later prompts and held by sessions, beside the active ones.
  package var extraSequences = 48
  /// The most tokens in one step.
  package var maximumRows = 256
  /// The most rows with logits in one step, which decides how much memory they take.
  package var maximumOutputs = 64
  /// How long a step may take while others are writing, which decides how much of a prompt is read in one.
  package var targetStep = Duration.milliseconds(120)
  /// Threads to compute with; nil measures and adapts.
  package var threads: Int?
  /// How long a reader may be behind before its request is given up.
  package var readerPatience = Duration.seconds(60)

  /// The cache of a model with a longer window than that.
  package static let defaultCacheTokens = 16_384

  /// The defaults.
  package init() {}
}
