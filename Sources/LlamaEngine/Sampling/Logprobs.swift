import CLlama
import ModelInterface

/// Log-probabilities of the distribution as the model gave it.
enum Logprobs {
  /// A token's report.
  static func report(
    _ token: TokenID, alternatives: Int, logits: UnsafeMutableBufferPointer<Float>, model: LlamaModel
  ) -> TokenLogprob {
    let count = Int32(logits.count)
    let total = prsm_log_sum_exp(logits.baseAddress, count)
    func candidate(_ token: TokenID) -> TokenLogprob.Candidate {
      let logit = logits.indices.contains(Int(token)) ? logits[Int(token)] : -.infinity
      return TokenLogprob.Candidate(token: token, bytes: model.bytes(of: token), logprob: min(0, logit - total))
    }
    var greatest: [prsm_candidate] = []
    let wanted = min(max(0, alternatives), logits.count)
    if wanted > 0 {
      greatest = [prsm_candidate](unsafeUninitializedCapacity: wanted) { buffer, initialized in
        initialized = Int(prsm_greatest(logits.baseAddress, count, Int32(wanted), buffer.baseAddress))
      }
    }
    return TokenLogprob(chosen: candidate(token), alternatives: greatest.map { candidate($0.token) })
  }
}
