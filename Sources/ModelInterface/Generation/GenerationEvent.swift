/// What happens while an answer is generated, in order: ``started``, then pieces, then exactly one ``finished``. An answer
/// that fails throws a ``GenerationError`` instead of finishing.
public enum GenerationEvent: Sendable, Equatable {
  /// The model has been chosen and has begun.
  case started(GenerationStart)
  /// The prompt's tokens, when the request asked to have them echoed.
  case prompt([TokenLogprob])
  /// More of the answer's text, always whole characters.
  case text(TextPiece)
  /// More of what a reasoning model thinks, not part of the answer.
  case reasoning(String)
  /// More of a function call.
  case toolCall(ToolCallPiece)
  /// The end, with what it took.
  case finished(Completion)
}

/// Who answers.
public struct GenerationStart: Sendable, Equatable {
  /// The model that answers, which routing may have chosen.
  public var model: String
  /// The provider that runs it, for logs and `x-prsm-provider`.
  public var provider: String
  /// What the client is told in headers of the response, by their names in lower case, such as where to read how the
  /// answer came about. All begin with `x-prsm-`.
  public var notes: [String: String]

  /// Who answers.
  public init(model: String, provider: String, notes: [String: String] = [:]) {
    self.model = model
    self.provider = provider
    self.notes = notes
  }
}

/// A piece of the answer's text with the tokens that it is made of.
public struct TextPiece: Sendable, Equatable {
  /// Whole characters; may be empty when tokens end in the middle of one.
  public var text: String
  /// The tokens, when the request asked for log-probabilities.
  public var tokens: [TokenLogprob]

  /// A piece.
  public init(_ text: String, tokens: [TokenLogprob] = []) {
    self.text = text
    self.tokens = tokens
  }
}

/// A token with its natural log-probability and the likeliest alternatives.
public struct TokenLogprob: Sendable, Equatable {
  /// A token and how likely it was.
  public struct Candidate: Sendable, Equatable {
    /// The token.
    public var token: TokenID
    /// Its bytes, which need not be whole characters.
    public var bytes: [UInt8]
    /// Natural logarithm of its probability before sampling filters and temperature.
    public var logprob: Float

    /// A token and how likely it was.
    public init(token: TokenID, bytes: [UInt8], logprob: Float) {
      self.token = token
      self.bytes = bytes
      self.logprob = logprob
    }

    /// The bytes as text, with U+FFFD for what is not whole.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
  }

  /// The token that was chosen. Of an echoed prompt's first token the probability is unknown: its `logprob` is NaN.
  public var chosen: Candidate
  /// The likeliest tokens at this place, likeliest first.
  public var alternatives: [Candidate]

  /// A token with its alternatives.
  public init(chosen: Candidate, alternatives: [Candidate] = []) {
    self.chosen = chosen
    self.alternatives = alternatives
  }
}

/// A piece of a function call. The first piece of an index carries identifier and name.
public struct ToolCallPiece: Sendable, Equatable {
  /// Which of the answer's calls, from 0.
  public var index: Int
  /// The call's identifier, on its first piece.
  public var id: String?
  /// The function, on its first piece.
  public var name: String?
  /// More of the arguments' JSON text.
  public var arguments: String

  /// A piece of a call.
  public init(index: Int, id: String? = nil, name: String? = nil, arguments: String = "") {
    self.index = index
    self.id = id
    self.name = name
    self.arguments = arguments
  }
}

/// How an answer ended and what it took.
public struct Completion: Sendable, Equatable {
  /// Why an answer ended.
  public enum Reason: String, Sendable, Equatable {
    /// The model was done, or a stop sequence was met.
    case stop
    /// The output limit or the context window was reached.
    case length
    /// The model calls functions.
    case toolCalls = "tool_calls"
    /// The provider withheld the rest.
    case contentFilter = "content_filter"
  }

  /// Why it ended.
  public var reason: Reason
  /// The stop sequence that was met, if one was.
  public var stopSequence: String?
  /// What it took.
  public var usage: Usage
  /// What speaks for ``usage``.
  package var basis = UsageBasis.reported
  /// How long the parts took, where the provider measures that.
  public var timings: Timings?

  /// An end.
  public init(reason: Reason, stopSequence: String? = nil, usage: Usage, timings: Timings? = nil) {
    self.reason = reason
    self.stopSequence = stopSequence
    self.usage = usage
    self.timings = timings
  }
}

/// What speaks for a usage.
package enum UsageBasis: Sendable, Hashable {
  /// The provider says so.
  case reported
  /// An upstream says so, and what was sent to it and came back does not speak against it.
  case checked
  /// All of it or a part is an estimate, because nothing was reported, or what cannot be.
  case estimated
}

/// Tokens consumed and produced.
public struct Usage: Sendable, Hashable {
  /// Tokens of the prompt, cached ones included.
  public var promptTokens: Int
  /// Of these, tokens that were found in a cache.
  public var cachedPromptTokens: Int
  /// Tokens generated, reasoning included.
  public var completionTokens: Int
  /// Of these, tokens of reasoning.
  public var reasoningTokens: Int

  /// Tokens consumed and produced.
  public init(promptTokens: Int = 0, cachedPromptTokens: Int = 0, completionTokens: Int = 0, reasoningTokens: Int = 0) {
    self.promptTokens = promptTokens
    self.cachedPromptTokens = cachedPromptTokens
    self.completionTokens = completionTokens
    self.reasoningTokens = reasoningTokens
  }

  /// Prompt and completion together.
  public var totalTokens: Int { promptTokens + completionTokens }

  /// The sum of both.
  public static func + (left: Usage, right: Usage) -> Usage {
    Usage(
      promptTokens: left.promptTokens + right.promptTokens,
      cachedPromptTokens: left.cachedPromptTokens + right.cachedPromptTokens,
      completionTokens: left.completionTokens + right.completionTokens,
      reasoningTokens: left.reasoningTokens + right.reasoningTokens)
  }
}

/// Where the time of an answer went.
public struct Timings: Sendable, Equatable {
  /// Waiting for a place in the batch.
  public var queued: Duration
  /// Reading the prompt, up to the first token.
  public var prefill: Duration
  /// Writing the rest.
  public var decode: Duration

  /// Where the time went.
  public init(queued: Duration, prefill: Duration, decode: Duration) {
    self.queued = queued
    self.prefill = prefill
    self.decode = decode
  }
}
