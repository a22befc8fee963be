package import ModelInterface
import Sandbox

/// EG-CFG over a model that is reached by requests, such as an upstream API.
///
/// Distributions come as the likeliest tokens with their log-probabilities, renormalised over those that either prompt
/// names; at γ = 1, where the traced prompt alone decides, a whole line is asked for in one request.
package final class UpstreamSearch {
  private let task: CodeTask
  private let settings: CodeSettings
  private let provider: any ModelProvider
  private let model: String
  private let context: RequestContext
  private let runner: any CodeRunner
  private let clock: () -> Double
  private let isHurried: () -> Bool
  private let report: (CodeEvent) async -> Void
  private var generated = 0
  private var read = 0
  private var attempts = 0
  private var began = 0.0

  /// Whether the time is over.
  private var isLate: Bool { isHurried() || clock() - began >= settings.budgetSeconds }

  /// Tokens that may still be generated.
  private var left: Int { settings.budgetTokens - generated }

  /// Alternatives that are asked for: as many as OpenAI's API gives.
  private static let alternatives = 20
  /// The most attempts, where the budget does not end them before.
  private static let mostAttempts = 64
  /// The most tokens of a line.
  private static let lineTokens = 64

  /// A search.
  ///
  /// - Parameter isHurried: whether it is to end with what it has found, as if its time were over.
  package init(
    _ task: CodeTask, settings: CodeSettings, provider: any ModelProvider, model: String, context: RequestContext,
    runner: any CodeRunner, isHurried: @escaping () -> Bool = { false }, clock: @escaping () -> Double,
    report: @escaping (CodeEvent) async -> Void = { _ in }
  ) {
    self.task = task
    self.settings = settings
    self.provider = provider
    self.model = model
    self.context = context
    self.runner = runner
    self.clock = clock
    self.isHurried = isHurried
    self.report = report
  }

  /// Searches until a program passes or the budget is used up.
  ///
  /// - Throws: ``GenerationError``, `SandboxError`, or `CancellationError`.
  package func run() async throws -> CodeResult {
    began = clock()
    var tests = task.tests
    if tests.isEmpty, settings.extensions.derivesTests, let function = task.entryPoint {
      tests = DocstringTests.find(in: task.opening + "\n" + task.instruction, function: function)
    }
    let assessor = try await Assessor(task, tests: tests, runner: runner)
    await report(.started(tests: tests, derived: task.tests.isEmpty && !tests.isEmpty))
    var ending: CodeResult.Ending?
    func check() {
      if assessor.candidates.contains(where: \.passes) {
        ending = .passed
      } else if generated >= settings.budgetTokens {
        ending = .tokens
      } else if isLate {
        ending = .seconds
      }
    }
    try await sample("", count: settings.firstWave, lines: nil, attempt: nil, assessor)
    check()
    if !assessor.hasTests { ending = .untested }
    var gammas = Preference(settings.gammas.filter { $0 > 0 })
    while ending == nil, attempts < Self.mostAttempts, let gamma = gammas.next() {
      gammas.begin(gamma)
      attempts += 1
      let before = assessor.candidates.count
      try await attempt(gamma, assessor) {
        check(); return ending != nil
      }
      gammas.reward(gamma, assessor.candidates[before...].map(\.score).max() ?? 0)
      check()
    }
    let candidates = assessor.candidates
    let chosen =
      candidates.first(where: \.passes)
      ?? (assessor.hasTests
        ? candidates.max { $0.score < $1.score }
        : candidates.first { $0.isWhole && $0.runs.allSatisfy { $0.outcome == .completed } } ?? candidates.first)
    return CodeResult(
      program: chosen?.source ?? "", candidate: chosen, passes: chosen?.passes ?? false, tests: tests,
      testsAreDerived: task.tests.isEmpty && !tests.isEmpty, ending: ending ?? .tokens, generatedTokens: generated,
      readTokens: read, executions: assessor.executions, programs: candidates.count, unusable: assessor.unusable,
      duplicates: assessor.duplicates, attempts: attempts, seconds: clock() - began, executionSeconds: 0)
  }

  /// One program, line by line.
  private func attempt(_ gamma: Float, _ assessor: Assessor, isOver: () -> Bool) async throws {
    var code = ""
    let configuration = AttemptConfiguration(
      gamma: gamma, temperature: settings.temperatures.first ?? 0.75, horizon: settings.horizons.first ?? 8,
      candidates: settings.candidates, style: .fewShot)
    await report(.attempt(id: attempts, configuration: configuration, code: "", parent: nil))
    for _ in 0..<settings.guidedLines {
      try Task.checkCancellation()
      try await sample(
        code, count: settings.candidates, lines: configuration.horizon, attempt: attempts, assessor)
      if isOver() { break }
      let shown = assessor.candidates.filter { $0.written.hasPrefix(code) }.suffix(settings.candidates)
      let signal = SignalText(
        shown.sorted { $0.source < $1.source }.flatMap { candidate in
          candidate.runs.enumerated().map {
            SignalText.Block($1, source: candidate.source, invocation: assessor.invocation($0))
          }
        }
      ).text
      await report(.signal(attempt: attempts, text: signal, gamma: Double(gamma)))
      guard let line = try await line(code, signal, gamma) else { break }
      code += line
      await report(.token(attempt: attempts, text: line, probability: 1, divergence: 0))
    }
    var draft = CodeDraft(opening: task.opening + code, entryPoint: task.entryPoint)
    draft.end(.endOfAnswer)
    _ = try await assessor.assess([.init(draft: draft, origin: .guided, attempt: attempts)])
    await report(.attemptEnded(id: attempts, reason: "written"))
  }

  /// The next line with its end; nil where the program ends.
  private func line(_ code: String, _ signal: String, _ gamma: Float) async throws -> String? {
    if gamma == 1 || signal.isEmpty {
      guard left > 0 else { return nil }
      let answer = try await ask(
        prompt(signal) + code, tokens: min(Self.lineTokens, left), temperature: 0, stop: ["\n"])
      return answer.text.hasPrefix("```") || (answer.text.isEmpty && answer.isDone) ? nil : answer.text + "\n"
    }
    var line = ""
    for _ in 0..<Self.lineTokens where left >= 2 && !isLate {
      let plain = try await ask(prompt("") + code + line, tokens: 1, temperature: 0, logprobs: Self.alternatives)
      let traced = try await ask(prompt(signal) + code + line, tokens: 1, temperature: 0, logprobs: Self.alternatives)
      guard let token = Self.guided(plain.alternatives, traced.alternatives, gamma) else { break }
      line += token
      if line.hasPrefix("```") { return nil }
      if let end = line.firstIndex(of: "\n") { return String(line[...end]) }
    }
    return line.isEmpty ? nil : line + "\n"
  }

  /// The likeliest token under guidance, over the tokens that either prompt names; nil where there are none.
  ///
  /// What one prompt does not name gets less than the least that it does name.
  static func guided(
    _ plain: [(text: String, logprob: Float)], _ traced: [(text: String, logprob: Float)], _ gamma: Float
  ) -> String? {
    var texts: [String] = []
    for entry in plain + traced where !texts.contains(entry.text) { texts.append(entry.text) }
    guard !texts.isEmpty else { return nil }
    func logits(_ entries: [(text: String, logprob: Float)]) -> [Float] {
      let floor = (entries.map(\.logprob).min() ?? -20) - 2
      return texts.map { text in entries.first { $0.text == text }?.logprob ?? floor }
    }
    let rule = TokenRule.guided(conditional: 1, gamma: gamma)
    return rule.choice(from: logits(plain), conditional: logits(traced)).map { texts[Int($0.token)] }
  }

  /// Draws continuations and runs them.
  private func sample(
    _ code: String, count: Int, lines: Int?, attempt: Int?, _ assessor: Assessor
  ) async throws {
    let text = prompt("") + code
    let temperatures = (0..<count).map { index -> Float in
      attempt == nil ? (index == 0 ? 0 : settings.firstTemperature) : settings.temperatures.first ?? 0.75
    }
    var answers: [Answer] = []
    for temperature in temperatures where left > 0 && !isLate {
      answers.append(
        try await ask(text, tokens: min(settings.programTokens, left), temperature: temperature, stop: ["```"]))
    }
    let known = assessor.candidates.count
    _ = try await assessor.assess(
      answers.enumerated().map { index, answer in
        var draft = CodeDraft(opening: task.opening + code, entryPoint: task.entryPoint)
        var left = lines ?? .max
        for piece in answer.text.split(separator: "\n", omittingEmptySubsequences: false) where left > 0 {
          draft.append(0, bytes: Array((piece + "\n").utf8), logprob: 0)
          left -= 1
        }
        draft.end(left > 0 ? .endOfAnswer : .lines)
        return Assessor.Entry(draft: draft, origin: attempt == nil && index == 0 ? .greedy : .sample, attempt: attempt)
      })
    for candidate in assessor.candidates[known...] { await report(.candidate(candidate)) }
  }

  private func prompt(_ signal: String) -> String {
    let prompt = CodePrompt.fewShot(task)
    return (prompt.before + [PromptPiece(text: signal, isTemplate: false)] + prompt.after).map(\.text).joined()
      + prompt.opening
  }

  private struct Answer {
    var text = ""
    var isDone = false
    var alternatives: [(text: String, logprob: Float)] = []
  }

  private func ask(
    _ text: String, tokens: Int, temperature: Float, stop: [String] = [], logprobs: Int? = nil
  ) async throws -> Answer {
    var request = GenerationRequest(model: model, prompt: .text(text), context: context)
    request.maximumOutputTokens = tokens
    request.sampling.temperature = temperature
    request.sampling.topP = temperature > 0 ? Strand.topP : 1
    request.stopSequences = stop
    request.logprobs = logprobs
    var answer = Answer()
    do {
      try await take(provider.generate(request), into: &answer)
    } catch let error as GenerationError {
      // Where the search's time is over, the answer was given up on purpose: what has come of it counts.
      try Task.checkCancellation()
      guard isLate else { throw error }
    }
    return answer
  }

  private func take(_ events: GenerationStream, into answer: inout Answer) async throws {
    for try await event in events {
      switch event {
      case .text(let piece):
        answer.text += piece.text
        if let first = piece.tokens.first, answer.alternatives.isEmpty {
          answer.alternatives = first.alternatives.map { ($0.text, $0.logprob) }
          if !answer.alternatives.contains(where: { $0.text == first.chosen.text }) {
            answer.alternatives.append((first.chosen.text, first.chosen.logprob))
          }
        }
      case .finished(let completion):
        answer.isDone = completion.reason == .stop && completion.stopSequence == nil
        generated += completion.usage.completionTokens
        read += completion.usage.promptTokens
      default: break
      }
    }
  }
}
