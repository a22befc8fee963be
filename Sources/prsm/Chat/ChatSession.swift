import Foundation
import ModelInterface

/// A person and a model at a terminal.
final class ChatSession {
  private let source: AnswerSource
  private let sampling: SamplingOptions
  private let style = Style(descriptor: STDOUT_FILENO, environment: ProcessInfo.processInfo.environment)
  private let reader: LineReader
  private let interrupts = Interrupts()
  private var conversation: Conversation
  private var history: History
  private var input = MultilineInput()

  init(source: AnswerSource, sampling: SamplingOptions, conversation: Conversation, history: History) {
    self.source = source
    self.sampling = sampling
    self.conversation = conversation
    self.history = history
    reader = LineReader(style: style)
  }

  /// Until the person leaves.
  func run() async {
    Output.line(style.bold(conversation.model) + style.dim("  \(source.place) · /help for help, Ctrl-D to leave"))
    var isLeaving = false
    while true {
      let isOpen = input.isOpen
      let prompt = isOpen ? "… " : "› "
      let names = source.models.flatMap { [$0.name] + $0.aliases }
      let read = reader.read(
        prompt: prompt, shownPrompt: isOpen ? style.dim(prompt) : style.cyan(prompt), history: history.lines,
        completions: { ChatCommand.completions(of: $0, models: names) })
      switch read {
      case .ended:
        history.save()
        return
      case .interrupted(let wasEmpty):
        if wasEmpty, !isOpen, isLeaving {
          history.save()
          return
        }
        input.reset()
        isLeaving = wasEmpty
        if wasEmpty { Output.line(style.dim("Ctrl-C again, or Ctrl-D, to leave")) }
      case .line(let line):
        isLeaving = false
        history.add(line)
        guard case .message(let message) = input.read(line), !message.allSatisfy(\.isWhitespace) else { continue }
        if let command = ChatCommand(message) {
          guard await perform(command) else {
            history.save()
            return
          }
        } else {
          conversation.ask(message)
          await answer()
        }
        history.save()
      }
    }
  }

  /// - Returns: whether to go on.
  private func perform(_ command: ChatCommand) async -> Bool {
    switch command {
    case .exit: return false
    case .help: showHelp()
    case .clear:
      conversation.clear()
      Output.line(style.dim("a new conversation"))
    case .system(let text):
      conversation.system = text
      Output.line(style.dim(text == nil ? "the model is told nothing beforehand" : "the model is told so from now on"))
    case .model(nil):
      for model in source.models {
        Output.line((model.name == conversation.model ? style.green("• ") : "  ") + model.name)
      }
    case .model(let name?):
      do throws(CommandFailure) {
        conversation.model = try source.model(named: name)
        Output.line(style.dim("talking to \(conversation.model)"))
      } catch {
        complain(error.message)
      }
    case .save(let path): save(path)
    case .regenerate:
      if conversation.withdrawAnswer() { await answer() } else { complain("there is no question to answer again") }
    case .unknown(let word, let suggestion):
      complain("\(word) is not a command" + (suggestion.map { "; did you mean \($0)?" } ?? "; /help lists them"))
    }
    return true
  }

  private func showHelp() {
    let width = ChatCommand.all.map { $0.name.count + $0.argument.count + 1 }.max() ?? 0
    for command in ChatCommand.all {
      let spelling = command.name + " " + command.argument
      Output.line(
        "  " + spelling + String(repeating: " ", count: width + 2 - spelling.count) + style.dim(command.summary))
    }
    Output.line(style.dim("  A line that ends in \\ goes on; so does all between two lines of \"\"\"."))
    Output.line(style.dim("  Ctrl-C stops an answer; Ctrl-R searches what was typed before; Ctrl-D leaves."))
  }

  private func save(_ path: String?) {
    let path = path.map(FilePath.expandingHome) ?? "prsm-chat-\(NodeStore.now()).md"
    guard !FileManager.default.fileExists(atPath: path) else {
      complain("\(path) exists; choose another name")
      return
    }
    do {
      try Data(conversation.markdown.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
      Output.line(style.dim("saved to \(path)"))
    } catch {
      complain("\(path) cannot be written: \(DataFolder.reason(error))")
    }
  }

  private func complain(_ message: String) {
    Output.line(style.yellow(message))
  }

  /// What came of a question.
  private enum Outcome: Sendable {
    case answered(String, AnswerMeter)
    case stopped
    case failed(String)
  }

  /// Has the last question answered, until it is or until Ctrl-C.
  private func answer() async {
    let request = sampling.request(model: conversation.model, prompt: .messages(conversation.messages))
    let provider = source.provider
    let shown = Shown()
    let terminal = RawTerminal(isQuiet: true)
    defer { terminal?.restore() }
    let signals = interrupts.signals
    let style = style
    let outcome = await withTaskGroup(of: Outcome?.self) { group in
      group.addTask { await Self.stream(request, from: provider, into: shown, style) }
      group.addTask {
        await signals.next()
        return Task.isCancelled ? nil : .stopped
      }
      var outcome: Outcome?
      for await result in group {
        if outcome == nil, let result {
          outcome = result
          group.cancelAll()
        }
      }
      return outcome
    }
    let text = shown.text
    switch outcome {
    case .answered(let text, let meter):
      conversation.answer(text)
      if !text.hasSuffix("\n") { Output.line() }
      Output.line(style.dim(meter.summary))
    case .stopped, nil:
      if text.isEmpty { conversation.withdrawQuestion() } else { conversation.answer(text) }
      if !text.isEmpty, !text.hasSuffix("\n") { Output.line() }
      Output.line(style.dim("stopped"))
    case .failed(let message):
      conversation.withdrawQuestion()
      if !text.isEmpty { Output.line() }
      Output.line(style.red(message))
    }
  }

  private static func stream(
    _ request: GenerationRequest, from provider: any ModelProvider, into shown: Shown, _ style: Style
  ) async -> Outcome? {
    var meter = AnswerMeter()
    do {
      for try await event in try await provider.generate(request) {
        if Task.isCancelled { return nil }
        meter.see(event)
        switch event {
        case .text(let piece):
          // A model that writes escape sequences must not move the cursor or rename the window.
          let text = String(String.UnicodeScalarView(piece.text.unicodeScalars.filter(Self.isHarmless)))
          shown.add(text)
          Output.write(text)
        case .reasoning(let thought):
          Output.write(style.dim(String(String.UnicodeScalarView(thought.unicodeScalars.filter(Self.isHarmless)))))
        default: break
        }
      }
      return .answered(shown.text, meter)
    } catch let error as GenerationError {
      return error.kind == .cancelled ? nil : .failed(error.message)
    } catch {
      return .failed("\(error)")
    }
  }

  private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value >= 0x20 && !(0x7F..<0xA0).contains(scalar.value) || scalar == "\n" || scalar == "\t"
  }
}
