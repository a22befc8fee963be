import ModelInterface

/// Turns a model's tokens into the events of an answer: whole characters, no stop sequences, reasoning and function calls
/// apart from the text.
struct AnswerText {
  /// How an answer is to be read.
  struct Reading {
    var stops: [String] = []
    /// Whether the answer may hold a block of reasoning.
    var hasReasoning = false
    /// Whether the prompt has opened that block already.
    var isReasoningOpen = false
    /// How the model writes function calls; nil where none are expected.
    var toolCalls: ToolCallReader?
  }

  private struct Report {
    var token: TokenLogprob
    /// Bytes of the answer up to the token's start and end.
    var start: Int
    var end: Int
  }

  private let stops: [String]
  private var characters = UTF8Assembler()
  private var matcher: StopMatcher
  private var reasoning: ReasoningSplitter?
  private var tools: ToolCallReader?
  private var reports: [Report] = []
  private var received = 0
  private var released = 0
  /// Tokens of the reasoning so far.
  private(set) var reasoningTokens = 0
  /// The stop sequence that was met.
  private(set) var stopSequence: String?

  init(_ reading: Reading) {
    stops = reading.stops.filter { !$0.isEmpty }
    matcher = StopMatcher(reading.stops)
    reasoning = reading.hasReasoning ? ReasoningSplitter(isOpen: reading.isReasoningOpen) : nil
    tools = reading.toolCalls
  }

  /// Whether the answer calls functions; not where it was cut off in its first call.
  var hasToolCalls: Bool { (tools?.callCount ?? 0) > 0 && tools?.isCutOff == false }

  /// Whether the answer has begun to call functions as it did before.
  var repeatsCall: Bool { tools?.isRepeating ?? false }

  /// Takes a token. When ``stopSequence`` is set or ``repeatsCall`` holds afterwards, the answer is over.
  mutating func append(_ bytes: [UInt8], report: TokenLogprob?) -> [GenerationEvent] {
    if reasoning?.isReasoning == true { reasoningTokens += 1 }
    if let report { reports.append(Report(token: report, start: received, end: received + bytes.count)) }
    received += bytes.count
    let whole = characters.append(bytes)
    let (text, stop) = matcher.append(whole)
    released += text.count
    if let stop {
      stopSequence = stops[stop]
      reports.removeAll { $0.start >= released }
      return events(text, isLast: true)
    }
    return events(text, isLast: false)
  }

  /// What is left when no more tokens come.
  mutating func finish() -> [GenerationEvent] {
    guard stopSequence == nil else { return [] }
    var (text, stop) = matcher.append(characters.finish())
    if let stop { stopSequence = stops[stop] } else { text += matcher.finish() }
    released = received
    return events(text, isLast: true)
  }

  private mutating func events(_ text: [UInt8], isLast: Bool) -> [GenerationEvent] {
    var parts: [ReasoningSplitter.Part] = []
    if reasoning == nil {
      if !text.isEmpty { parts = [.answer(text)] }
    } else {
      parts = reasoning?.append(text) ?? []
      if isLast { parts += reasoning?.finish() ?? [] }
    }
    var events: [GenerationEvent] = []
    var answer: [UInt8] = []
    for part in parts {
      switch part {
      case .reasoning(let bytes): events.append(.reasoning(String(decoding: bytes, as: UTF8.self)))
      case .answer(let bytes): answer += bytes
      }
    }
    var calls: [GenerationEvent] = []
    if tools != nil {
      let read = tools?.append(answer, isLast: isLast)
      answer = read?.text ?? []
      calls = read?.events ?? []
    }
    let ready = isLast ? reports.count : reports.prefix { $0.end <= released }.count
    if !answer.isEmpty || ready > 0 {
      let tokens = reports.prefix(ready).map(\.token)
      reports.removeFirst(ready)
      events.append(.text(TextPiece(String(decoding: answer, as: UTF8.self), tokens: tokens)))
    }
    return events + calls
  }
}
