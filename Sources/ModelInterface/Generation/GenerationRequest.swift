/// One request for one answer, as it travels from the gateway through routing to a provider.
///
/// A client that asks for several choices sends several of these: prefix reuse makes the shared prompt cheap.
public struct GenerationRequest: Sendable {
  /// The model by the name the client used, until routing replaces it with the name of the model it chose.
  public var model: String
  /// Models that answer, in order, where ``model`` cannot before its first event; set by routing.
  public var fallbacks: [String] = []
  /// What the model is to continue.
  public var prompt: Prompt
  /// Tokens of the answer that were given already, by another engine with the same weights: the answer goes on behind them,
  /// and does not repeat them.
  public var continuation: [TokenID] = []
  /// How tokens are drawn.
  public var sampling = SamplingParameters()
  /// At most this many tokens are generated; nil leaves it to the context window and the node's own limit.
  public var maximumOutputTokens: Int?
  /// Texts at which the answer ends. They are never part of it.
  public var stopSequences: [String] = []
  /// What the answer has to look like.
  public var responseFormat: ResponseFormat = .text
  /// Functions that the model may call.
  public var tools: [Tool] = []
  /// Whether it may, must, or must not call one.
  public var toolChoice: ToolChoice = .automatic
  /// Whether more than one tool call may come in one answer.
  public var allowsParallelToolCalls = true
  /// For each token, its log-probability and that of the so many likeliest alternatives (0 for none); nil for no report.
  public var logprobs: Int?
  /// Whether the prompt's own tokens are reported first, with log-probabilities when ``logprobs`` asks for them.
  public var echoesPrompt = false
  /// Whether somebody reads the answer as it is written. Where nobody does, a provider may deliver it in one piece.
  public var isStreamed = true
  /// How hard a reasoning model should think, in the upstream API's own word.
  public var reasoningEffort: String?
  /// Who asks, until when, and under which identifiers.
  public var context: RequestContext
  /// Members of the client's request that PRSM does not interpret, kept for an upstream that may.
  public var passthrough: JSONObject = [:]

  /// A request with default sampling.
  public init(model: String, prompt: Prompt, context: RequestContext) {
    self.model = model
    self.prompt = prompt
    self.context = context
  }
}

/// What a model is to continue.
public enum Prompt: Sendable, Hashable {
  /// A conversation, put into words by the model's chat template.
  case messages([Message])
  /// Raw text, tokenised as it is.
  case text(String)
  /// Token identifiers of the model's own vocabulary.
  case tokens([TokenID])
}

/// Who asks, until when, and under which identifiers; the same for every attempt at one request.
public struct RequestContext: Sendable, Hashable {
  /// Unique, and returned to the client in `x-request-id`.
  public var requestID: String
  /// The key, user or organisation on whose account this runs; fair queueing is between tenants.
  public var tenant: String
  /// Requests of one session prefer one model and one cache.
  public var session: String?
  /// The instant after which an answer is worth nothing.
  public var deadline: ContinuousClock.Instant?
  /// Higher goes first within a tenant; 0 is usual.
  public var priority: Int
  /// The W3C `traceparent` of the span that encloses the work, for whoever continues the trace.
  public var traceparent: String?
  /// The virtual models that this request is a part of, the outermost first. Whoever sends it on leaves them as they are.
  public var enclosing: [String] = []
  /// Where attempts are noted that are billed beside the answer; nil where nobody keeps an account.
  package var sideAttempts: SideAttempts?
  /// What ties together the calls of one request that takes several; nil for one that takes one.
  package var calls: RequestCalls?
  /// Where what is settled of a member's call is added up; nil where nobody wants to know.
  package var bill: CallBill?

  /// A context with no deadline and usual priority.
  public init(requestID: String, tenant: String = "local", session: String? = nil) {
    self.requestID = requestID
    self.tenant = tenant
    self.session = session
    self.priority = 0
  }
}

/// How the next token is drawn from a model's distribution. The filters apply in the order of the members.
public struct SamplingParameters: Sendable, Hashable {
  /// Added to the logits of single tokens before anything else, in -100…100.
  public var logitBias: [TokenID: Float] = [:]
  /// Divides the logits of tokens seen before (multiplies negative ones); 1 for none (CTRL, arXiv 1909.05858).
  public var repetitionPenalty: Float = 1
  /// Taken from a token's logit once for each time it was generated, in -2…2.
  public var frequencyPenalty: Float = 0
  /// Taken from a token's logit if it was generated at all, in -2…2.
  public var presencePenalty: Float = 0
  /// Keep only the so many likeliest tokens; 0 for all.
  public var topK = 0
  /// Locally typical sampling (arXiv 2202.00666): keep the mass nearest to the expected surprise; 1 for all.
  public var typicalP: Float = 1
  /// Nucleus sampling (arXiv 1904.09751): keep the smallest set of tokens with this mass; 1 for all.
  public var topP: Float = 1
  /// Keep tokens at least this fraction as likely as the likeliest (arXiv 2407.01082); 0 for all.
  public var minP: Float = 0
  /// Divides the logits; 0 always takes the likeliest token. In 0…2.
  public var temperature: Float = 1
  /// The same seed and request give the same answer, whatever else the node is doing; nil draws one.
  public var seed: UInt64?

  /// OpenAI's defaults: the distribution as it is.
  public init() {}

  /// The likeliest token, always.
  public static var greedy: SamplingParameters {
    var parameters = SamplingParameters()
    parameters.temperature = 0
    return parameters
  }
}

/// What an answer has to look like.
public enum ResponseFormat: Sendable, Hashable {
  /// Anything.
  case text
  /// One JSON object of any shape.
  case jsonObject
  /// JSON that validates against a schema (JSON Schema 2020-12, the subset that the grammar converter states).
  case jsonSchema(name: String, schema: JSONValue, isStrict: Bool)
  /// A sentence of a grammar in llama.cpp's GBNF notation; local models only.
  case grammar(String)
}
