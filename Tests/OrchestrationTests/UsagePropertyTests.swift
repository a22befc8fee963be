import ModelInterface
import Orchestration
import ScriptedProvider
import Synchronization
import Testing

/// Whatever members do and whenever the reader leaves: usage is the exact sum, nobody is left at work, calls and members at
/// work stay within their bounds, and there is exactly one end.
@Suite struct UsagePropertyTests {
  struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  /// What members have said that they used.
  final class Bill: Sendable {
    private let state = Mutex(Usage())
    var total: Usage { state.withLock { $0 } }
    func add(_ usage: Usage) { state.withLock { $0 = $0 + usage } }
  }

  @Test(arguments: 0..<300) func everythingIsAccountedFor(seed: UInt64) async throws {
    let random = Mutex(Random(state: seed &* 7_919))
    @Sendable func draw(_ bound: Int) -> Int { random.withLock { Int.random(in: 0..<bound, using: &$0) } }
    let most = MostAtOnce()
    let bill = Bill()
    let behaviour: Scene.Behaviour = { (request, continuation) async throws(GenerationError) in
      most.begin()
      defer { most.end() }
      for _ in 0..<draw(8) { await Task.yield() }
      let fate = draw(10)
      if fate == 0 { throw GenerationError(.unavailable, "broken at once") }
      let words = 1 + draw(5)
      for index in 0..<words {
        if fate == 1, index > 1 { throw GenerationError(.unavailable, "broken off") }
        guard await continuation.send(.text(TextPiece("\(draw(3)) "))) else { return }
        for _ in 0..<draw(4) { await Task.yield() }
      }
      if fate == 2 { return }
      let usage = Usage(
        promptTokens: 1 + draw(50), cachedPromptTokens: draw(2), completionTokens: words, reasoningTokens: draw(2))
      bill.add(usage)
      continuation.yield(.finished(Completion(reason: .stop, usage: usage)))
    }
    let names = ["a", "b", "c", "d"]
    let scene = try Scene(
      [
        VirtualModel("v", Self.plan(draw), limits: Self.limits(draw)),
        VirtualModel("inner", .bestOf(BestOf(models: ["a", "b"], samples: 2))),
      ],
      members: Dictionary(uniqueKeysWithValues: names.map { ($0, behaviour) }))
    let request = scene.request(
      "v", "words of a question that can be cut into several parts, because it is long enough for that")
    let leavesAfter = draw(3) == 0 ? draw(60) : nil
    let task = Task { await scene.ask(request) }
    if let leavesAfter {
      for _ in 0..<leavesAfter { await Task.yield() }
      task.cancel()
    }
    let got = await task.value
    await scene.settle()
    #expect(scene.provider.running == 0 && scene.virtual.runs == 0)
    #expect((got.completion == nil) != (got.error == nil), "exactly one end: \(got)")
    for trace in scene.virtual.traces.recent(of: nil, limit: 500) {
      #expect(trace.isOver)
      let began = trace.events.count { if case .stepBegan = $0.body { true } else { false } }
      #expect(began == trace.ends.count, "every call that began has ended")
      let sum = trace.ends.reduce(Usage()) { $0 + $1.usage }
      switch trace.events.last?.body {
      case .finished(_, let usage, _), .failed(_, let usage, _): #expect(usage == sum)
      default: Issue.record("no end")
      }
      if trace.id == got.start?.notes[VirtualModels.note], let completion = got.completion {
        #expect(completion.usage == sum, "the client is told the sum")
      }
    }
    // Of a call that was cut off in the very moment in which it finished, the report may not have been read.
    let exact = scene.virtual.traces.recent(of: nil, limit: 500).flatMap(\.ends).filter {
      $0.isExact && $0.trace == nil
    }
    let reported = exact.reduce(Usage()) { $0 + $1.usage }
    if leavesAfter == nil, exact.count == scene.provider.requests.count { #expect(reported == bill.total) }
    #expect(reported.totalTokens <= bill.total.totalTokens)
  }

  private static func limits(_ draw: (Int) -> Int) -> OrchestrationLimits {
    var limits = OrchestrationLimits()
    limits.concurrency = 1 + draw(4)
    if draw(4) == 0 { limits.tokens = draw(200) + 1 }
    return limits
  }

  private static func plan(_ draw: (Int) -> Int) -> VirtualModel.Plan {
    switch draw(6) {
    case 0:
      var checks = AnswerChecks()
      checks.judge = Judge(model: "d", least: 2)
      if draw(2) == 0 { checks.consistency = AnswerChecks.Consistency(samples: 3) }
      checks.demand = draw(2) == 0 ? .any : .all
      return .cascade(Cascade(models: ["a", "inner", "c"], checks: checks))
    case 1:
      return .panel(
        Panel(models: ["a", "b", "inner", "a"], threshold: 0.6, judge: "d", quorum: 1 + draw(4), escalation: "c"))
    case 2: return .mixture(Mixture(layers: [["a", "b", "inner"], ["b", "c"]], aggregator: "d", quorum: 1 + draw(2)))
    case 3:
      return .bestOf(BestOf(models: ["a", "b"], samples: 5, score: .judge(Judge(model: "c")), quorum: 1 + draw(3)))
    case 4:
      return .pipeline(
        Pipeline(steps: ["a", "inner", "c"].map { Pipeline.Step(name: "s-\($0)", model: $0, prompt: nil) }))
    default:
      return .mapReduce(
        MapReduce(split: .text(characters: 20), maximumParts: 6, worker: "a", combiner: "b", quorum: 0.5))
    }
  }
}
