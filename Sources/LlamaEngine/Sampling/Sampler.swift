import CLlama
import ModelInterface

/// Draws an answer's tokens. Its state is the request's own, so that an answer depends on nothing else in the batch.
struct Sampler {
  private let parameters: SamplingParameters
  private var random: RandomSource
  private var generated: [TokenID: Int] = [:]
  private var seen: Set<TokenID> = []
  private let grammar: Grammar?
  private let changesLogits: Bool

  /// Room for sampling that all requests of a loop share.
  final class Scratch {
    let logits: UnsafeMutableBufferPointer<Float>
    let candidates: UnsafeMutableBufferPointer<prsm_candidate>
    /// Made when a grammar first needs it.
    private(set) lazy var tokenData = UnsafeMutableBufferPointer<llama_token_data>.allocate(capacity: logits.count)
    private var hasTokenData = false

    init(vocabularySize: Int) {
      logits = .allocate(capacity: vocabularySize)
      logits.initialize(repeating: 0)
      candidates = .allocate(capacity: vocabularySize)
      candidates.initialize(repeating: prsm_candidate())
    }

    /// The room for grammars.
    func roomForGrammar() -> UnsafeMutableBufferPointer<llama_token_data> {
      if !hasTokenData { tokenData.initialize(repeating: llama_token_data()) }
      hasTokenData = true
      return tokenData
    }

    deinit {
      logits.deallocate()
      candidates.deallocate()
      if hasTokenData { tokenData.deallocate() }
    }
  }

  /// - Parameter prompt: tokens that count as seen for the repetition penalty.
  init(_ parameters: SamplingParameters, prompt: [TokenID], grammar: Grammar?) {
    self.parameters = parameters
    self.grammar = grammar
    random = RandomSource(seed: parameters.seed ?? UInt64.random(in: .min ... .max))
    if parameters.repetitionPenalty != 1 { seen = Set(prompt) }
    changesLogits =
      !parameters.logitBias.isEmpty || parameters.repetitionPenalty != 1 || parameters.frequencyPenalty != 0
      || parameters.presencePenalty != 0
  }

  /// Draws the next token; nil where no token is possible. ``accept(_:)`` follows when it is used.
  mutating func draw(_ logits: UnsafeMutableBufferPointer<Float>, scratch: Scratch) -> TokenID? {
    guard let base = logits.baseAddress else { return nil }
    let count = Int32(logits.count)
    guard changesLogits || grammar != nil else {
      return choose(base, count, scratch)
    }
    let copy = scratch.logits
    guard let changed = copy.baseAddress, copy.count == logits.count else { return nil }
    changed.update(from: base, count: logits.count)
    change(copy)
    guard let grammar else { return choose(changed, count, scratch) }
    // Drawing again without what was refused gives the distribution of the allowed tokens; a few draws are far
    // cheaper than asking the grammar about the whole vocabulary.
    for _ in 0..<Self.cheapDraws {
      guard let token = choose(changed, count, scratch) else { break }
      if grammar.allows(token) { return token }
      guard !grammar.isTooCostly else { return nil }
      changed[Int(token)] = -.infinity
    }
    guard grammar.mask(copy, scratch: scratch) else { return nil }
    return choose(changed, count, scratch)
  }

  /// Takes note of the token that follows.
  ///
  /// - Returns: false where the grammar does not allow it.
  mutating func accept(_ token: TokenID) -> Bool {
    if parameters.frequencyPenalty != 0 || parameters.presencePenalty != 0 { generated[token, default: 0] += 1 }
    if parameters.repetitionPenalty != 1 { seen.insert(token) }
    return grammar?.accept(token) ?? true
  }

  private static let cheapDraws = 6

  private func change(_ logits: UnsafeMutableBufferPointer<Float>) {
    for (token, bias) in parameters.logitBias where logits.indices.contains(Int(token)) {
      logits[Int(token)] += bias
    }
    if parameters.repetitionPenalty != 1 {
      for token in seen where logits.indices.contains(Int(token)) {
        let logit = logits[Int(token)]
        logits[Int(token)] = logit > 0 ? logit / parameters.repetitionPenalty : logit * parameters.repetitionPenalty
      }
    }
    for (token, count) in generated where logits.indices.contains(Int(token)) {
      logits[Int(token)] -= Float(count) * parameters.frequencyPenalty + parameters.presencePenalty
    }
  }

  private mutating func choose(_ logits: UnsafePointer<Float>, _ count: Int32, _ scratch: Scratch) -> TokenID? {
    let token: TokenID
    if parameters.temperature <= 0 {
      token = prsm_argmax(logits, count)
    } else {
      var filters = prsm_filters(
        top_k: Int32(clamping: parameters.topK), typical_p: parameters.typicalP, top_p: parameters.topP,
        min_p: parameters.minP, temperature: parameters.temperature)
      let uniform = random.uniform()
      token = prsm_draw(logits, count, &filters, uniform, scratch.candidates.baseAddress)
    }
    return token >= 0 ? token : nil
  }
}
