public import ModelInterface

/// A whole answer.
public struct ChatAnswer: Sendable, Equatable {
  /// The answer's identifier.
  public var id: String
  /// The model that answered, which the node may have chosen.
  public var model: String
  /// What it said.
  public var text: String
  /// What a reasoning model thought, where the node shows it.
  public var reasoning: String?
  /// The functions it calls.
  public var toolCalls: [ToolCall]
  /// The tokens with their log-probabilities, when they were asked for.
  public var tokens: [TokenLogprob]
  /// Why it ended.
  public var reason: Completion.Reason
  /// What it took.
  public var usage: Usage
}

/// What a node offers under a name.
public struct ModelListing: Sendable, Hashable {
  /// What to ask for it by.
  public var id: String
  /// Who provides it.
  public var owner: String
  /// When it was added, in seconds since 1970; 0 where unknown.
  public var created: Int
  /// The rest of what the node says of it.
  public var details: JSONObject
}

/// How a node is.
public struct Health: Sendable, Hashable {
  /// Whether the process answers.
  public var isAlive: Bool
  /// Whether it takes requests now.
  public var isReady: Bool
  /// What it says of itself.
  public var details: JSONObject
}

extension Usage {
  init(json: JSONValue?) {
    self.init(
      promptTokens: json?["prompt_tokens"]?.integer ?? 0,
      cachedPromptTokens: json?["prompt_tokens_details"]?["cached_tokens"]?.integer ?? 0,
      completionTokens: json?["completion_tokens"]?.integer ?? 0,
      reasoningTokens: json?["completion_tokens_details"]?["reasoning_tokens"]?.integer ?? 0)
  }
}

extension Completion.Reason {
  init(json: JSONValue?) {
    self = json?.string.flatMap(Completion.Reason.init(rawValue:)) ?? .stop
  }
}

extension TokenLogprob {
  /// From an element of `logprobs.content`. The API does not say the tokens' numbers: they are -1.
  init?(chat json: JSONValue) {
    guard let chosen = Candidate(chat: json) else { return nil }
    self.init(
      chosen: chosen, alternatives: (json["top_logprobs"]?.array ?? []).compactMap { Candidate(chat: $0) })
  }

  /// From the lists of `logprobs` in the older completions API.
  static func list(completion json: JSONValue?) -> [TokenLogprob] {
    let tokens = json?["tokens"]?.array ?? []
    let logprobs = json?["token_logprobs"]?.array ?? []
    let alternatives = json?["top_logprobs"]?.array ?? []
    return tokens.indices.map { index in
      func candidate(_ text: String, _ value: JSONValue?) -> Candidate {
        Candidate(token: -1, bytes: Array(text.utf8), logprob: value?.double.map { Float($0) } ?? .nan)
      }
      let others = alternatives.indices.contains(index) ? alternatives[index].object?.members ?? [] : []
      return TokenLogprob(
        chosen: candidate(tokens[index].string ?? "", logprobs.indices.contains(index) ? logprobs[index] : nil),
        alternatives: others.map { candidate($0.name, $0.value) }.sorted { $0.logprob > $1.logprob })
    }
  }
}

extension TokenLogprob.Candidate {
  init?(chat json: JSONValue) {
    guard let text = json["token"]?.string, let logprob = json["logprob"]?.double else { return nil }
    let bytes = json["bytes"]?.array?.compactMap { $0.integer.flatMap { UInt8(exactly: $0) } }
    self.init(token: -1, bytes: bytes ?? Array(text.utf8), logprob: Float(logprob))
  }
}
