import CodeGeneration
import LlamaEngine
import ModelInterface
import Sandbox
import ScriptedProvider
import Synchronization
import Testing

@testable import prsm

@Suite(
  .enabled(
    if: SandboxCapability.probe().canIsolate, "this machine cannot isolate programs; `prsm doctor` says why"),
  .timeLimit(.minutes(1)))
struct CodeFinishTests {
  /// A model that writes the same wrong program again and again.
  private static let provider = ScriptedProvider { request, stream throws(GenerationError) in
    stream.yield(.text(TextPiece("def f(a):\n    return a\n")))
    stream.yield(
      .finished(Completion(reason: .stop, usage: Usage(promptTokens: 1, completionTokens: 1))))
  }

  private static var request: CodeRequest {
    var request = CodeRequest(task: CodeTask(instruction: "Write f that doubles.", tests: ["assert f(2) == 4"]))
    request.settings.budgetTokens = 100_000
    request.settings.budgetSeconds = 1_000
    return request
  }

  @Test func `a search that is to finish gives what it has found, and only its own tenant can ask for that`()
    async throws
  {
    let service = CodeService(engine: LocalModels(source: FixedModelSource([])), others: Self.provider)
    var context = RequestContext(requestID: "one")
    context.tenant = "a"
    #expect(!service.finishEarly(request: "one", tenant: "a"))
    let seen = Answers()
    let result = try await service.generate(Self.request, model: "scripted", context: context) { event in
      guard case .search(.candidate) = event else { return }
      await seen.add(service.finishEarly(request: "one", tenant: "b"))
      await seen.add(service.finishEarly(request: "two", tenant: "a"))
      await seen.add(service.finishEarly(request: "one", tenant: "a"))
    }
    #expect(await seen.all.prefix(3) == [false, false, true])
    #expect(result.ending == .seconds)
    #expect(!result.passes)
    #expect(result.program.contains("return a"))
    #expect(!service.finishEarly(request: "one", tenant: "a"))
    // A search that was hurried hurries no other.
    let hurry = Hurry()
    let again = try await service.generate(Self.request, model: "scripted", context: context, hurry: hurry) { event in
      if case .search(.candidate(let candidate)) = event, candidate.id >= 0 { hurry.begin() }
    }
    #expect(again.executions > 0)
    await service.shutdown()
  }

  @Test func `what is to be done when a hurry begins is done once, also where it has begun`() {
    let count = Count()
    let hurry = Hurry()
    hurry.whenBegun { count.add() }
    #expect(count.value == 0)
    hurry.begin()
    hurry.begin()
    #expect(count.value == 1)
    hurry.whenBegun { count.add() }
    #expect(count.value == 2)
  }
}

private actor Answers {
  private(set) var all: [Bool] = []

  func add(_ answer: Bool) { all.append(answer) }
}

private final class Count: Sendable {
  private let state = Atomic<Int>(0)

  var value: Int { state.load(ordering: .relaxed) }

  func add() { state.add(1, ordering: .relaxed) }
}
