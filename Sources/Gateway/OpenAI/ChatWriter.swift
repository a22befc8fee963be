import ModelInterface
import Telemetry

/// Writes chat completions and their chunks.
struct ChatWriter: Sendable {
  let id = RequestIdentifier.make("chatcmpl-")
  let created = WallClock.seconds
  let includesUsage: Bool

  /// What one choice gathered, for an answer that is sent as a whole.
  struct Choice {
    var text = ""
    var reasoning = ""
    var calls: [ToolCall] = []
    var tokens: [TokenLogprob] = []
    var reason = Completion.Reason.stop

    mutating func add(_ event: GenerationEvent) {
      switch event {
      case .started, .prompt: break
      case .text(let piece):
        text += piece.text
        tokens += piece.tokens
      case .reasoning(let more): reasoning += more
      case .toolCall(let piece):
        // Indices come from providers: what does not follow on is another call, not a gap.
        if piece.index >= 0, piece.index < calls.count {
          calls[piece.index].arguments += piece.arguments
          if let name = piece.name, calls[piece.index].name.isEmpty { calls[piece.index].name = name }
        } else {
          calls.append(
            ToolCall(
              id: piece.id ?? RequestIdentifier.make("call_"), name: piece.name ?? "", arguments: piece.arguments))
        }
      case .finished(let completion): reason = completion.reason
      }
    }
  }

  // MARK: whole answers

  func whole(model: String, _ choices: [Choice], hasLogprobs: Bool, usage: Usage, timings: Timings?) -> [UInt8] {
    var json = JSONText(capacity: 768 + choices.reduce(0) { $0 + $1.text.utf8.count })
    head(&json, "chat.completion", model)
    json.raw(",\"choices\":")
    json.array(choices.enumerated()) { json, choice in
      json.raw("{\"index\":")
      json.integer(choice.offset)
      json.raw(",\"message\":")
      message(&json, choice.element)
      json.raw(",\"logprobs\":")
      if hasLogprobs { logprobs(&json, choice.element.tokens) } else { json.raw("null") }
      json.raw(",\"finish_reason\":")
      json.string(choice.element.reason.rawValue)
      json.raw("}")
    }
    json.raw(",\"usage\":")
    UsageWriter.write(usage, into: &json)
    if let timings {
      json.raw(",\"timings\":")
      UsageWriter.write(timings, usage, into: &json)
    }
    json.raw(",\"service_tier\":\"default\",\"system_fingerprint\":null}")
    return json.bytes
  }

  private func message(_ json: inout JSONText, _ choice: Choice) {
    json.raw("{\"role\":\"assistant\",\"content\":")
    if choice.text.isEmpty, !choice.calls.isEmpty { json.raw("null") } else { json.string(choice.text) }
    json.raw(",\"refusal\":null")
    if !choice.reasoning.isEmpty {
      json.raw(",\"reasoning_content\":")
      json.string(choice.reasoning)
    }
    if !choice.calls.isEmpty {
      json.raw(",\"tool_calls\":")
      json.array(choice.calls) { json, call in
        json.raw("{\"id\":")
        json.string(call.id)
        json.raw(",\"type\":\"function\",\"function\":{\"name\":")
        json.string(call.name)
        json.raw(",\"arguments\":")
        json.string(call.arguments)
        json.raw("}}")
      }
    }
    json.raw("}")
  }

  private func head(_ json: inout JSONText, _ object: StaticString, _ model: String) {
    json.raw("{\"id\":\"")
    json.raw(Array(id.utf8))
    json.raw("\",\"object\":\"")
    json.raw(object)
    json.raw("\",\"created\":")
    json.integer(created)
    json.raw(",\"model\":")
    json.string(model)
  }

  private func logprobs(_ json: inout JSONText, _ tokens: [TokenLogprob]) {
    json.raw("{\"content\":")
    LogprobWriter.write(tokens, into: &json)
    json.raw(",\"refusal\":null}")
  }

  // MARK: chunks

  /// What a choice's chunks have in common.
  struct Chunks {
    let writer: ChatWriter
    let index: Int
    let hasLogprobs: Bool
    private var prefix: [UInt8] = []
    private var calls = 0
    private var sentRole: Bool

    /// - Parameter sentRole: whether the client has been told that it is the assistant who answers.
    init(_ writer: ChatWriter, index: Int, hasLogprobs: Bool, sentRole: Bool = false) {
      self.sentRole = sentRole
      self.writer = writer
      self.index = index
      self.hasLogprobs = hasLogprobs
    }

    /// Appends the server-sent events for one event of the answer.
    mutating func add(_ event: GenerationEvent, into output: inout JSONText) {
      switch event {
      case .started(let start):
        var json = JSONText(capacity: 192)
        json.raw("data: ")
        writer.head(&json, "chat.completion.chunk", start.model)
        json.raw(",\"service_tier\":\"default\",\"system_fingerprint\":null,\"choices\":[{\"index\":")
        json.integer(index)
        json.raw(",\"delta\":")
        prefix = json.bytes
        role(into: &output)
      case .prompt: break
      case .text(let piece):
        role(into: &output)
        guard !piece.text.isEmpty || (hasLogprobs && !piece.tokens.isEmpty) else { return }
        output.raw(prefix)
        output.raw("{\"content\":")
        output.string(piece.text)
        output.raw("}")
        tail(piece.tokens, nil, into: &output)
      case .reasoning(let text):
        role(into: &output)
        output.raw(prefix)
        output.raw("{\"reasoning_content\":")
        output.string(text)
        output.raw("}")
        tail([], nil, into: &output)
      case .toolCall(let piece):
        role(into: &output)
        output.raw(prefix)
        call(piece, into: &output)
        tail([], nil, into: &output)
      case .finished(let completion):
        role(into: &output)
        output.raw(prefix)
        output.raw("{}")
        tail([], completion, into: &output)
      }
    }

    private mutating func role(into output: inout JSONText) {
      guard !sentRole else { return }
      sentRole = true
      output.raw(prefix)
      output.raw("{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}")
      tail([], nil, into: &output)
    }

    private mutating func call(_ piece: ToolCallPiece, into output: inout JSONText) {
      // Indices come from providers; the largest one must not overflow.
      let index = min(max(0, piece.index), Int(Int32.max))
      let isFirst = index >= calls
      if isFirst { calls = index + 1 }
      output.raw("{\"tool_calls\":[{\"index\":")
      output.integer(index)
      if isFirst || piece.id != nil {
        output.raw(",\"id\":")
        output.string(piece.id ?? RequestIdentifier.make("call_"))
        output.raw(",\"type\":\"function\"")
      }
      output.raw(",\"function\":{")
      if let name = piece.name {
        output.raw("\"name\":")
        output.string(name)
        output.raw(",")
      }
      output.raw("\"arguments\":")
      output.string(piece.arguments)
      output.raw("}}]}")
    }

    private func tail(_ tokens: [TokenLogprob], _ completion: Completion?, into output: inout JSONText) {
      output.raw(",\"logprobs\":")
      if hasLogprobs, !tokens.isEmpty { writer.logprobs(&output, tokens) } else { output.raw("null") }
      output.raw(",\"finish_reason\":")
      output.string(completion?.reason.rawValue)
      output.raw("}]")
      if writer.includesUsage { output.raw(",\"usage\":null") }
      if let completion, let timings = completion.timings {
        output.raw(",\"timings\":")
        UsageWriter.write(timings, completion.usage, into: &output)
      }
      output.raw("}\n\n")
    }
  }

  /// The chunk without choices that carries the usage of all of them.
  func usageChunk(model: String, _ usage: Usage, into output: inout JSONText) {
    output.raw("data: ")
    head(&output, "chat.completion.chunk", model)
    output.raw(",\"service_tier\":\"default\",\"system_fingerprint\":null,\"choices\":[],\"usage\":")
    UsageWriter.write(usage, into: &output)
    output.raw("}\n\n")
  }
}
