import ArgumentParser
import Foundation
import ModelInterface

/// `prsm chat`: a conversation at the terminal.
struct Chat: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chat",
    abstract: "Talk to a model from the terminal.",
    discussion: """
      Talks to a node where one answers, and otherwise loads the model itself. Ctrl-C stops an answer; Ctrl-D, or Ctrl-C \
      twice on an empty line, leaves. A line that ends in a backslash goes on in the next, as does everything between two \
      lines of \"\"\". /help lists the commands. Where standard input is not a terminal, all of it is one question.

      EXAMPLES
        prsm chat
        prsm chat --model gemma-3-270m --system 'Answer in one sentence.'
        echo 'Why is the sky blue?' | prsm chat --temperature 0
      """
  )

  @Option(name: .shortAndLong, help: ArgumentHelp("The model (default: the node's own default).", valueName: "name"))
  var model: String?

  @Option(name: .shortAndLong, help: ArgumentHelp("What the model is told before the conversation.", valueName: "text"))
  var system: String?

  @OptionGroup(title: "Sampling") var sampling: SamplingOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let isConversation = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && !output.isJSON
    let question = isConversation ? nil : try StandardInput.readAll()
    if let question, question.allSatisfy(\.isWhitespace) {
      throw CommandFailure.usage("standard input is empty; expected a question")
    }
    let source = try await AnswerSource.open(node, preferring: model)
    do {
      let conversation = Conversation(system: system, model: try source.model(named: model))
      if let question {
        try await answer(question, conversation, source)
      } else {
        let configuration = try Configuration.load(path: node.config, flags: node.flags)
        let session = ChatSession(
          source: source, sampling: sampling, conversation: conversation,
          history: History(path: DataFolder(path: configuration.dataDir).historyPath))
        await session.run()
      }
      await source.close()
    } catch {
      await source.close()
      throw error
    }
  }

  /// One question, one answer, and nothing else on standard output.
  private func answer(_ question: String, _ conversation: Conversation, _ source: AnswerSource) async throws {
    var conversation = conversation
    conversation.ask(question)
    var request = sampling.request(model: conversation.model, prompt: .messages(conversation.messages))
    request.isStreamed = !output.isJSON
    var meter = AnswerMeter()
    var text = ""
    do {
      for try await event in try await source.provider.generate(request) {
        meter.see(event)
        guard case .text(let piece) = event else { continue }
        text += piece.text
        if !output.isJSON { Output.write(piece.text) }
      }
    } catch let error as GenerationError {
      if !output.isJSON, !text.isEmpty { Output.line() }
      throw CommandFailure(error)
    }
    guard output.isJSON else {
      if !text.hasSuffix("\n") { Output.line() }
      return
    }
    let usage = meter.completion?.usage ?? Usage()
    let report: JSONValue = [
      "model": .string(meter.model ?? conversation.model),
      "message": ["role": "assistant", "content": .string(text)],
      "finish_reason": .string(meter.completion?.reason.rawValue ?? "stop"),
      "usage": [
        "prompt_tokens": .integer(usage.promptTokens), "completion_tokens": .integer(usage.completionTokens),
        "total_tokens": .integer(usage.totalTokens),
      ],
      "seconds_to_first_token": meter.secondsToFirst.map { .double($0) } ?? .null,
      "tokens_per_second": meter.tokensPerSecond.map { .double($0) } ?? .null,
    ]
    Output.line(report.text)
  }
}
