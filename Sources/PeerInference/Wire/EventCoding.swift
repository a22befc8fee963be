internal import Content
internal import ModelInterface

/// Events of an answer as DAG-CBOR lists whose first element says what they are.
enum EventCoding {
  static func node(_ event: GenerationEvent) -> Node? {
    switch event {
    case .text(let piece):
      piece.tokens.isEmpty
        ? .list([.string("x"), .string(piece.text)])
        : .list([.string("x"), .string(piece.text), .list(piece.tokens.map(node))])
    case .reasoning(let text): .list([.string("r"), .string(text)])
    case .prompt(let tokens): .list([.string("p"), .list(tokens.map(node))])
    case .toolCall(let call):
      .list([
        .string("c"), .int(call.index), call.id.map { .string($0) } ?? .null, call.name.map { .string($0) } ?? .null,
        .string(call.arguments),
      ])
    case .started, .finished: nil
    }
  }

  static func event(_ node: Node) throws(GenerationError) -> GenerationEvent {
    guard let list = node.listValue, let kind = list.first?.stringValue else { throw fault }
    switch (kind, list.count) {
    case ("x", 2...3):
      guard let text = list[1].stringValue else { throw fault }
      return .text(TextPiece(text, tokens: list.count == 3 ? try tokens(list[2]) : []))
    case ("r", 2):
      guard let text = list[1].stringValue else { throw fault }
      return .reasoning(text)
    case ("p", 2): return .prompt(try tokens(list[1]))
    case ("c", 5):
      guard let index = list[1].intValue, let arguments = list[4].stringValue else { throw fault }
      return .toolCall(
        ToolCallPiece(index: index, id: list[2].stringValue, name: list[3].stringValue, arguments: arguments))
    default: throw fault
    }
  }

  private static let fault = GenerationError(.unavailable, "a peer sent an event that cannot be read")
  /// The most alternatives that come with a token.
  static let maximumAlternatives = 128
  /// The most tokens that a peer may say an answer took.
  private static let maximumTokens = 1 << 40

  private static func node(_ token: TokenLogprob) -> Node {
    let chosen: [Node] = [
      .int(Int(token.chosen.token)), logprob(token.chosen.logprob), .bytes(token.chosen.bytes),
    ]
    guard !token.alternatives.isEmpty else { return .list(chosen) }
    return .list(
      chosen + [
        .list(token.alternatives.map { .list([.int(Int($0.token)), logprob($0.logprob), .bytes($0.bytes)]) })
      ])
  }

  /// Unknown and impossible are told apart from numbers: DAG-CBOR has only finite floats.
  private static func logprob(_ value: Float) -> Node {
    value.isNaN ? .null : .float(finite(value))
  }

  /// The logarithm of a probability as DAG-CBOR can hold it.
  static func finite(_ logprob: Float) -> Double { Double(max(-1e30, min(logprob, 1e30))) }

  private static func tokens(_ node: Node) throws(GenerationError) -> [TokenLogprob] {
    guard let list = node.listValue else { throw fault }
    var tokens: [TokenLogprob] = []
    tokens.reserveCapacity(list.count)
    for element in list {
      guard let parts = element.listValue, parts.count >= 3 else { throw fault }
      var alternatives: [TokenLogprob.Candidate] = []
      if parts.count > 3 {
        guard let others = parts[3].listValue, others.count <= maximumAlternatives else { throw fault }
        for other in others { alternatives.append(try candidate(other.listValue ?? [])) }
      }
      tokens.append(TokenLogprob(chosen: try candidate(parts), alternatives: alternatives))
    }
    return tokens
  }

  private static func candidate(_ parts: [Node]) throws(GenerationError) -> TokenLogprob.Candidate {
    guard parts.count >= 3, let token = parts[0].intValue.flatMap({ TokenID(exactly: $0) }),
      let bytes = parts[2].bytesValue
    else { throw fault }
    return .init(token: token, bytes: bytes, logprob: parts[1].doubleValue.map { Float($0) } ?? .nan)
  }

  static func node(_ completion: Completion) -> Node {
    let usage = completion.usage
    var map: [String: Node] = [
      "reason": .string(completion.reason.rawValue), "prompt": .int(usage.promptTokens),
      "cached": .int(usage.cachedPromptTokens), "completion": .int(usage.completionTokens),
      "reasoning": .int(usage.reasoningTokens),
    ]
    if let stop = completion.stopSequence { map["stop"] = .string(stop) }
    if let timings = completion.timings {
      map["times"] = .list([timings.queued, timings.prefill, timings.decode].map { .int(max(0, $0.microseconds)) })
    }
    return .map(map)
  }

  static func completion(_ node: Node) throws(GenerationError) -> Completion {
    /// A number of tokens, within bounds in which sums of them hold.
    func tokenCount(_ name: String) throws(GenerationError) -> Int? {
      guard let count = node[name]?.intValue else { return nil }
      guard (0...maximumTokens).contains(count) else { throw fault }
      return count
    }
    guard let reason = node["reason"]?.stringValue.flatMap(Completion.Reason.init(rawValue:)),
      let prompt = try tokenCount("prompt"), let written = try tokenCount("completion")
    else { throw fault }
    let usage = Usage(
      promptTokens: prompt, cachedPromptTokens: try tokenCount("cached") ?? 0, completionTokens: written,
      reasoningTokens: try tokenCount("reasoning") ?? 0)
    var timings: Timings?
    if let times = node["times"]?.listValue?.compactMap(\.intValue), times.count == 3 {
      let parts = times.map { Duration.microseconds(max(0, min($0, 1 << 50))) }
      timings = Timings(queued: parts[0], prefill: parts[1], decode: parts[2])
    }
    return Completion(reason: reason, stopSequence: node["stop"]?.stringValue, usage: usage, timings: timings)
  }

  static func node(_ error: GenerationError) -> [String: Node] {
    var map: [String: Node] = ["message": .string(String(error.message.prefix(2_000)))]
    switch error.kind {
    case .invalidRequest(let parameter):
      map["kind"] = .string("invalid")
      if let parameter { map["parameter"] = .string(parameter) }
    case .modelNotFound: map["kind"] = .string("no-model")
    case .contextLengthExceeded(let limit, let requested):
      map["kind"] = .string("context")
      map["limit"] = .int(limit)
      map["requested"] = .int(requested)
    case .overloaded(let retryAfter):
      map["kind"] = .string("overloaded")
      map["retry"] = .int(max(0, retryAfter.microseconds / 1_000))
    case .timedOut: map["kind"] = .string("timed-out")
    default: map["kind"] = .string("unavailable")
    }
    return map
  }

  static func error(_ node: Node) -> GenerationError {
    let message = node["message"]?.stringValue ?? "a peer gave no reason"
    let kind: GenerationError.Kind =
      switch node["kind"]?.stringValue {
      case "invalid": .invalidRequest(parameter: node["parameter"]?.stringValue)
      case "no-model": .modelNotFound
      case "context":
        .contextLengthExceeded(limit: node["limit"]?.intValue ?? 0, requested: node["requested"]?.intValue ?? 0)
      case "overloaded":
        .overloaded(retryAfter: .milliseconds(max(0, min(node["retry"]?.intValue ?? 1_000, 3_600_000))))
      case "timed-out": .timedOut
      default: .unavailable
      }
    return GenerationError(kind, message)
  }
}

extension Duration {
  /// Whole microseconds.
  var microseconds: Int {
    Int(components.seconds) * 1_000_000 + Int(components.attoseconds / 1_000_000_000_000)
  }

  /// Seconds with fractions.
  var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
