import ModelInterface
import Orchestration
import Testing

@Suite struct TraceTests {
  private func model() -> VirtualModel {
    VirtualModel("p", .pipeline(Pipeline(steps: [Pipeline.Step(name: "s", model: "a", prompt: nil)])))
  }

  @Test func aReaderSeesEveryEventOnceAndTheEnd() async throws {
    let scene = try Scene([model()], members: ["a": Says.text("one two three")])
    let got = await scene.ask("p")
    let id = try #require(scene.trace(got)?.id)
    var numbers: [Int] = []
    reading: while true {
      switch await scene.virtual.traces.next(id, from: numbers.count) {
      case .events(let events): numbers += events.map(\.number)
      case .end, .busy: break reading
      }
    }
    #expect(numbers == Array(0..<numbers.count) && numbers.count == 4)
    #expect(await scene.virtual.traces.next("orc_none", from: 0) == .end)
  }

  @Test func aReaderThatCameEarlyIsWoken() async throws {
    let scene = try Scene([model()], members: ["a": Says.nothing])
    let request = scene.request("p")
    let asking = Task { await scene.ask(request) }
    while scene.trace()?.called.isEmpty != false { await Task.yield() }
    let trace = try #require(scene.trace())
    let traces = scene.virtual.traces
    let reading = Task { await traces.next(trace.id, from: trace.events.count) }
    let leaving = Task { await traces.next(trace.id, from: trace.events.count) }
    leaving.cancel()
    #expect(await leaving.value == .end)
    asking.cancel()
    guard case .events(let events) = await reading.value else {
      Issue.record("no events")
      return
    }
    #expect(!events.isEmpty)
    _ = await asking.value
  }

  @Test func theStoreIsBoundedInTracesEventsAndBytes() async throws {
    var limits = TraceStore.Limits()
    limits.traces = 3
    limits.events = 6
    limits.preview = 10
    let store = TraceStore(limits: limits)
    let best = VirtualModel("b", .bestOf(BestOf(models: ["a"], samples: 8)))
    let scene = try Scene(
      [model(), best], traces: store, members: ["a": Says.text("a long answer with words", logprob: -1)])
    for _ in 0..<5 { _ = await scene.ask("p", "a question that is long") }
    let got = await scene.ask("b")
    #expect(store.recent(of: "t", limit: 10).count == 3)
    #expect(store.recent(of: "somebody else", limit: 10).isEmpty)
    let trace = try #require(scene.trace(got))
    #expect(trace.events.count == 6 && trace.omitted > 0 && trace.isOver)
    #expect(trace.events.map(\.number).last == trace.events.count + trace.omitted - 1)
    let preview = store.recent(of: "t", limit: 3).flatMap(\.ends).map(\.preview)
    #expect(preview.allSatisfy { $0.count <= 11 })
  }

  @Test func theTraceSaysWhatTheAnswerSaid() async throws {
    let scene = try Scene([model()], members: ["a": Says.text("one two three")])
    let got = await scene.ask("p", "What?")
    let json = try #require(scene.trace(got)).json(withEvents: true)
    #expect(json["status"] == "finished" && json["kind"] == "pipeline" && json["steps"] == 1)
    #expect(json["cost"] == "0.000000000037")
    let types = json["events"]?.array?.compactMap { $0["type"]?.string }
    #expect(types == ["began", "step.began", "step.finished", "finished"])
    #expect(json["events"]?.array?[2]["preview"] == "one two three")
    #expect(json["events"]?.array?[0]["question"] == "What?")
  }
}
