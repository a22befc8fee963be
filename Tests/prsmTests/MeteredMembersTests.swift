import Gateway
import Metering
import ModelInterface
import Orchestration
import ScriptedProvider
import Synchronization
import Testing

@testable import prsm

@Suite("The account of members of virtual models", .timeLimit(.minutes(1)))
struct MeteredMembersTests {
  /// Grants all but some models, and remembers what was settled.
  private final class Ledger: RequestMeter {
    struct Entry: Sendable {
      var tenant: String
      var model: String
      var isFurtherCall: Bool
      var settlement: Settlement?
    }

    private final class Reservation: MeterReservation {
      let ledger: Ledger
      let index: Int
      let admission: Admission

      init(_ ledger: Ledger, _ index: Int, _ admission: Admission) {
        self.ledger = ledger
        self.index = index
        self.admission = admission
      }

      func settle(_ settlement: Settlement) async {
        ledger.entries.withLock { entries in
          #expect(entries[index].settlement == nil, "settled once")
          entries[index].settlement = settlement
        }
      }
    }

    let entries = Mutex<[Entry]>([])
    let admission: @Sendable (String) -> Admission

    init(admission: @escaping @Sendable (String) -> Admission = { _ in Admission() }) {
      self.admission = admission
    }

    func reserve(_ work: MeteredWork) async throws(GenerationError) -> any MeterReservation {
      guard case .generation(let request) = work.kind else { throw GenerationError(.internal, "no generation") }
      if request.model == "dear" { throw GenerationError(.budgetExceeded, "too dear") }
      let index = entries.withLock { entries in
        entries.append(
          Entry(tenant: work.principal.tenant, model: request.model, isFurtherCall: work.isFurtherCall))
        return entries.count - 1
      }
      return Reservation(self, index, admission(request.model))
    }

    var settled: [Settlement] { entries.withLock { $0.compactMap(\.settlement) } }
  }

  private func request(_ model: String = "scripted") -> GenerationRequest {
    GenerationRequest(
      model: model, prompt: .text("one two three"), context: RequestContext(requestID: "r", tenant: "me"))
  }

  private func members(_ provider: ScriptedProvider, _ ledger: Ledger) -> MeteredMembers {
    let members = MeteredMembers(provider)
    members.use(ledger, provider: provider) { PriceList(["scripted": ModelPrice(prompt: 2, completion: 5)]) }
    return members
  }

  @Test("what finishes is settled with what the provider reported, before the reader hears of the end")
  func finished() async throws {
    let ledger = Ledger()
    let members = members(ScriptedProvider(), ledger)
    for try await event in try await members.generate(request()) {
      if case .finished = event { #expect(ledger.settled.count == 1) }
    }
    let settlement = try #require(ledger.settled.first)
    #expect(settlement.outcome == .finished && settlement.isExact && settlement.model == "scripted")
    #expect(settlement.usage == Usage(promptTokens: 3, completionTokens: 3))
    #expect(ledger.entries.withLock { $0.first?.tenant } == "me")
    #expect(members.price(of: "scripted", provider: "test", settlement.usage) == 21)
    #expect(members.price(of: "scripted", provider: CachingProvider.name, settlement.usage) == 0)
  }

  @Test("what fails, is refused, or is let go of is settled too, each once")
  func unfinished() async throws {
    let ledger = Ledger()
    let failing = members(
      ScriptedProvider { (_, continuation) async throws(GenerationError) in
        continuation.yield(.text(TextPiece("half")))
        throw GenerationError(.unavailable, "broken")
      }, ledger)
    await #expect(throws: GenerationError.self) { for try await _ in try await failing.generate(request()) {} }
    #expect(ledger.settled.map(\.outcome) == [.failed])
    #expect(ledger.settled.first?.usage == Usage(completionTokens: 1))
    await #expect(throws: GenerationError.self) { try await failing.generate(request("nobody")) }
    #expect(ledger.settled.map(\.outcome) == [.failed, .failed])
    let endless = ScriptedProvider { (_, continuation) async throws(GenerationError) in
      continuation.yield(.text(TextPiece("word ")))
      while !Task.isCancelled { await Task.yield() }
    }
    let stopped = members(endless, ledger)
    do {
      let iterator = try await stopped.generate(request()).makeAsyncIterator()
      _ = try await iterator.next()
      _ = try await iterator.next()
    }
    while ledger.settled.count < 3 { await Task.yield() }
    #expect(ledger.settled.last?.outcome == .cancelled)
    while endless.running > 0 { await Task.yield() }
    await #expect(throws: GenerationError.self) { try await stopped.generate(request("dear")) }
    #expect(ledger.settled.count == 3, "what was refused was never reserved")
  }

  @Test("the calls for one request are one request, the first that was let through")
  func callsTogether() async throws {
    let ledger = Ledger()
    let members = members(ScriptedProvider(), ledger)
    var first = request()
    first.context.calls = RequestCalls()
    var dear = first
    dear.model = "dear"
    await #expect(throws: GenerationError.self) { try await members.generate(dear) }
    for _ in 0..<3 { for try await _ in try await members.generate(first) {} }
    for _ in 0..<2 { for try await _ in try await members.generate(request()) {} }
    #expect(ledger.entries.withLock { $0.map(\.isFurtherCall) } == [false, true, true, false, false])
  }

  @Test("a cheaper model or a known answer is used where the account says so")
  func admitted() async throws {
    let ledger = Ledger { model in
      var admission = Admission()
      if model == "alias" { admission.model = "scripted" }
      if model == "known" {
        admission.answer = [
          .started(GenerationStart(model: "known", provider: CachingProvider.name)), .text(TextPiece("kept")),
          .finished(Completion(reason: .stop, usage: Usage(promptTokens: 1, completionTokens: 1))),
        ]
      }
      return admission
    }
    let provider = ScriptedProvider()
    let members = members(provider, ledger)
    for try await _ in try await members.generate(request("alias")) {}
    var text = ""
    for try await event in try await members.generate(request("known")) {
      if case .text(let piece) = event { text += piece.text }
    }
    #expect(text == "kept" && provider.requests.map(\.model) == ["scripted"])
    #expect(ledger.settled.map(\.provider) == ["test", CachingProvider.name])
  }

  /// Also of members that were stopped, that broke off, and of virtual models inside.
  @Test("what a virtual model says it took is what is on the account")
  func sums() async throws {
    let yaml = """
      prices:
        quick: { input: 1, output: 2 }
        broken: { input: 3, output: 5 }
        endless: { input: 7, output: 11 }

      """
    let script: ScriptedProvider.Script = { (request, continuation) async throws(GenerationError) in
      if request.model == "quick" { return try await ScriptedProvider.echo(request, continuation) }
      for _ in 0..<3 { continuation.yield(.text(TextPiece("word "))) }
      if request.model == "broken" { throw GenerationError(.unavailable, "The engine broke off.") }
      while !Task.isCancelled { await Task.yield() }
    }
    try await AccountNode.with(yaml, models: ["quick", "broken", "endless"], script: script) { node async throws in
      let members = MeteredMembers(node.provider)
      let prices = node.metering.configuration.prices
      members.use(node.meter, provider: node.provider, prices: { prices })
      var services = OrchestrationServices(members: members) { 0 }
      services.price = { members.price(of: $0, provider: $1, $2) }
      var panel = Panel(models: ["quick", "quick", "broken", "endless"])
      panel.quorum = 2
      var jury = VirtualModel("jury", .panel(panel))
      jury.limits.patience = .milliseconds(50)
      let mixture = Mixture(layers: [["jury", "endless"]], aggregator: "quick", quorum: 1)
      var council = VirtualModel("council", .mixture(mixture))
      council.limits.patience = .milliseconds(50)
      let virtual = VirtualModels(
        try VirtualModelSet([jury, council], known: ["quick", "broken", "endless"]), services: services)
      for name in ["jury", "council"] {
        var request = request(name)
        request.context.requestID = "request-\(name)"
        var completion: Completion?
        for try await event in try await virtual.generate(request) {
          if case .finished(let end) = event { completion = end }
        }
        let events = try await node.events().filter { $0.requestID == request.context.requestID }
        #expect(Set(events.map(\.outcome.rawValue)).isSuperset(of: ["finished", "cancelled"]))
        let sum = events.reduce(Usage()) { $0 + $1.usage }
        #expect(completion?.usage == sum, "\(events.map { ($0.model, $0.usage) })")
        let trace = try #require(
          virtual.traces.recent(of: "me", limit: 9).first {
            $0.requestID == request.context.requestID && $0.model == name
          })
        #expect(trace.cost == events.reduce(Int128(0)) { $0 + $1.cost.pico })
      }
      while node.provider.running > 0 { await Task.yield() }
      #expect(node.metering.meter.openCount == 0)
    }
  }
}
