import ModelInterface
import Telemetry

/// Puts a response together from the events of an answer and, where it is streamed, writes the server-sent events of
/// the Responses API on the way, numbered in sequence.
struct ResponseAssembly {
  let id = RequestIdentifier.make("resp_")
  private let created = WallClock.seconds
  private let echo: JSONObject
  private let isStreamed: Bool
  private let hasLogprobs: Bool
  private var model: String
  private var items: [OutputItem] = []
  private var sequence = 0
  private var completion: Completion?

  init(_ request: ResponsesRequest) {
    echo = request.echo
    isStreamed = request.isStreamed
    hasLogprobs = request.generation.logprobs != nil
    model = request.generation.model
  }

  // MARK: events

  mutating func add(_ event: GenerationEvent, into output: inout JSONText) {
    switch event {
    case .started(let start):
      model = start.model
      for name in ["response.created", "response.in_progress"] as [StaticString] {
        self.event(name, into: &output) { json, assembly in
          json.raw(",\"response\":")
          assembly.write(into: &json, isOver: false)
        }
      }
    case .prompt: break
    case .reasoning(let text):
      add(text, to: open(.reasoning, into: &output), "response.reasoning_text.delta", into: &output)
    case .text(let piece):
      guard !piece.text.isEmpty || !piece.tokens.isEmpty else { return }
      let place = open(.message, into: &output)
      if hasLogprobs { items[place].tokens += piece.tokens }
      add(
        piece.text, to: place, "response.output_text.delta", hasLogprobs ? piece.tokens : [], into: &output)
    case .toolCall(let piece):
      let place = open(.call(index: piece.index), piece, into: &output)
      if items[place].name.isEmpty, let name = piece.name { items[place].name = name }
      guard !piece.arguments.isEmpty else { return }
      add(piece.arguments, to: place, "response.function_call_arguments.delta", into: &output)
    case .finished(let completion):
      if items.isEmpty { _ = open(.message, into: &output) }
      for place in items.indices { close(place, into: &output) }
      self.completion = completion
      let name: StaticString = isIncomplete ? "response.incomplete" : "response.completed"
      self.event(name, into: &output) { json, assembly in
        json.raw(",\"response\":")
        assembly.write(into: &json, isOver: true)
      }
    }
  }

  private var isIncomplete: Bool {
    completion?.reason == .length || completion?.reason == .contentFilter
  }

  /// The item that a piece of that kind belongs to; it begins one where there is none. Several calls may be written by turns,
  /// so one stays open until its arguments are whole; anything else is over when something else begins.
  private mutating func open(
    _ kind: OutputItem.Kind, _ piece: ToolCallPiece? = nil, into output: inout JSONText
  ) -> Int {
    if let current = items.last, current.kind == kind, !current.isDone { return items.count - 1 }
    if piece != nil, let place = items.firstIndex(where: { $0.kind == kind }) { return place }
    for place in items.indices where !items[place].isPartial { close(place, into: &output) }
    let place = items.count
    var item = OutputItem(kind)
    if let piece {
      item.callID = piece.id ?? RequestIdentifier.make("call_")
      item.name = piece.name ?? ""
    }
    items.append(item)
    event("response.output_item.added", into: &output) { json, assembly in
      assembly.write(place, into: &json, hasItem: false)
      json.raw(",\"item\":")
      item.write(into: &json)
    }
    guard piece == nil else { return place }
    event("response.content_part.added", into: &output) { json, assembly in
      assembly.write(place, into: &json)
      json.raw(",\"content_index\":0,\"part\":")
      item.part(into: &json, isEmpty: true)
    }
    return place
  }

  private mutating func close(_ place: Int, into output: inout JSONText) {
    guard !items[place].isDone else { return }
    items[place].isDone = true
    let item = items[place]
    switch item.kind {
    case .call:
      event("response.function_call_arguments.done", into: &output) { json, assembly in
        assembly.write(place, into: &json)
        json.raw(",\"name\":")
        json.string(item.name)
        json.raw(",\"arguments\":")
        json.string(item.text)
      }
    case .message, .reasoning:
      let isMessage = item.kind == .message
      event(isMessage ? "response.output_text.done" : "response.reasoning_text.done", into: &output) { json, assembly in
        assembly.write(place, into: &json)
        json.raw(",\"content_index\":0,\"text\":")
        json.string(item.text)
        if isMessage {
          json.raw(",\"logprobs\":")
          LogprobWriter.write(item.tokens, into: &json)
        }
      }
      event("response.content_part.done", into: &output) { json, assembly in
        assembly.write(place, into: &json)
        json.raw(",\"content_index\":0,\"part\":")
        item.part(into: &json)
      }
    }
    event("response.output_item.done", into: &output) { json, assembly in
      assembly.write(place, into: &json, hasItem: false)
      json.raw(",\"item\":")
      item.write(into: &json)
    }
  }

  private mutating func add(
    _ text: String, to place: Int, _ name: StaticString, _ tokens: [TokenLogprob] = [], into output: inout JSONText
  ) {
    items[place].text += text
    guard isStreamed, !items[place].isDone else { return }
    let item = items[place]
    event(name, into: &output) { json, assembly in
      assembly.write(place, into: &json)
      if case .call = item.kind {} else { json.raw(",\"content_index\":0") }
      json.raw(",\"delta\":")
      json.string(text)
      if item.kind == .message {
        json.raw(",\"logprobs\":")
        LogprobWriter.write(tokens, into: &json)
      }
    }
  }

  private func write(_ place: Int, into json: inout JSONText, hasItem: Bool = true) {
    json.raw(",\"output_index\":")
    json.integer(place)
    if hasItem {
      json.raw(",\"item_id\":")
      json.string(items[place].id)
    }
  }

  private mutating func event(
    _ name: StaticString, into output: inout JSONText, _ body: (inout JSONText, ResponseAssembly) -> Void
  ) {
    guard isStreamed else { return }
    output.raw("event: ")
    output.raw(name)
    output.raw("\ndata: {\"type\":\"")
    output.raw(name)
    output.raw("\",\"sequence_number\":")
    output.integer(sequence)
    sequence += 1
    body(&output, self)
    output.raw("}\n\n")
  }

  /// The event that ends a stream which cannot be completed, with the response as far as it came.
  mutating func failure(_ error: APIError, into output: inout JSONText) {
    event("response.failed", into: &output) { json, assembly in
      json.raw(",\"response\":")
      assembly.write(into: &json, isOver: true, failure: error)
    }
  }

  // MARK: the response

  /// The response as it is now.
  func write(into json: inout JSONText, isOver: Bool, failure: APIError? = nil) {
    json.raw("{\"id\":")
    json.string(id)
    json.raw(",\"object\":\"response\",\"created_at\":")
    json.integer(created)
    json.raw(",\"status\":")
    json.string(failure != nil ? "failed" : isOver ? (isIncomplete ? "incomplete" : "completed") : "in_progress")
    json.raw(",\"error\":")
    if let failure {
      json.raw("{\"code\":")
      json.string(failure.code ?? "server_error")
      json.raw(",\"message\":")
      json.string(failure.message)
      json.raw("}")
    } else {
      json.raw("null")
    }
    json.raw(",\"incomplete_details\":")
    if isOver, isIncomplete {
      json.raw("{\"reason\":")
      json.string(completion?.reason == .length ? "max_output_tokens" : "content_filter")
      json.raw("}")
    } else {
      json.raw("null")
    }
    json.raw(",\"model\":")
    json.string(model)
    json.raw(",\"output\":")
    json.array(isOver ? items : []) { json, item in
      item.write(into: &json, isIncomplete: isIncomplete && item.id == items.last?.id)
    }
    for (name, value) in echo.members {
      json.raw(",")
      json.string(name)
      json.raw(":")
      json.value(value)
    }
    json.raw(",\"usage\":")
    if isOver, let usage = completion?.usage { Self.usage(usage, into: &json) } else { json.raw("null") }
    if isOver, let completion, let timings = completion.timings {
      json.raw(",\"timings\":")
      UsageWriter.write(timings, completion.usage, into: &json)
    }
    json.raw("}")
  }

  private static func usage(_ usage: Usage, into json: inout JSONText) {
    json.raw("{\"input_tokens\":")
    json.integer(usage.promptTokens)
    json.raw(",\"input_tokens_details\":{\"cached_tokens\":")
    json.integer(usage.cachedPromptTokens)
    json.raw(",\"cache_write_tokens\":0},\"output_tokens\":")
    json.integer(usage.completionTokens)
    json.raw(",\"output_tokens_details\":{\"reasoning_tokens\":")
    json.integer(usage.reasoningTokens)
    json.raw("},\"total_tokens\":")
    json.integer(usage.totalTokens)
    json.raw("}")
  }

  /// What the assistant said, as the next turn of the conversation.
  var turn: Message {
    let text = items.filter { $0.kind == .message }.map(\.text).joined()
    let calls = items.compactMap { item in
      if case .call = item.kind { ToolCall(id: item.callID, name: item.name, arguments: item.text) } else { nil }
    }
    return Message(role: .assistant, content: text.isEmpty ? [] : [.text(text)], toolCalls: calls)
  }
}
