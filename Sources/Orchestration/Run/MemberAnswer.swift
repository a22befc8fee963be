import ModelInterface

/// What a member answered, complete.
struct MemberAnswer: Sendable {
  /// The step that it was given in.
  var step: Int
  /// The member.
  var model: String
  /// Its text.
  var text: String
  /// Its function calls.
  var calls: [ToolCall]
  /// The pieces of text, reasoning and calls as they came, to be passed on.
  var pieces: [GenerationEvent]
  /// How it ended and what it took.
  var completion: Completion
  /// The mean log-probability of its tokens; nil where none were reported.
  var meanLogprob: Double?

  /// The geometric mean of its tokens' probabilities, in 0…1; nil where none were reported.
  var confidence: Double? { meanLogprob.map(exponential) }

  /// What it says, for a judge or a later step.
  var words: String {
    calls.isEmpty
      ? text
      : ([text] + calls.map { "calls \($0.name)(\($0.arguments))" }).filter { !$0.isEmpty }.joined(separator: "\n")
  }
}

/// Gathers a member's answer from its events. Bounded: an answer that grows beyond ``maximumBytes`` is broken off.
struct AnswerGathering: Sendable {
  /// The longest answer, in bytes of text.
  static let maximumBytes = 8 << 20

  /// Whether pieces are kept to be passed on later.
  let keepsPieces: Bool
  private(set) var start: GenerationStart?
  private(set) var completion: Completion?
  private(set) var text = ""
  private(set) var calls: [ToolCall] = []
  private var pieces: [GenerationEvent] = []
  private var bytes = 0
  private var pieceCount = 0
  private var logprobSum = 0.0
  private var logprobCount = 0

  init(keepsPieces: Bool) {
    self.keepsPieces = keepsPieces
  }

  /// What it took as far as is known: as reported, or else the pieces that were seen.
  var usage: Usage { completion?.usage ?? Usage(completionTokens: pieceCount) }

  var meanLogprob: Double? { logprobCount == 0 ? nil : logprobSum / Double(logprobCount) }

  /// Whether anything of the answer itself has come.
  var hasBegun: Bool { pieceCount > 0 }

  /// Takes an event.
  ///
  /// - Throws: ``GenerationError`` where the answer has become too long.
  mutating func add(_ event: GenerationEvent) throws(GenerationError) {
    switch event {
    case .started(let start): self.start = start
    case .prompt: break
    case .text(let piece):
      pieceCount += 1
      bytes += piece.text.utf8.count
      text += piece.text
      for token in piece.tokens where token.chosen.logprob.isFinite {
        logprobSum += Double(token.chosen.logprob)
        logprobCount += 1
      }
      keep(event)
    case .reasoning(let more):
      pieceCount += 1
      bytes += more.utf8.count
      keep(event)
    case .toolCall(let piece):
      pieceCount += 1
      bytes += piece.arguments.utf8.count
      add(piece)
      keep(event)
    case .finished(let completion): self.completion = completion
    }
    guard bytes <= Self.maximumBytes else {
      throw GenerationError(.unavailable, "the answer is longer than \(Self.maximumBytes) bytes, and was broken off")
    }
  }

  private mutating func keep(_ event: GenerationEvent) {
    if keepsPieces { pieces.append(event) }
  }

  private mutating func add(_ piece: ToolCallPiece) {
    // Indices come from providers: what does not follow on is another call, not a gap.
    if piece.index >= 0, piece.index < calls.count {
      calls[piece.index].arguments += piece.arguments
    } else {
      calls.append(
        ToolCall(id: piece.id ?? "call_\(calls.count)", name: piece.name ?? "", arguments: piece.arguments))
    }
  }

  /// The whole answer; nil where it has not finished.
  func answer(step: Int, model: String) -> MemberAnswer? {
    completion.map {
      MemberAnswer(
        step: step, model: model, text: text, calls: calls, pieces: pieces, completion: $0, meanLogprob: meanLogprob)
    }
  }
}

/// e to the power of x, for x ≤ 0 as log-probabilities are; by halving the argument and Taylor's series, because the
/// standard library has no exponential function and this room imports no other.
func exponential(_ x: Double) -> Double {
  guard x.isFinite else { return x < 0 ? 0 : .infinity }
  guard x > -745 else { return 0 }
  let halvings = max(0, Int(x.magnitude.exponent) + 4)
  let small = x / Double(sign: .plus, exponent: halvings, significand: 1)
  var (sum, term) = (1.0, 1.0)
  for index in 1...12 {
    term *= small / Double(index)
    sum += term
  }
  for _ in 0..<halvings { sum *= sum }
  return sum
}
