import ModelInterface

/// One item of a response's output: a message, a function call, or reasoning.
struct OutputItem: Sendable {
  enum Kind: Sendable, Equatable {
    case message
    case reasoning
    case call(index: Int)
  }

  let kind: Kind
  let id: String
  var text = ""
  var tokens: [TokenLogprob] = []
  var callID = ""
  var name = ""
  var isDone = false

  init(_ kind: Kind) {
    self.kind = kind
    switch kind {
    case .message: id = RequestIdentifier.make("msg_")
    case .reasoning: id = RequestIdentifier.make("rs_")
    case .call: id = RequestIdentifier.make("fc_")
    }
  }

  /// Whether it is a call whose arguments are not whole yet.
  var isPartial: Bool {
    if case .call = kind, !isDone { (try? JSONValue.parse(text)) == nil } else { false }
  }

  /// The item; before it is done, without its contents.
  func write(into json: inout JSONText, isIncomplete: Bool = false) {
    json.raw("{\"id\":")
    json.string(id)
    switch kind {
    case .message:
      json.raw(",\"type\":\"message\",\"role\":\"assistant\",\"content\":[")
      if isDone { part(into: &json) }
      json.raw("]")
    case .reasoning:
      json.raw(",\"type\":\"reasoning\",\"summary\":[],\"content\":[")
      if isDone { part(into: &json) }
      json.raw("]")
    case .call:
      json.raw(",\"type\":\"function_call\",\"call_id\":")
      json.string(callID)
      json.raw(",\"name\":")
      json.string(name)
      json.raw(",\"arguments\":")
      json.string(isDone ? text : "")
    }
    json.raw(",\"status\":")
    json.string(isDone ? (isIncomplete ? "incomplete" : "completed") : "in_progress")
    json.raw("}")
  }

  /// The part that holds the text.
  func part(into json: inout JSONText, isEmpty: Bool = false) {
    if kind == .reasoning {
      json.raw("{\"type\":\"reasoning_text\",\"text\":")
      json.string(isEmpty ? "" : text)
    } else {
      json.raw("{\"type\":\"output_text\",\"text\":")
      json.string(isEmpty ? "" : text)
      json.raw(",\"annotations\":[],\"logprobs\":")
      LogprobWriter.write(isEmpty ? [] : tokens, into: &json)
    }
    json.raw("}")
  }
}
