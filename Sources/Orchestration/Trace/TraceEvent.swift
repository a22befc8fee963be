package import ModelInterface

/// Something that happened while a virtual model answered.
package struct TraceEvent: Sendable, Equatable {
  /// What a call of a member was for.
  package enum Role: String, Sendable, Equatable, CaseIterable {
    case answer, sample, proposal, aggregate, judge, compare, escalate, step, split, part, combine
  }

  /// How a call ended.
  package enum Outcome: String, Sendable, Equatable, CaseIterable {
    case finished, failed, cancelled
    /// Its time was over.
    case late
  }

  /// How a call went.
  package struct StepEnd: Sendable, Equatable {
    /// The step's number.
    package var step: Int
    /// How it ended.
    package var outcome: Outcome
    /// The provider that ran it; nil where none began.
    package var provider: String?
    /// What it took: as reported, or where it did not finish, the pieces that were seen.
    package var usage: Usage
    /// Whether ``usage`` is what the provider reported.
    package var isExact: Bool
    /// What it cost, in 10^-12 of the currency; nil where no price is known.
    package var cost: Int128?
    /// The beginning of what it wrote.
    package var preview: String
    /// The mean log-probability of its tokens, where they were reported.
    package var meanLogprob: Double?
    /// Why it ended, in the API's word; nil where it did not finish.
    package var reason: Completion.Reason?
    /// What went wrong; nil where nothing did.
    package var error: String?
    /// The trace of the virtual model that was called; nil where it was none.
    package var trace: String?
  }

  /// What was made of answers.
  package struct Verdict: Sendable, Equatable {
    /// What was looked at, such as `mean-logprob` or `agreement`.
    package var check: String
    /// Whether it was good enough.
    package var holds: Bool
    /// What was measured; nil where nothing could be.
    package var value: Double?
    /// What was asked for.
    package var threshold: Double?
    /// The steps that it is about.
    package var steps: [Int]
    /// In words.
    package var note: String?

    /// A verdict.
    package init(
      _ check: String, holds: Bool, value: Double? = nil, threshold: Double? = nil, steps: [Int], note: String? = nil
    ) {
      self.check = check
      self.holds = holds
      self.value = value
      self.threshold = threshold
      self.steps = steps
      self.note = note
    }
  }

  /// What happened.
  package enum Body: Sendable, Equatable {
    /// The beginning, with the beginning of the question.
    case began(question: String)
    /// A member is called.
    case stepBegan(step: Int, role: Role, model: String, label: String)
    /// The call is over.
    case stepFinished(StepEnd)
    /// Answers were judged.
    case verdict(Verdict)
    /// The answer is complete: the steps that it was taken from, and the sum of all calls.
    case finished(chosen: [Int], usage: Usage, cost: Int128?)
    /// There is no answer.
    case failed(error: String, usage: Usage, cost: Int128?)
  }

  /// From 0, without gaps.
  package var number: Int
  /// Milliseconds since the beginning.
  package var time: Int
  /// What happened.
  package var body: Body

  /// An event.
  package init(number: Int, time: Int, body: Body) {
    self.number = number
    self.time = time
    self.body = body
  }

  /// Whether nothing comes after it.
  package var isLast: Bool {
    switch body {
    case .finished, .failed: true
    default: false
    }
  }

  /// Bytes that it takes in memory, roughly.
  var size: Int {
    switch body {
    case .began(let question): 96 + question.utf8.count
    case .stepBegan(_, _, let model, let label): 128 + model.utf8.count + label.utf8.count
    case .stepFinished(let end): 320 + end.preview.utf8.count + (end.error?.utf8.count ?? 0)
    case .verdict(let verdict): 192 + (verdict.note?.utf8.count ?? 0) + verdict.steps.count * 8
    case .finished, .failed: 192
    }
  }
}

extension TraceEvent {
  /// The event as the API spells it.
  package var json: JSONValue {
    var object: JSONObject = ["number": .integer(number), "time_ms": .integer(time)]
    switch body {
    case .began(let question):
      object["type"] = "began"
      object["question"] = .string(question)
    case .stepBegan(let step, let role, let model, let label):
      object["type"] = "step.began"
      object["step"] = .integer(step)
      object["role"] = .string(role.rawValue)
      object["model"] = .string(model)
      object["label"] = .string(label)
    case .stepFinished(let end): Self.add(end, to: &object)
    case .verdict(let verdict): Self.add(verdict, to: &object)
    case .finished(let chosen, let usage, let cost):
      object["type"] = "finished"
      object["chosen"] = .array(chosen.map { .integer($0) })
      object["usage"] = Self.json(usage)
      object["cost"] = Self.json(cost)
    case .failed(let error, let usage, let cost):
      object["type"] = "failed"
      object["error"] = .string(error)
      object["usage"] = Self.json(usage)
      object["cost"] = Self.json(cost)
    }
    return .object(object)
  }

  private static func add(_ end: StepEnd, to object: inout JSONObject) {
    object["type"] = "step.finished"
    object["step"] = .integer(end.step)
    object["outcome"] = .string(end.outcome.rawValue)
    object["provider"] = end.provider.map { .string($0) } ?? .null
    object["usage"] = json(end.usage)
    object["exact"] = .bool(end.isExact)
    object["cost"] = json(end.cost)
    object["preview"] = .string(end.preview)
    object["mean_logprob"] = end.meanLogprob.map { .double($0) } ?? .null
    object["finish_reason"] = end.reason.map { .string($0.rawValue) } ?? .null
    object["error"] = end.error.map { .string($0) } ?? .null
    if let trace = end.trace { object["orchestration"] = .string(trace) }
  }

  private static func add(_ verdict: Verdict, to object: inout JSONObject) {
    object["type"] = "verdict"
    object["check"] = .string(verdict.check)
    object["holds"] = .bool(verdict.holds)
    object["value"] = verdict.value.map { .double($0) } ?? .null
    object["threshold"] = verdict.threshold.map { .double($0) } ?? .null
    object["steps"] = .array(verdict.steps.map { .integer($0) })
    if let note = verdict.note { object["note"] = .string(note) }
  }

  static func json(_ usage: Usage) -> JSONValue {
    [
      "prompt_tokens": .integer(usage.promptTokens), "cached_tokens": .integer(usage.cachedPromptTokens),
      "completion_tokens": .integer(usage.completionTokens), "reasoning_tokens": .integer(usage.reasoningTokens),
    ]
  }

  /// An amount as decimal text, exact.
  static func json(_ pico: Int128?) -> JSONValue {
    guard let pico else { return .null }
    let magnitude = pico.magnitude
    var decimals = String(magnitude % 1_000_000_000_000)
    decimals = String(repeating: "0", count: 12 - decimals.count) + decimals
    while decimals.count > 2, decimals.hasSuffix("0") { decimals.removeLast() }
    return .string((pico < 0 ? "-" : "") + "\(magnitude / 1_000_000_000_000).\(decimals)")
  }
}
