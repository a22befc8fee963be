import CLlama
import ModelInterface

extension SessionState.Part {
  /// Parts of a call of `choose`: those that guidance compares keep their logits until both are there.
  static func parts(of steps: [TokenStep]) -> [SessionState.Part] {
    var compared: Set<Int> = []
    for (index, step) in steps.enumerated() {
      if case .guided(let conditional, _) = step.rule { compared.formUnion([index, conditional]) }
    }
    return steps.enumerated().map { index, step in
      SessionState.Part(
        sequence: step.sequence, tokens: step.tokens, rule: step.rule, keepsLogits: compared.contains(index),
        reported: step.reported)
    }
  }

  /// Chooses where the logits are, between two steps.
  func choose(from logits: UnsafeMutableBufferPointer<Float>, scratch: Sampler.Scratch) {
    guard let base = logits.baseAddress else { return }
    let count = Int32(logits.count)
    let token: TokenID
    switch rule {
    case nil, .some(.none): return
    case .greedy, .guided: token = prsm_argmax(base, count)
    case .drawn(let temperature, let topP, let topK, let uniform):
      var filters = prsm_filters(
        top_k: Int32(clamping: topK), typical_p: 1, top_p: topP, min_p: 0, temperature: temperature)
      token = prsm_draw(base, count, &filters, uniform, scratch.candidates.baseAddress)
    }
    guard token >= 0 else { return }
    let total = prsm_log_sum_exp(base, count)
    choice = TokenChoice(token: token, logprob: logits[Int(token)] - total)
    guard reported > 0 else { return }
    let greatest = min(
      Int(prsm_greatest(base, count, Int32(clamping: reported), scratch.candidates.baseAddress)), reported)
    choice?.likeliest = scratch.candidates.prefix(max(0, greatest)).map {
      TokenWeight(token: $0.token, logprob: $0.logit - total)
    }
  }

  /// The choice, once all parts of the call are computed.
  func finalChoice(among parts: [SessionState.Part]) -> TokenChoice? {
    guard keepsLogits, let rule, let logits else { return choice }
    guard case .guided(let conditional, let gamma) = rule, parts.indices.contains(conditional),
      let other = parts[conditional].logits, other.count == logits.count
    else { return rule.choice(from: logits) }
    var logprob: Float = 0
    var divergence: Float = 0
    let token = prsm_guided(
      logits, other, Int32(logits.count), gamma, TokenRule.guidanceFloor, &logprob, &divergence)
    return token < 0 ? nil : TokenChoice(token: token, logprob: logprob, divergence: divergence)
  }
}
