import ModelInterface

/// Writes what an answer took.
enum UsageWriter {
  /// `usage` of chat completions and completions.
  static func write(_ usage: Usage, into json: inout JSONText) {
    json.raw("{\"prompt_tokens\":")
    json.integer(usage.promptTokens)
    json.raw(",\"completion_tokens\":")
    json.integer(usage.completionTokens)
    json.raw(",\"total_tokens\":")
    json.integer(usage.totalTokens)
    json.raw(",\"prompt_tokens_details\":{\"cached_tokens\":")
    json.integer(usage.cachedPromptTokens)
    json.raw(",\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":")
    json.integer(usage.reasoningTokens)
    json.raw(",\"audio_tokens\":0,\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}")
  }

  /// `timings` in the spelling of llama.cpp's server, which its clients know.
  static func write(_ timings: Timings, _ usage: Usage, into json: inout JSONText) {
    let prompt = timings.prefill / .milliseconds(1)
    let decode = timings.decode / .milliseconds(1)
    let computed = usage.promptTokens - usage.cachedPromptTokens
    json.raw("{\"queued_ms\":")
    json.number(timings.queued / .milliseconds(1))
    json.raw(",\"cache_n\":")
    json.integer(usage.cachedPromptTokens)
    json.raw(",\"prompt_n\":")
    json.integer(computed)
    json.raw(",\"prompt_ms\":")
    json.number(prompt)
    json.raw(",\"prompt_per_second\":")
    json.number(prompt > 0 ? Double(computed) / prompt * 1000 : .nan)
    json.raw(",\"predicted_n\":")
    json.integer(usage.completionTokens)
    json.raw(",\"predicted_ms\":")
    json.number(decode)
    json.raw(",\"predicted_per_second\":")
    // The first token belongs to the prompt's time.
    json.number(decode > 0 ? Double(max(0, usage.completionTokens - 1)) / decode * 1000 : .nan)
    json.raw("}")
  }
}
