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
    var code = CodeRequest(task: PromptTask.read(last.text))
    if let limit = request.maximumOutputTokens { code.settings.programTokens = min(code.settings.programTokens, limit) }
    if let seed = request.sampling.seed { code.settings.seed = seed }
    let context = request.context
    if let deadline = context.deadline {
      code.settings.budgetSeconds = min(
        code.settings.budgetSeconds, max(1, (deadline - ContinuousClock.now) / .seconds(1)))
    }
    let (stream, continuation) = GenerationStream.make()
    let wanted = code
    // The bridge from a search to a stream of events: cancelled when nobody reads any more.
    let task = Task {
      do throws(GenerationError) {
        continuation.yield(.started(GenerationStart(model: request.model, provider: "prsm")))
        let result = try await service.generate(wanted, model: model.name, context: context) { _ in }
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
  /// Lines that begin with `assert` are tests, wherever they stand; the rest is the task.
  static func read(_ text: String) -> CodeTask {
    var tests: [String] = []
    var words: [String] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
      let trimmed = PythonText.trim(line)
      if trimmed.hasPrefix("assert ") || trimmed.hasPrefix("assert(") {
        tests.append(trimmed)
      } else if !trimmed.hasPrefix("```") {
        words.append(line)
      }
    }
    let instruction = PythonText.trim(words.joined(separator: "\n"))
    let function = PythonText.definedFunctions(in: text).last ?? DocstringTests.function(in: instruction)
    return CodeTask(instruction: instruction, tests: tests, entryPoint: tests.isEmpty ? function : nil)
  }
}
