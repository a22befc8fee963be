import ArgumentParser
import Foundation
import ModelInterface

/// `prsm complete`: has a model continue a text.
struct Complete: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "complete",
    abstract: "Have a model continue a text.",
    discussion: """
      The text comes from the command line, or from standard input where that is not a terminal or `-` is given. The \
      answer alone goes to standard output.

      EXAMPLES
        prsm complete 'The capital of France is' --max-tokens 8 --temperature 0
        git diff | prsm complete --model smollm2-135m-instruct
        prsm complete 'Once upon a time' --logprobs 3 --json
      """
  )

  @Argument(help: "The text to continue; `-` reads it from standard input.")
  var prompt: String?

  @Option(name: .shortAndLong, help: ArgumentHelp("The model (default: the node's own default).", valueName: "name"))
  var model: String?

  @Flag(help: "Print the prompt, too, in front of the answer.")
  var echo = false

  @Option(
    help: ArgumentHelp("Report each token's log-probability with so many alternatives, 0 to 20.", valueName: "count"))
  var logprobs: Int?

  @OptionGroup(title: "Sampling") var sampling: SamplingOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func validate() throws {
    if let logprobs, !(0...20).contains(logprobs) {
      throw ValidationError("--logprobs: expected a whole number from 0 to 20, found `\(logprobs)`")
    }
  }

  func run() async throws {
    let text = try readPrompt()
    let source = try await AnswerSource.open(node, preferring: model)
    do {
      try await run(text, source)
      await source.close()
    } catch {
      await source.close()
      throw error
    }
  }

  private func readPrompt() throws(CommandFailure) -> String {
    if let prompt, prompt != "-" { return prompt }
    guard prompt == "-" || isatty(STDIN_FILENO) == 0 else {
      throw .usage("a text to continue is missing; try `prsm complete 'Once upon a time'`")
    }
    let text = try StandardInput.readAll()
    guard !text.isEmpty else { throw .usage("standard input is empty; expected a text to continue") }
    return text
  }

  private func run(_ text: String, _ source: AnswerSource) async throws {
    let name = try source.model(named: model)
    var request = sampling.request(model: name, prompt: .text(text))
    request.maximumOutputTokens = sampling.maxTokens ?? 256
    request.logprobs = logprobs
    request.isStreamed = !output.isJSON
    if echo, !output.isJSON { Output.write(text) }
    var meter = AnswerMeter()
    var answer = ""
    var tokens: [TokenLogprob] = []
    do {
      for try await event in try await source.provider.generate(request) {
        meter.see(event)
        guard case .text(let piece) = event else { continue }
        answer += piece.text
        tokens += piece.tokens
        if !output.isJSON { Output.write(piece.text) }
      }
    } catch let error as GenerationError {
      if !output.isJSON, !answer.isEmpty { Output.line() }
      throw CommandFailure(error)
    }
    if output.isJSON {
      Output.line(report(text, answer, tokens, meter, name).text)
      return
    }
    if !answer.hasSuffix("\n") { Output.line() }
    if logprobs != nil { Output.write(Self.table(tokens)) }
    if isatty(STDERR_FILENO) == 1, isatty(STDOUT_FILENO) == 1 {
      Output.note(
        Style(descriptor: STDERR_FILENO, environment: ProcessInfo.processInfo.environment).dim(meter.summary))
    }
  }

  private func report(
    _ prompt: String, _ answer: String, _ tokens: [TokenLogprob], _ meter: AnswerMeter, _ name: String
  ) -> JSONValue {
    let usage = meter.completion?.usage ?? Usage()
    var object: JSONObject = [
      "model": .string(meter.model ?? name),
      "text": .string(echo ? prompt + answer : answer),
      "finish_reason": .string(meter.completion?.reason.rawValue ?? "stop"),
      "usage": [
        "prompt_tokens": .integer(usage.promptTokens), "completion_tokens": .integer(usage.completionTokens),
        "total_tokens": .integer(usage.totalTokens),
      ],
      "seconds_to_first_token": meter.secondsToFirst.map { .double($0) } ?? .null,
      "tokens_per_second": meter.tokensPerSecond.map { .double($0) } ?? .null,
    ]
    if logprobs != nil { object["logprobs"] = .array(tokens.map(\.json)) }
    return .object(object)
  }

  private static func table(_ tokens: [TokenLogprob]) -> String {
    var table = Table(["TOKEN", "LOGPROB", "ALTERNATIVES"], rightAligned: [1])
    for token in tokens {
      let others = token.alternatives.map { "\($0.text.debugDescription) \(Decimals.text(Double($0.logprob), 3))" }
      table.add([
        token.chosen.text.debugDescription, Decimals.text(Double(token.chosen.logprob), 3),
        others.joined(separator: "  "),
      ])
    }
    return table.text(Style(isEnabled: false))
  }
}

extension TokenLogprob {
  /// As the chat API spells it.
  var json: JSONValue {
    func candidate(_ candidate: Candidate) -> JSONObject {
      [
        "token": .string(candidate.text), "logprob": .double(Double(candidate.logprob)),
        "bytes": .array(candidate.bytes.map { .integer($0) }),
      ]
    }
    var object = candidate(chosen)
    object["top_logprobs"] = .array(alternatives.map { .object(candidate($0)) })
    return .object(object)
  }
}
