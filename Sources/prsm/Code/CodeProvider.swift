import CodeGeneration
import ModelInterface

/// The virtual models `egcfg:MODEL`: chat with a model whose answer is a program that was run. The tests are looked for in
/// what the user says.
struct CodeProvider: ModelProvider {
  static let prefix = "egcfg:"

  let service: CodeService
  let real: any ModelProvider

  /// The model inside a virtual one; nil for other names.
  static func inner(of name: String) -> String? {
    name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil
  }

  func models() async -> [ModelDescriptor] {
    await real.models().map { model in
      var own = ModelDescriptor(name: Self.prefix + model.name, provider: "prsm")
      own.aliases = model.aliases.map { Self.prefix + $0 }
      own.contextLength = model.contextLength
      own.created = model.created
      return own
    }
  }

  func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    guard let name = Self.inner(of: request.model),
      let model = await real.models().first(where: { $0.name == name || $0.aliases.contains(name) })
    else { throw GenerationError(.modelNotFound, "there is no model \(request.model) here") }
    guard case .messages(let messages) = request.prompt, let last = messages.last(where: { $0.role == .user }) else {
      throw GenerationError(
        .invalidRequest(parameter: "messages"), "\(request.model) needs what the user wants, as messages")
    }
    guard request.tools.isEmpty else {
      throw GenerationError(.invalidRequest(parameter: "tools"), "\(request.model) writes programs and calls no tools")
    }
    guard request.responseFormat == .text else {
      throw GenerationError(
        .invalidRequest(parameter: "response_format"), "\(request.model) writes programs and keeps to no other format")
    }
    guard request.stopSequences.isEmpty else {
      throw GenerationError(
        .invalidRequest(parameter: "stop"), "\(request.model) writes whole programs and cannot stop at a text")
    }
    guard request.logprobs == nil else {
      throw GenerationError(
        .invalidRequest(parameter: "logprobs"),
        "\(request.model) answers with what was run, not with what was likely; ask \(model.name) for log-probabilities")
    }
    var wanted = PromptTask.read(last.text)
    if !wanted.tests.isEmpty {
      let isPython = try await service.parses(wanted.tests)
      let prose = Set(zip(wanted.tests, isPython).filter { !$1 }.map(\.0))
      if !prose.isEmpty { wanted = PromptTask.read(last.text, besides: prose) }
    }
    guard !wanted.instruction.isEmpty || !wanted.tests.isEmpty else {
      throw GenerationError(.invalidRequest(parameter: "messages"), "the last message does not say what is wanted")
    }
    var code = CodeRequest(task: wanted)
    if let limit = request.maximumOutputTokens { code.settings.programTokens = min(code.settings.programTokens, limit) }
    if let seed = request.sampling.seed { code.settings.seed = seed }
    let context = request.context
    if let deadline = context.deadline {
      code.settings.budgetSeconds = min(
        code.settings.budgetSeconds, max(1, (deadline - ContinuousClock.now) / .seconds(1)))
    }
    let (stream, continuation) = GenerationStream.make()
    let asked = code
    // The bridge from a search to a stream of events: cancelled when nobody reads any more.
    let task = Task {
      do throws(GenerationError) {
        continuation.yield(.started(GenerationStart(model: request.model, provider: "prsm")))
        let result = try await service.generate(asked, model: model.name, context: context) { _ in }
        _ = await continuation.send(.text(TextPiece(Self.answer(result))))
        continuation.yield(
          .finished(
            Completion(
              reason: .stop,
              usage: Usage(promptTokens: result.readTokens, completionTokens: result.generatedTokens))))
        continuation.finish()
      } catch {
        continuation.finish(throwing: error)
      }
    }
    continuation.onTermination { task.cancel() }
    return stream
  }

  func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    throw GenerationError(.invalidRequest(parameter: "model"), "\(request.model) makes no embeddings")
  }

  private static func answer(_ result: CodeResult) -> String {
    guard !result.program.isEmpty else { return "No program was found that runs." }
    let count = "\(result.tests.count) test\(result.tests.count == 1 ? "" : "s")"
    let verdict =
      result.tests.isEmpty
      ? "It was not tested: the request names no tests."
      : result.passes ? "It passes \(count)." : "It does not pass \(count): \(result.candidate?.summary ?? "")"
    return "```python\n\(result.program)\n```\n\n\(verdict)"
  }
}

/// A task with the tests that stand among its words.
enum PromptTask {
  /// Statements that begin with `assert` are tests, wherever they stand: in code, in a list, in back quotes, over several
  /// lines. The rest is the task.
  ///
  /// - Parameter besides: what only looks like a test.
  static func read(_ text: String, besides prose: Set<String> = []) -> CodeTask {
    var tests: [String] = []
    var words: [String] = []
    let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }.map(String.init)
    var next = 0
    while next < lines.count {
      let line = lines[next]
      next += 1
      guard let (test, more) = statement(line, lines[next...]), !prose.contains(test) else {
        if !PythonText.trim(line).hasPrefix("```") { words.append(line) }
        continue
      }
      next += more
      if !tests.contains(test) { tests.append(test) }
    }
    let instruction = PythonText.trim(words.joined(separator: "\n"))
    let function = PythonText.definedFunctions(in: text).last ?? DocstringTests.function(in: instruction)
    return CodeTask(instruction: instruction, tests: tests, entryPoint: tests.isEmpty ? function : nil)
  }

  /// The most lines of one test.
  private static let mostLines = 64

  /// The test that begins in a line, and how many of the lines that follow belong to it; nil where none begins, or where it
  /// does not end.
  private static func statement(_ line: String, _ rest: ArraySlice<String>) -> (test: String, more: Int)? {
    let mark = #/^\s*(?:[-*•]|\d+[.)])?\s*(`*)(assert[ (].*)$/#
    guard let match = line.firstMatch(of: mark) else { return nil }
    var test = PythonText.trim(String(match.output.2))
    if !match.output.1.isEmpty, let close = test.lastIndex(of: "`") {
      test = PythonText.trim(String(test[..<close])).trimmingBackquotes
    }
    var brackets = OpenBrackets()
    brackets.read(test)
    var more = 0
    for line in rest.prefix(mostLines) where brackets.isOpen {
      brackets.read(line)
      test += "\n" + line
      more += 1
    }
    return brackets.isOpen ? nil : (test, more)
  }
}

extension String {
  fileprivate var trimmingBackquotes: String {
    var text = self[...]
    while text.last == "`" { text.removeLast() }
    return String(text)
  }
}
