import CodeGeneration
import Gateway
import LlamaEngine
import ModelInterface
import Sandbox

/// Writes programs with this process's models and sandbox, a few at a time.
actor CodeService {
  /// What happens on the way.
  enum Event: Sendable {
    /// So many wait in front.
    case queued(Int)
    case search(CodeEvent)
  }

  private let engine: LocalModels
  private let others: any ModelProvider
  private let turns: CodeTurns
  private nonisolated let account = CodeAccount()
  private nonisolated let searches = CodeSearches()
  private nonisolated let haste = Hurry()
  private var sandbox: Sandbox?
  private var isShutDown = false

  /// - Parameters:
  ///   - others: answers for models that are not of this machine; nil where there are none.
  ///   - turns: how many searches run side by side, and how many may wait.
  init(engine: LocalModels, others: (any ModelProvider)? = nil, turns: CodeTurns = CodeTurns()) {
    self.engine = engine
    self.others = others ?? engine
    self.turns = turns
  }

  /// Ends all searches, each with what it has found: those that run, and those that come.
  nonisolated func finishEarly() {
    haste.begin()
    searches.finishAll()
  }

  /// Ends the search of one request with what it has found; false where there is none.
  nonisolated func finishEarly(request: String, tenant: String) -> Bool {
    searches.finish(tenant: tenant, request: request)
  }

  /// Keeps the account of searches from now on.
  nonisolated func use(_ meter: any RequestMeter) { account.use(meter) }

  /// The sandbox, started when first needed.
  ///
  /// - Throws: ``GenerationError`` of kind `unavailable` that says why this machine cannot isolate programs.
  func openSandbox() throws(GenerationError) -> Sandbox {
    guard !isShutDown else { throw GenerationError(.unavailable, "the node is shutting down") }
    if let sandbox { return sandbox }
    do {
      let fresh = try Sandbox()
      sandbox = fresh
      return fresh
    } catch {
      throw GenerationError(.unavailable, (error as? SandboxError)?.advice ?? "\(error)")
    }
  }

  /// Searches for a program, once it is this request's turn.
  ///
  /// - Parameter hurry: ends the search with what it has found, once it begins.
  /// - Throws: ``GenerationError``; of kind `overloaded` where too many wait. Cancelling the task ends the search.
  nonisolated func generate(
    _ request: CodeRequest, model: String, context: RequestContext, hurry: Hurry = Hurry(),
    report: @escaping @Sendable (Event) async -> Void
  ) async throws(GenerationError) -> CodeResult {
    searches.add(hurry, tenant: context.tenant, request: context.requestID)
    defer { searches.remove(hurry) }
    if haste.isOn { hurry.begin() }
    let sandbox = try await openSandbox()
    try await Self.refuseBroken(request.task, sandbox)
    var model = model
    var entry: CodeAccount.Entry?
    if await isLocal(model) {
      entry = try await account.open(request, model: model, context: context)
      if let cheaper = entry?.model, cheaper != model {
        model = cheaper
        if await !isLocal(cheaper) {
          // What is asked of others is on account call by call.
          entry?.withdraw()
          entry = nil
        }
      }
    }
    do {
      let turn = try await turns.take(tenant: context.tenant, deadline: context.deadline) {
        await report(.queued($0))
      }
      do {
        let result =
          if let entry {
            try await Self.search(request, engine, model, context, sandbox, entry, hurry, report)
          } else {
            try await Self.searchAbroad(request, others, model, context, sandbox, hurry, report)
          }
        await turns.giveBack(turn)
        await entry?.settle(nil)
        return result
      } catch {
        await turns.giveBack(turn)
        throw error
      }
    } catch {
      let failure = Self.translated(error)
      await entry?.settle(failure)
      throw failure
    }
  }

  /// Whether each of these is Python.
  nonisolated func parses(_ sources: [String]) async throws(GenerationError) -> [Bool] {
    let sandbox = try await openSandbox()
    do {
      return try await sandbox.parses(sources)
    } catch {
      throw Self.translated(error)
    }
  }

  /// A test that is not Python can never pass: the request is refused before anything is spent on it.
  private static func refuseBroken(_ task: CodeTask, _ sandbox: Sandbox) async throws(GenerationError) {
    let parts = task.tests.enumerated().map { ("tests", "test \($0 + 1)", $1) } + [("setup", "the setup", task.setup)]
    do {
      let isPython = try await sandbox.parses(parts.map(\.2))
      if let (name, place, text) = zip(parts, isPython).first(where: { !$1 })?.0 {
        let line = text.split(separator: "\n").first ?? ""
        throw GenerationError(
          .invalidRequest(parameter: name),
          "\(place) is not Python: `\(line.prefix(200))`; expected a statement such as `assert f(1) == 2`")
      }
    } catch {
      throw translated(error)
    }
  }

  private nonisolated func isLocal(_ model: String) async -> Bool {
    await engine.models().contains { $0.name == model || $0.aliases.contains(model) }
  }

  /// Ends the sandbox; what runs in it comes to its end.
  func shutdown() async {
    isShutDown = true
    await sandbox?.shutdown()
    sandbox = nil
  }

  @concurrent
  private static func search(
    _ request: CodeRequest, _ engine: LocalModels, _ model: String, _ context: RequestContext, _ sandbox: Sandbox,
    _ entry: CodeAccount.Entry, _ hurry: Hurry, _ report: @escaping @Sendable (Event) async -> Void
  ) async throws -> CodeResult {
    let tokens = try await engine.tokenModel(named: model)
    let bench = try await Workbench(tokens, sequences: request.settings.sequences, context: context)
    let start = ContinuousClock.now
    let search = CodeSearch(
      request.task, settings: request.settings, bench: bench, runner: runner(sandbox, request.settings, start, hurry),
      isHurried: { hurry.isOn }, clock: { (ContinuousClock.now - start) / .seconds(1) },
      report: { await report(.search($0)) })
    do {
      let result = try await search.run()
      entry.note(read: bench.read, generated: bench.generated)
      await bench.close()
      return result
    } catch {
      entry.note(read: bench.read, generated: bench.generated)
      await bench.close()
      throw error
    }
  }

  @concurrent
  private static func searchAbroad(
    _ request: CodeRequest, _ provider: any ModelProvider, _ model: String, _ context: RequestContext,
    _ sandbox: Sandbox, _ hurry: Hurry, _ report: @escaping @Sendable (Event) async -> Void
  ) async throws -> CodeResult {
    let start = ContinuousClock.now
    var context = context
    context.calls = RequestCalls()
    let end = start + .seconds(request.settings.budgetSeconds)
    context.deadline = min(context.deadline ?? end, end)
    return try await UpstreamSearch(
      request.task, settings: request.settings, provider: provider, model: model, context: context,
      runner: runner(sandbox, request.settings, start, hurry), isHurried: { hurry.isOn },
      clock: { (ContinuousClock.now - start) / .seconds(1) }, report: { await report(.search($0)) }
    ).run()
  }

  /// The sandbox for a search that has begun: its runs get shorter where the search's time is nearly over.
  private static func runner(
    _ sandbox: Sandbox, _ settings: CodeSettings, _ start: ContinuousClock.Instant, _ hurry: Hurry
  ) -> SandboxRunner {
    let budget = settings.budgetSeconds
    var runner = SandboxRunner(sandbox)
    runner.secondsLeft = { hurry.isOn ? 0 : budget - (ContinuousClock.now - start) / .seconds(1) }
    return runner
  }

  private static func translated(_ error: any Error) -> GenerationError {
    switch error {
    case let error as GenerationError: error
    case is CancellationError: GenerationError(.cancelled, "the search was cancelled")
    case let error as SandboxError: GenerationError(error)
    default: GenerationError(.internal, "\(error)")
    }
  }
}

extension GenerationError {
  /// What the sandbox's refusal means for a request.
  init(_ error: SandboxError) {
    switch error.code {
    case .queueFull: self.init(.overloaded(retryAfter: .seconds(2)), error.message)
    case .tooLarge: self.init(.invalidRequest(parameter: "program"), error.message)
    default: self.init(.unavailable, error.advice)
    }
  }
}
