package import ModelInterface
import Synchronization

/// A provider whose answers are written down beforehand, for tests of whatever stands in front of one.
///
/// Without a script it answers with the words of the prompt, one piece a word.
package final class ScriptedProvider: ModelProvider {
  /// What it does with a request.
  package typealias Script =
    @Sendable (GenerationRequest, GenerationStream.Continuation) async throws(GenerationError)
    -> Void

  private struct State {
    var requests: [GenerationRequest] = []
    var running = 0
    var stopped = 0
  }

  private let descriptors: [ModelDescriptor]
  private let script: Script
  private let state = Mutex(State())

  /// A provider of these models that follows a script. The script runs in a task of its own, which is cancelled when the
  /// reader goes away; what it throws ends the stream. A stream that it does not finish is finished after it.
  package init(models: [ModelDescriptor] = ScriptedProvider.models, script: @escaping Script = ScriptedProvider.echo) {
    descriptors = models
    self.script = script
  }

  /// One model, `scripted`, which embeds too.
  package static var models: [ModelDescriptor] {
    var model = ModelDescriptor(name: "scripted", provider: "test")
    model.contextLength = 8192
    model.isLoaded = true
    model.canEmbed = true
    return [model]
  }

  /// The requests so far.
  package var requests: [GenerationRequest] { state.withLock { $0.requests } }
  /// How many answers are being given.
  package var running: Int { state.withLock { $0.running } }
  /// How many answers were stopped because their reader went away.
  package var stopped: Int { state.withLock { $0.stopped } }

  /// The models.
  package func models() async -> [ModelDescriptor] { descriptors }

  /// Runs the script.
  package func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    state.withLock { $0.requests.append(request) }
    guard descriptors.contains(where: { $0.name == request.model || $0.aliases.contains(request.model) }) else {
      throw GenerationError(.modelNotFound, "The model '\(request.model)' does not exist.")
    }
    let (stream, continuation) = GenerationStream.make()
    state.withLock { $0.running += 1 }
    let script = script
    // Unstructured because the work goes on after this call returns; the stream's end cancels it.
    let task = Task { [weak self] in
      continuation.yield(.started(GenerationStart(model: request.model, provider: "test")))
      do throws(GenerationError) {
        try await script(request, continuation)
        continuation.finish()
      } catch {
        continuation.finish(throwing: error)
      }
      self?.state.withLock { state in
        state.running -= 1
        if continuation.isTerminated { state.stopped += 1 }
      }
    }
    continuation.onTermination { task.cancel() }
    return stream
  }

  /// Vectors of four numbers that depend on the text's length.
  package func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    guard descriptors.contains(where: { $0.name == request.model }) else {
      throw GenerationError(.modelNotFound, "The model '\(request.model)' does not exist.")
    }
    let count = min(request.dimensions ?? 4, 4)
    let vectors = request.inputs.map { input in
      var vector = [Float](repeating: 0, count: count)
      vector[Self.words(input).count % count] = 1
      return vector
    }
    let tokens = request.inputs.reduce(0) { $0 + Self.words($1).count }
    return EmbeddingResponse(model: request.model, vectors: vectors, usage: Usage(promptTokens: tokens))
  }

  /// The prompt's pieces: words with the space that follows them, or the numbers of its tokens.
  package static func words(_ prompt: Prompt) -> [String] {
    switch prompt {
    case .text(let text): pieces(text)
    case .tokens(let tokens): tokens.map { "<\($0)>" }
    case .messages(let messages): pieces(messages.last?.text ?? "")
    }
  }

  private static func pieces(_ text: String) -> [String] {
    var pieces: [String] = []
    var piece = ""
    for character in text {
      piece.append(character)
      if character == " " {
        pieces.append(piece)
        piece = ""
      }
    }
    if !piece.isEmpty { pieces.append(piece) }
    return pieces
  }

  /// Answers with the prompt's words, up to the limit, with log-probabilities where asked.
  package static let echo: Script = { (request, continuation) async throws(GenerationError) in
    let words = words(request.prompt)
    if request.echoesPrompt {
      continuation.yield(
        .prompt(
          words.enumerated().map {
            scored($0.element, request.logprobs, index: $0.offset, logprob: $0.offset == 0 ? .nan : -0.5)
          }))
    }
    if let tool = request.tools.first, request.toolChoice != .none {
      continuation.yield(.toolCall(ToolCallPiece(index: 0, id: "call_1", name: tool.name)))
      continuation.yield(.toolCall(ToolCallPiece(index: 0, arguments: "{\"city\":")))
      continuation.yield(.toolCall(ToolCallPiece(index: 0, arguments: "\"Paris\"}")))
      continuation.yield(
        .finished(
          Completion(reason: .toolCalls, usage: Usage(promptTokens: words.count, completionTokens: 3))))
      return
    }
    let limit = request.maximumOutputTokens ?? Int.max
    var answer = words
    if case .jsonObject = request.responseFormat { answer = ["{\"ok\":", "true}"] }
    if case .jsonSchema = request.responseFormat { answer = ["{\"ok\":", "true}"] }
    for (index, word) in answer.prefix(limit).enumerated() {
      let tokens = request.logprobs == nil ? [] : [scored(word, request.logprobs, index: index, logprob: -0.25)]
      guard await continuation.send(.text(TextPiece(word, tokens: tokens))) else { return }
    }
    continuation.yield(
      .finished(
        Completion(
          reason: answer.count > limit ? .length : .stop,
          usage: Usage(promptTokens: words.count, completionTokens: min(limit, answer.count)),
          timings: Timings(queued: .zero, prefill: .milliseconds(10), decode: .milliseconds(20)))))
  }

  private static func scored(_ word: String, _ count: Int?, index: Int, logprob: Float) -> TokenLogprob {
    let bytes = Array(word.utf8)
    let chosen = TokenLogprob.Candidate(token: TokenID(index), bytes: bytes, logprob: logprob)
    let others = (0..<min(count ?? 0, 5)).map { (rank: Int) -> TokenLogprob.Candidate in
      if rank == 0 { return chosen }
      return TokenLogprob.Candidate(token: TokenID(rank), bytes: Array("w\(rank)".utf8), logprob: -2 - Float(rank))
    }
    return TokenLogprob(chosen: chosen, alternatives: logprob.isNaN ? [] : others)
  }
}
