import ModelInterface

/// What a request has become once it is checked: tokens, and all that decides how the answer is drawn and read.
struct GenerationPlan: Sendable {
  var context: RequestContext
  var model: String
  var prompt: [TokenID]
  var sampling: SamplingParameters
  /// The most tokens to generate; what fits, where the request did not say.
  var limit: Int
  var reading: AnswerText.Reading
  /// What the answer must look like.
  var grammar: Grammar?
  var logprobs: Int?
  var echoesPrompt: Bool
  /// Whether control tokens are part of the text, as formats of function calls need.
  var showsControlTokens: Bool

  /// The most cells that it can come to need.
  var greatestLength: Int { prompt.count + limit }
}

/// One request in the loop; its thread alone touches it.
final class Generation {
  enum Phase {
    case waiting, reading, writing
  }

  let id: UInt64
  let plan: GenerationPlan
  let continuation: GenerationStream.Continuation
  let submitted: ContinuousClock.Instant
  var phase = Phase.waiting
  var holding: SequencePool.Holding?
  /// Prompt and answer so far. The last token of an answer has not been computed yet.
  var tokens: [TokenID]
  var sampler: Sampler
  var answer: AnswerText
  var echo: [TokenLogprob] = []
  var cachedTokens = 0
  var generatedCount = 0
  var isPausedSince: ContinuousClock.Instant?
  var admitted: ContinuousClock.Instant?
  var firstToken: ContinuousClock.Instant?
  /// For eviction by age: higher came later.
  var order: UInt64 = 0

  init(id: UInt64, plan: GenerationPlan, sampler: Sampler, continuation: GenerationStream.Continuation) {
    self.id = id
    self.plan = plan
    self.sampler = sampler
    self.continuation = continuation
    submitted = .now
    tokens = plan.prompt
    answer = AnswerText(plan.reading)
  }

  /// Tokens that are still to be computed before the next one can be drawn.
  var remaining: Int { tokens.count - (holding?.count ?? 0) }

  /// Whether each token of the prompt is to be reported with its probability.
  var reportsPrompt: Bool { plan.echoesPrompt && plan.logprobs != nil && generatedCount == 0 }

  /// Hands events to the reader, and pauses when it is behind.
  func yield(_ events: [GenerationEvent]) {
    for event in events where continuation.yield(event) == .full {
      if isPausedSince == nil { isPausedSince = .now }
    }
  }

  var completionUsage: Usage {
    Usage(
      promptTokens: plan.prompt.count, cachedPromptTokens: cachedTokens, completionTokens: generatedCount,
      reasoningTokens: answer.reasoningTokens)
  }

  /// Where the time went, at this moment.
  var timings: Timings {
    let now = ContinuousClock.now
    let start = admitted ?? now
    let first = firstToken ?? now
    return Timings(queued: start - submitted, prefill: first - start, decode: now - first)
  }
}
