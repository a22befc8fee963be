import ModelInterface

/// Reads the events of one answer out of an API's own language.
protocol AnswerReader: Sendable {
  /// The events of an answer in one piece, without ``GenerationEvent/finished(_:)``.
  ///
  /// - Throws: ``GenerationError`` where an error is reported inside, or it is no answer.
  mutating func read(whole value: JSONValue) throws(GenerationError) -> [GenerationEvent]

  /// The events of a piece of a stream.
  ///
  /// - Throws: ``GenerationError`` where an error is reported inside, or it is no piece of an answer.
  mutating func read(_ event: EventStreamReader.Event) throws(GenerationError) -> [GenerationEvent]

  /// Whether the upstream has said that nothing follows.
  var isDone: Bool { get }

  /// Whether what was read last says what the answer took up to there.
  var tellsUsage: Bool { get }

  /// The last event.
  ///
  /// - Throws: ``GenerationError`` of kind `unavailable` where the answer broke off before its end.
  mutating func finish() throws(GenerationError) -> GenerationEvent
}

extension Usage {
  /// The most tokens that an upstream is believed: more than any context window holds.
  static let believableTokens = 1 << 30

  /// A count of tokens as an upstream reports it: nothing below zero, nothing absurd. What is no whole number is 0, as what is
  /// not reported.
  static func count(_ value: JSONValue?) -> Int {
    guard let number = value?.double, number.isFinite, number == number.rounded() else { return 0 }
    return Int(min(max(number, 0), Double(believableTokens)))
  }

  /// Parts that are not larger than their wholes.
  func consistent() -> Usage {
    var usage = self
    usage.cachedPromptTokens = min(usage.cachedPromptTokens, usage.promptTokens)
    usage.reasoningTokens = min(usage.reasoningTokens, usage.completionTokens)
    return usage
  }
}

extension GenerationEvent {
  /// Whether it carries a part of the answer.
  var isPiece: Bool {
    switch self {
    case .text, .reasoning, .toolCall: true
    case .started, .prompt, .finished: false
    }
  }
}
