import ModelInterface
import Telemetry

/// Writes completions and their chunks.
struct CompletionWriter: Sendable {
  let id = RequestIdentifier.make("cmpl-")
  let created = WallClock.seconds
  let hasLogprobs: Bool
  let includesUsage: Bool

  /// What one candidate gathered.
  struct Candidate: Sendable {
    let request: GenerationRequest
    var prompt: [TokenLogprob] = []
    var text = ""
    var tokens: [TokenLogprob] = []
    var reason = Completion.Reason.stop

    init(_ request: GenerationRequest) {
      self.request = request
    }

    mutating func add(_ event: GenerationEvent) {
      switch event {
      case .started, .reasoning, .toolCall: break
      case .prompt(let tokens): prompt += tokens
      case .text(let piece):
        text += piece.text
        tokens += piece.tokens
      case .finished(let completion): reason = completion.reason
      }
    }

    /// The mean log-probability of its tokens, by which candidates are compared.
    var score: Float {
      tokens.isEmpty ? 0 : tokens.reduce(0) { $0 + $1.chosen.logprob } / Float(tokens.count)
    }

    /// The prompt as text: as it was sent, or what its tokens stand for.
    var promptText: String {
      if case .text(let text) = request.prompt { return text }
      return String(decoding: prompt.flatMap(\.chosen.bytes), as: UTF8.self)
    }

    /// Bytes that the prompt's tokens have and its text has not.
    var lead: Int {
      guard case .text(let text) = request.prompt else { return 0 }
      return max(0, prompt.reduce(0) { $0 + $1.chosen.bytes.count } - text.utf8.count)
    }

    /// All tokens to report. Where one was asked for and the model ended its answer at once, an empty token without a
    /// probability stands for that end: whoever scores a prompt counts on the last token being the answer's.
    func reported(echoes: Bool) -> [TokenLogprob] {
      guard echoes else { return tokens }
      guard tokens.isEmpty, reason == .stop, (request.maximumOutputTokens ?? 1) > 0 else { return prompt + tokens }
      let end = TokenLogprob(chosen: TokenLogprob.Candidate(token: -1, bytes: [], logprob: .nan))
      return prompt + [end]
    }
  }

  func whole(
    model: String, _ choices: [Candidate], echoes: Bool, usage: Usage, timings: Timings?
  ) -> [UInt8] {
    var json = JSONText(capacity: 512 + choices.reduce(0) { $0 + $1.text.utf8.count })
    head(&json, model)
    json.raw(",\"choices\":")
    json.array(choices.enumerated()) { json, choice in
      let candidate = choice.element
      json.raw("{\"text\":")
      json.string(echoes ? candidate.promptText + candidate.text : candidate.text)
      json.raw(",\"index\":")
      json.integer(choice.offset)
      json.raw(",\"logprobs\":")
      if hasLogprobs {
        var placer = LogprobWriter.Placer(lead: echoes ? candidate.lead : 0)
        LogprobWriter.writeParallel(placer.place(candidate.reported(echoes: echoes)), into: &json)
      } else {
        json.raw("null")
      }
      json.raw(",\"finish_reason\":")
      json.string(candidate.reason.rawValue)
      json.raw("}")
    }
    json.raw(",\"usage\":")
    UsageWriter.write(usage, into: &json)
    if let timings {
      json.raw(",\"timings\":")
      UsageWriter.write(timings, usage, into: &json)
    }
    json.raw(",\"system_fingerprint\":null}")
    return json.bytes
  }

  private func head(_ json: inout JSONText, _ model: String) {
    json.raw("{\"id\":\"")
    json.raw(Array(id.utf8))
    json.raw("\",\"object\":\"text_completion\",\"created\":")
    json.integer(created)
    json.raw(",\"model\":")
    json.string(model)
  }

  /// The chunks of one choice.
  struct Chunks {
    private let writer: CompletionWriter
    private let index: Int
    private let echoes: Bool
    private var candidate: Candidate
    private var model = ""
    private var placer = LogprobWriter.Placer()
    private var echoed = false

    init(_ writer: CompletionWriter, index: Int, request: GenerationRequest, echoes: Bool) {
      self.writer = writer
      self.index = index
      self.echoes = echoes
      candidate = Candidate(request)
      model = request.model
    }

    mutating func add(_ event: GenerationEvent, into output: inout JSONText) {
      switch event {
      case .started(let start): model = start.model
      case .reasoning, .toolCall: break
      case .prompt(let tokens):
        candidate.prompt = tokens
        placer = LogprobWriter.Placer(lead: candidate.lead)
        if echoes { chunk(candidate.promptText, tokens, nil, into: &output) }
      case .text(let piece):
        guard !piece.text.isEmpty || (writer.hasLogprobs && !piece.tokens.isEmpty) else { return }
        chunk(piece.text, piece.tokens, nil, into: &output)
      case .finished(let completion): chunk("", [], completion, into: &output)
      }
    }

    private mutating func chunk(
      _ text: String, _ tokens: [TokenLogprob], _ completion: Completion?, into output: inout JSONText
    ) {
      output.raw("data: ")
      writer.head(&output, model)
      output.raw(",\"choices\":[{\"text\":")
      output.string(text)
      output.raw(",\"index\":")
      output.integer(index)
      output.raw(",\"logprobs\":")
      if writer.hasLogprobs, !tokens.isEmpty {
        LogprobWriter.writeParallel(placer.place(tokens), into: &output)
      } else {
        output.raw("null")
      }
      output.raw(",\"finish_reason\":")
      output.string(completion?.reason.rawValue)
      output.raw("}]")
      if writer.includesUsage { output.raw(",\"usage\":null") }
      if let completion, let timings = completion.timings {
        output.raw(",\"timings\":")
        UsageWriter.write(timings, completion.usage, into: &output)
      }
      output.raw(",\"system_fingerprint\":null}\n\n")
    }
  }

  /// The chunk without choices that carries the usage of all of them.
  func usageChunk(model: String, _ usage: Usage, into output: inout JSONText) {
    output.raw("data: ")
    head(&output, model)
    output.raw(",\"choices\":[],\"usage\":")
    UsageWriter.write(usage, into: &output)
    output.raw(",\"system_fingerprint\":null}\n\n")
  }
}
