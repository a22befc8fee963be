import Content
import Foundation
import ModelInterface
import Multiformats
import PeerInference
import PeerProtocols
import Synchronization
import Testing

/// A node of the test network.
struct TestNode: Sendable {
  let host: MemoryHost
  let service: InferenceService
  let model: ToyModel
  let receipts: ReceiptStore
  let said: Lines

  /// What it said of its peers.
  final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
  }
}

func toyRequest(_ text: String = "hello", limit: Int? = nil) -> GenerationRequest {
  var request = GenerationRequest(model: "toy", prompt: .text(text), context: RequestContext(requestID: "r"))
  request.sampling = .greedy
  request.maximumOutputTokens = limit
  return request
}

/// The text of an answer, and what it took.
func collected(_ stream: GenerationStream) async throws -> (text: String, starts: Int, completion: Completion?) {
  var (text, starts) = ("", 0)
  var completion: Completion?
  for try await event in stream {
    switch event {
    case .started: starts += 1
    case .text(let piece):
      #expect(piece.tokens.isEmpty)
      text += piece.text
    case .finished(let end): completion = end
    default: break
    }
  }
  return (text, starts, completion)
}

@Suite(.serialized, .timeLimit(.minutes(2))) struct InferenceTests {
  let weights = CID(codec: .raw, multihash: Multihash(sha256: KeyHash.sha256([1])))

  private let folder = TemporaryFolder()

  func node(
    _ number: UInt8, _ network: MemoryNetwork, _ conduct: ToyModel.Conduct = .honest, serves: Bool = true,
    region: String? = nil, topics: TopicHub? = nil, change: (inout InferenceService.Options) -> Void = { _ in }
  ) throws -> TestNode {
    let host = try network.host(number)
    let model = ToyModel(conduct)
    let receipts = try ReceiptStore(path: folder.path("receipts-\(UUID().uuidString)"))
    var options = InferenceService.Options()
    options.serves = serves
    options.region = region
    options.asking.checkShare = 0
    options.asking.stallTime = .milliseconds(400)
    options.asking.searchTime = .seconds(3)
    options.asking.pause = .milliseconds(50)
    options.auditing.probeInterval = nil
    change(&options)
    let said = TestNode.Lines()
    var offer = ModelOffer(name: "toy")
    offer.weights = weights
    offer.completionPrice = 3
    let offers = [offer]
    let service = InferenceService(
      host: host, local: model, options: options, topics: topics?.seat(of: host), directory: nil, receipts: receipts,
      catalog: { offers }, clock: { Int(Date().timeIntervalSince1970 * 1_000) }, log: { said.add($0) })
    return TestNode(host: host, service: service, model: model, receipts: receipts, said: said)
  }

  /// Runs the nodes while `body` does its work.
  func running(
    _ network: MemoryNetwork, _ nodes: [TestNode], _ body: @Sendable @escaping () async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for node in nodes { group.addTask { await node.service.run() } }
      for node in nodes {
        while node.service.asker.offers.count < nodes.count(where: { $0.host.id != node.host.id && $0.serves }) {
          network.identifyAll()
          try await Task.sleep(for: .milliseconds(10))
        }
      }
      try await body()
      group.cancelAll()
    }
  }

  @Test func aPeerAnswersAndBothSidesKeepTheReceipt() async throws {
    let network = MemoryNetwork()
    let (asker, giver) = (try node(1, network, serves: false), try node(2, network))
    try await running(network, [asker, giver]) {
      #expect(await asker.service.provider.models().map(\.name) == ["toy"])
      let request = toyRequest()
      let answer = try await collected(asker.service.provider.generate(request))
      #expect(answer.text == ToyModel.answer(request))
      #expect(answer.starts == 1)
      #expect(answer.completion?.usage.completionTokens == 40)
      try await until { asker.receipts.receiptCount == 1 && giver.receipts.receiptCount == 1 }
      let mine = try #require(asker.receipts.newest(.receipt, limit: 1).first)
      let theirs = try #require(giver.receipts.newest(.receipt, limit: 1).first)
      #expect(mine == theirs)
      let receipt = try SignedReceipt(verifying: mine, host: asker.host)
      #expect(receipt.clientSignature != nil)
      #expect(receipt.receipt.price == 120)
      #expect(receipt.receipt.weights == weights)
    }
  }

  @Test(arguments: [ToyModel.Conduct.dying(after: 12), .stalling(after: 7), .dying(after: 0)])
  func anAnswerGoesOnWithAnotherPeer(_ conduct: ToyModel.Conduct) async throws {
    let network = MemoryNetwork()
    // Without chance and latency all rank alike, and the one of the lowest id is asked first: one that fails.
    let asker = try node(1, network, serves: false) { options in
      options.asking.weights.latency = 0
      options.asking.exploration = 0
    }
    // The first two fail alike, and the answer ends with the third.
    let others = [try node(2, network, conduct), try node(3, network, conduct), try node(4, network)]
    try await running(network, [asker] + others) {
      for round in 0..<3 {
        let request = toyRequest("round \(round)")
        let answer = try await collected(asker.service.provider.generate(request))
        #expect(answer.text == ToyModel.answer(request))
        #expect(answer.starts == 1)
        #expect(answer.completion?.usage.completionTokens == 40)
        #expect(answer.completion?.usage.promptTokens == "round 0".utf8.count)
      }
      #expect(others[0].model.requests > 0)
    }
  }

  @Test func aPeerThatIsCutOffAmidAnAnswerIsReplaced() async throws {
    let network = MemoryNetwork()
    let asker = try node(1, network, serves: false)
    let others = [try node(2, network), try node(3, network)]
    try await running(network, [asker] + others) {
      let request = toyRequest("cut")
      var text = ""
      var cut = false
      for try await event in try await asker.service.provider.generate(request) {
        guard case .text(let piece) = event else { continue }
        text += piece.text
        if !cut, text.utf8.count > 20 {
          cut = true
          let first = others.first { $0.model.requests > 0 }
          network.cut(try #require(first).host.id)
        }
      }
      #expect(cut)
      #expect(text == ToyModel.answer(request))
    }
  }

  @Test func anAnswerWithoutEndIsCutOff() async throws {
    let network = MemoryNetwork()
    let asker = try node(1, network, serves: false) { $0.asking.answerSize = 100 }
    let giver = try node(2, network)
    try await running(network, [asker, giver]) {
      let error = await #expect(throws: GenerationError.self) {
        _ = try await collected(asker.service.provider.generate(toyRequest()))
      }
      #expect(error?.kind == .unavailable)
      #expect(giver.model.requests == 1)
    }
  }

  @Test func whereAllAreBusyTheRefusalIsQuickAndSaysWhen() async throws {
    let network = MemoryNetwork()
    let (asker, giver) = (try node(1, network, serves: false), try node(2, network, .busy))
    try await running(network, [asker, giver]) {
      do {
        _ = try await collected(asker.service.provider.generate(toyRequest()))
        Issue.record("expected a refusal")
      } catch let error as GenerationError {
        #expect(error.kind == .overloaded(retryAfter: .milliseconds(700)))
      }
    }
  }

  @Test(arguments: [ToyModel.Conduct.lying, .misspelling])
  func whoGivesFalseAnswersIsNamed(_ conduct: ToyModel.Conduct) async throws {
    let network = MemoryNetwork()
    let asker = try node(1, network, serves: false) { options in
      options.asking.checkShare = 1
      options.asking.exploration = 0.5
    }
    let liar = try node(2, network, conduct)
    let others = [try node(3, network), try node(4, network)]
    try await running(network, [asker, liar] + others) {
      var round = 0
      while asker.service.asker.liars.isEmpty, round < 200 {
        _ = try await collected(asker.service.provider.generate(toyRequest("question \(round)")))
        round += 1
        try await Task.sleep(for: .milliseconds(10))
      }
      #expect(asker.service.asker.liars.map(\.peer) == [liar.host.id])
      #expect(asker.said.all.contains { $0.contains("\(liar.host.id)") && $0.contains("false answer") })
      #expect(asker.receipts.newest(.evidence, limit: 1).count == 1)
      // It is not asked again.
      let before = liar.model.requests
      for round in 0..<10 { _ = try await collected(asker.service.provider.generate(toyRequest("more \(round)"))) }
      #expect(liar.model.requests == before)
    }
  }

  @Test func dataStaysInItsRegion() async throws {
    let network = MemoryNetwork()
    let asker = try node(1, network, serves: false) { $0.asking.regions = ["eu"] }
    let (near, far) = (try node(2, network, region: "eu"), try node(3, network, region: "us"))
    try await running(network, [asker, near, far]) {
      for round in 0..<10 { _ = try await collected(asker.service.provider.generate(toyRequest("\(round)"))) }
      #expect(near.model.requests == 10)
      #expect(far.model.requests == 0)
      var elsewhere = toyRequest("x")
      elsewhere.passthrough["prsm_regions"] = ["us"]
      await #expect(throws: GenerationError.self) {
        _ = try await collected(asker.service.provider.generate(elsewhere))
      }
      #expect(far.model.requests == 0)
    }
  }

  @Test func requestsSurviveTheWire() throws {
    var request = GenerationRequest(
      model: "m", prompt: .messages([Message(role: .system, text: "s"), Message(role: .user, text: "ü")]),
      context: RequestContext(requestID: "r"))
    request.sampling.temperature = 0.7
    request.sampling.seed = .max
    request.sampling.logitBias = [5: -100]
    request.stopSequences = ["\n"]
    request.tools = [Tool(name: "f", summary: "does", parameters: ["type": "object"], isStrict: true)]
    request.toolChoice = .function("f")
    request.responseFormat = .jsonSchema(name: "x", schema: ["type": "object"], isStrict: true)
    request.continuation = [1, 2, 3]
    request.logprobs = 2
    let ask = InferenceAsk(id: [UInt8](repeating: 1, count: 16), purpose: .answer, request: request, patience: 5)
    guard case .ask(let read) = try InferenceFrame(decoding: InferenceFrame.ask(ask).bytes) else {
      Issue.record("expected a question")
      return
    }
    #expect(read.inputHash == ask.inputHash)
    #expect(read.request.prompt == request.prompt)
    #expect(read.request.sampling == request.sampling)
    #expect(read.request.tools == request.tools)
    #expect(read.request.toolChoice == request.toolChoice)
    #expect(read.request.responseFormat == request.responseFormat)
    #expect(read.request.continuation == [1, 2, 3])
    let bytes = InferenceFrame.ask(ask).bytes
    var random = SplitMix64(seed: 2)
    for _ in 0..<2_000 {
      var damaged = bytes
      for _ in 0..<2 {
        damaged[Int.random(in: damaged.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      _ = try? InferenceFrame(decoding: damaged)
    }
  }

  @Test(arguments: [Int.max, -1])
  func numbersOfTokensThatCannotBeAreRefused(_ count: Int) throws {
    let possible = Completion(reason: .stop, usage: Usage(promptTokens: 3, completionTokens: 4))
    let bytes = InferenceFrame.finished(possible, receipt: [1]).bytes
    guard case .finished(let read, _) = try InferenceFrame(decoding: bytes) else {
      Issue.record("expected an end")
      return
    }
    #expect(read.usage == possible.usage)
    let impossible = Completion(reason: .stop, usage: Usage(promptTokens: count, completionTokens: 4))
    #expect(throws: PeerError.self) {
      _ = try InferenceFrame(decoding: InferenceFrame.finished(impossible, receipt: [1]).bytes)
    }
  }
}

extension TestNode {
  var serves: Bool { service.serves }
}

/// Waits for what must come to pass.
func until(_ condition: @Sendable () -> Bool) async throws {
  let deadline = ContinuousClock.now + .seconds(20)
  while !condition() {
    try #require(ContinuousClock.now < deadline)
    try await Task.sleep(for: .milliseconds(5))
  }
}
