import ModelInterface
import Synchronization

/// A model whose next word follows from the words before it, as in any engine with the same weights: it can be gone on
/// with, replayed and checked. Words are `w0`, `w1` and so on; the token is the number.
final class ToyModel: ModelProvider {
  /// What a node does with the answer.
  enum Conduct: Sendable, Equatable {
    case honest
    /// Other words than the weights say.
    case lying
    /// Other text than its tokens spell.
    case misspelling
    /// Breaks off after so many tokens.
    case dying(after: Int)
    /// Falls silent after so many tokens.
    case stalling(after: Int)
    case busy
    /// Takes so long before the first token.
    case thinking(for: Duration)
  }

  let name: String
  let conduct: Conduct
  let length: Int
  private let count = Mutex(0)

  init(_ conduct: Conduct = .honest, name: String = "toy", length: Int = 40) {
    self.name = name
    self.conduct = conduct
    self.length = length
  }

  /// Requests so far.
  var requests: Int { count.withLock { $0 } }

  func models() async -> [ModelDescriptor] { [ModelDescriptor(name: name, provider: "local")] }

  static func prompt(_ request: GenerationRequest) -> [TokenID] {
    switch request.prompt {
    case .text(let text): text.utf8.map { TokenID($0) }
    case .tokens(let tokens): tokens
    case .messages(let messages): messages.flatMap { $0.text.utf8.map { TokenID($0) } }
    }
  }

  static func next(_ before: [TokenID]) -> TokenID {
    var state: UInt32 = 7
    for token in before { state = (state ^ UInt32(bitPattern: token)) &* 16_777_619 }
    return TokenID(state >> 16 & 0x3ff)
  }

  static func scored(_ token: TokenID, after before: [TokenID]) -> TokenLogprob {
    let bytes = Array("w\(token) ".utf8)
    let likeliest = next(before)
    let chosen = TokenLogprob.Candidate(token: token, bytes: bytes, logprob: token == likeliest ? -0.1 : -9)
    let best = TokenLogprob.Candidate(token: likeliest, bytes: Array("w\(likeliest) ".utf8), logprob: -0.1)
    return TokenLogprob(chosen: chosen, alternatives: [best])
  }

  /// The whole answer of an honest model.
  static func answer(_ request: GenerationRequest, length: Int = 40) -> String {
    var tokens = prompt(request)
    var text = ""
    for _ in 0..<min(length, request.maximumOutputTokens ?? length) {
      let token = next(tokens)
      tokens.append(token)
      text += "w\(token) "
    }
    return text
  }

  func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    count.withLock { $0 += 1 }
    if conduct == .busy { throw GenerationError(.overloaded(retryAfter: .milliseconds(700)), "busy") }
    let (stream, out) = GenerationStream.make()
    let task = Task { await write(request, out) }
    out.onTermination { task.cancel() }
    return stream
  }

  private func write(_ request: GenerationRequest, _ out: GenerationStream.Continuation) async {
    let own = Self.prompt(request)
    var tokens = own + request.continuation
    out.yield(.started(GenerationStart(model: name, provider: "local")))
    if request.echoesPrompt {
      out.yield(.prompt(tokens.indices.map { Self.scored(tokens[$0], after: Array(tokens[..<$0])) }))
    }
    if case .thinking(let time) = conduct { try? await Task.sleep(for: time) }
    let left = max(0, length - request.continuation.count)
    let limit = min(left, request.maximumOutputTokens ?? left)
    for written in 0..<max(0, limit) {
      var token = Self.next(tokens)
      var score = Self.scored(token, after: tokens)
      var text = "w\(token) "
      switch conduct {
      case .lying:
        token = (token + 1) & 0x3ff
        text = "w\(token) "
        score = TokenLogprob(chosen: .init(token: token, bytes: Array(text.utf8), logprob: -0.1))
      case .misspelling where written == 3: text = "wrong "
      case .dying(let after) where written == after:
        out.finish(throwing: GenerationError(.unavailable, "died"))
        return
      case .stalling(let after) where written == after:
        try? await Task.sleep(for: .seconds(600))
        return
      default: break
      }
      tokens.append(token)
      if request.logprobs == 0 { score.alternatives = [] }
      guard await out.send(.text(TextPiece(text, tokens: request.logprobs == nil ? [] : [score]))) else { return }
      await Task.yield()
    }
    out.yield(
      .finished(
        Completion(
          reason: limit == left ? .stop : .length,
          usage: Usage(promptTokens: own.count + request.continuation.count, completionTokens: limit))))
    out.finish()
  }

  func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    throw GenerationError(.invalidRequest(parameter: "model"), "none")
  }
}
