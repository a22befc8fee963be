import Foundation
import ModelInterface
import Multiformats
import PeerInference
import PeerProtocols
import PeerServices
import Testing

@Suite(.serialized, .timeLimit(.minutes(2))) struct EvidenceTests {
  private let tests = InferenceTests()

  private static var hour: Int { Int(Date().timeIntervalSince1970) / 3_600 }

  /// What a node with the toy's weights says to a question that everybody knows, or something else; and the receipt.
  private func answered(
    by giver: TestNode, to client: PeerID, falsely: Bool = false
  ) throws -> (answer: Evidence.Answer, receipt: SignedReceipt) {
    let question = Auditor.question(Self.hour, 0, model: "toy")
    var context = ToyModel.prompt(question)
    var tokens: [TokenID] = []
    for index in 0..<16 {
      let token = falsely && index % 2 == 0 ? TokenID(index) : ToyModel.next(context)
      context.append(token)
      tokens.append(token)
    }
    let text = tokens.map { "w\($0) " }.joined()
    let ask = InferenceAsk(id: [UInt8](repeating: 5, count: 16), purpose: .answer, request: question, patience: 1)
    let receipt = InferenceReceipt(
      id: ask.id, model: "toy", weights: tests.weights, provider: giver.host.id, client: client,
      inputHash: ask.inputHash, outputHash: InferenceReceipt.outputHash(text: text, tokens: tokens), promptTokens: 1,
      completionTokens: 16, started: 1, finished: 2, price: 0, isDeterministic: true)
    return (
      Evidence.Answer(question: question, text: text, tokens: tokens),
      SignedReceipt(
        receipt: receipt, providerKey: giver.host.publicKey,
        providerSignature: try giver.host.sign(receipt.signedBytes))
    )
  }

  @Test func evidenceThatDoesNotHoldIsNotRead() throws {
    let network = MemoryNetwork()
    let (accuser, accused, other) = (
      try tests.node(1, network), try tests.node(2, network), try tests.node(3, network)
    )
    let (answer, receipt) = try answered(by: accused, to: accuser.host.id)
    let (_, foreign) = try answered(by: other, to: accuser.host.id)
    let lie = Evidence.Answer(question: answer.question, text: answer.text + "x", tokens: answer.tokens)
    func read(_ receipts: [SignedReceipt], _ answer: Evidence.Answer?) throws -> Evidence {
      let bytes = try Evidence.signed(against: accused.host.id, "r", receipts, answer: answer, by: accuser.host)
      return try Evidence(verifying: bytes, host: other.host)
    }
    let whole = try read([receipt], answer)
    #expect(whole.accused == accused.host.id)
    #expect(whole.accuser == accuser.host.id)
    #expect(whole.answer?.tokens == answer.tokens)
    // Receipts of another, none, an answer that the receipt is not about.
    #expect(throws: PeerError.self) { _ = try read([foreign], nil) }
    #expect(throws: PeerError.self) { _ = try read([receipt, foreign], nil) }
    #expect(throws: PeerError.self) { _ = try read([], nil) }
    #expect(throws: PeerError.self) { _ = try read([receipt], lie) }
    let bytes = try Evidence.signed(against: accused.host.id, "r", [receipt], answer: answer, by: accuser.host)
    var random = SplitMix64(seed: 3)
    var refused = 0
    for _ in 0..<500 {
      var damaged = bytes
      damaged[Int.random(in: damaged.indices, using: &random)] ^= 1 << Int.random(in: 0..<8, using: &random)
      if (try? Evidence(verifying: damaged, host: other.host)) == nil { refused += 1 }
    }
    #expect(refused == 500)
    // In another's name.
    var forged = try Evidence.signed(against: other.host.id, "r", [foreign], answer: nil, by: accuser.host)
    forged.removeLast()
    #expect(throws: PeerError.self) { _ = try Evidence(verifying: forged, host: other.host) }
  }

  @Test func accusersWithoutProofCostTheAccusedNothing() throws {
    let network = MemoryNetwork()
    let accused = try network.host(1).id
    var reputation = Reputation()
    for _ in 0..<20 { reputation.succeeded(accused, firstToken: nil, at: .zero) }
    let before = reputation.reliability(of: accused)
    for number in 2..<200 {
      reputation.accused(accused, by: try network.host(UInt8(number)).id, "made up", at: .zero)
    }
    #expect(reputation.reliability(of: accused) == before)
    #expect(!reputation.isLiar(accused))
    // But its next answers are looked at, a few.
    var trials = 0
    while reputation.takeTrial(of: accused) { trials += 1 }
    #expect(trials == 4)
    reputation.accused(accused, by: try network.host(7).id, "again", at: .zero)
    let isTriedAgain = reputation.takeTrial(of: accused)
    #expect(!isTriedAgain)
    #expect(reputation.history(of: accused).count <= Reputation.maximumHistory)
  }

  @Test func aCrowdOfMadeUpLiarsLeavesRoomForOthers() throws {
    func peer(_ number: Int) throws -> PeerID {
      let digest = KeyHash.sha256((0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) })
      return try PeerID(multihash: Multihash(sha256: digest))
    }
    var reputation = Reputation()
    let real = try peer(-1)
    for number in 0..<(Reputation.maximumPeers + 100) {
      reputation.lied(try peer(number), "made up", at: .seconds(number))
      reputation.succeeded(real, firstToken: nil, at: .seconds(number))
    }
    #expect(reputation.reliability(of: real) > 0.9)
    let newcomer = try peer(-2)
    reputation.succeeded(newcomer, firstToken: nil, at: .seconds(9_999))
    #expect(reputation.reliability(of: newcomer) > 0.5)
  }

  @Test func whoHearsAnAccusationComputesAgainBeforeItBelieves() async throws {
    let network = MemoryNetwork()
    let hub = TopicHub()
    let witness = try tests.node(1, network, serves: false, topics: hub) { $0.auditing.accusationPause = .zero }
    let (liar, honest) = (try tests.node(2, network), try tests.node(3, network))
    let accuser = try tests.node(4, network)
    try await tests.running(network, [witness, liar, honest, accuser]) {
      try await until { hub.followed.count == 3 }
      func accuse(_ peer: TestNode, falsely: Bool, told: Bool = true) throws {
        let (answer, receipt) = try answered(by: peer, to: accuser.host.id, falsely: falsely)
        let bytes = try Evidence.signed(
          against: peer.host.id, "false", [receipt], answer: told ? answer : nil, by: accuser.host)
        #expect(hub.publish(bytes, topic: Auditor.evidenceTopic, by: accuser.host) == [.accept])
      }
      // A true answer, a receipt alone: nothing follows.
      try accuse(honest, falsely: false)
      try accuse(honest, falsely: true, told: false)
      try accuse(liar, falsely: true)
      try await until { !witness.service.asker.liars.isEmpty }
      #expect(witness.service.asker.liars.map(\.peer) == [liar.host.id])
      #expect(witness.service.asker.reliability(of: honest.host.id) == 0.5)
      #expect(witness.service.asker.reliability(of: liar.host.id) == 0)
      try await until { witness.service.asker.history(of: honest.host.id).count == 2 }
    }
  }

  @Test func twoAnswersToOneQuestionConvictByThemselves() async throws {
    let network = MemoryNetwork()
    let hub = TopicHub()
    let witness = try tests.node(1, network, serves: false, topics: hub)
    let (liar, accuser) = (try tests.node(2, network), try tests.node(3, network))
    try await tests.running(network, [witness, liar, accuser]) {
      try await until { hub.followed.count == 3 }
      let (_, one) = try answered(by: liar, to: accuser.host.id)
      let (_, other) = try answered(by: liar, to: witness.host.id, falsely: true)
      let bytes = try Evidence.signed(against: liar.host.id, "two", [one, other], answer: nil, by: accuser.host)
      #expect(hub.publish(bytes, topic: Auditor.evidenceTopic, by: accuser.host) == [.accept])
      #expect(witness.service.asker.liars.map(\.peer) == [liar.host.id])
      #expect(witness.receipts.newest(.evidence, limit: 9) == [bytes])
      // Told again, it fills nothing.
      #expect(hub.publish(bytes, topic: Auditor.evidenceTopic, by: accuser.host) == [.accept])
      #expect(witness.receipts.newest(.evidence, limit: 9).count == 1)
    }
  }

  @Test func gossipThatDoesNotHoldIsRejected() async throws {
    let network = MemoryNetwork()
    let hub = TopicHub()
    let witness = try tests.node(1, network, serves: false, topics: hub)
    let (giver, other) = (try tests.node(2, network), try tests.node(3, network))
    try await tests.running(network, [witness, giver, other]) {
      try await until { hub.followed.count == 3 }
      let (answer, receipt) = try answered(by: giver, to: other.host.id)
      let evidence = try Evidence.signed(against: giver.host.id, "r", [receipt], answer: answer, by: other.host)
      let offer = PeerOffer(
        peer: giver.host.id, sequence: .max / 2, models: [ModelOffer(name: "new")], region: nil, running: 0,
        capacity: 1,
        addresses: [])
      let signed = try offer.signed(by: giver.host)
      let said: [(data: [UInt8], topic: String, by: MemoryHost, Gossipsub.Verdict)] = [
        ([1, 2, 3], Auditor.evidenceTopic, other.host, .reject),
        (evidence, Auditor.evidenceTopic, giver.host, .reject),
        ([UInt8](repeating: 0, count: Evidence.maximumSize + 1), Auditor.evidenceTopic, other.host, .reject),
        ([1, 2, 3], Auditor.probeTopic, other.host, .reject),
        (receipt.bytes, Auditor.probeTopic, giver.host, .reject),
        (receipt.bytes, Auditor.probeTopic, other.host, .accept),
        ([1, 2, 3], InferenceService.offerTopic, giver.host, .reject),
        (Array(signed.dropLast()) + [signed[signed.count - 1] ^ 1], InferenceService.offerTopic, giver.host, .reject),
        (signed, InferenceService.offerTopic, other.host, .reject),
        (signed, InferenceService.offerTopic, giver.host, .accept),
        // Known already, but others may hear it here first.
        (signed, InferenceService.offerTopic, giver.host, .accept),
      ]
      for (index, message) in said.enumerated() {
        #expect(hub.publish(message.data, topic: message.topic, by: message.by) == [message.3], "message \(index)")
      }
      var old = offer
      old.sequence -= 1
      #expect(
        hub.publish(try old.signed(by: giver.host), topic: InferenceService.offerTopic, by: giver.host) == [.ignore])
      #expect(witness.service.asker.offers.contains { $0.models.map(\.name) == ["new"] })
    }
  }

  @Test func offersOfStrangersMakeRoomForThoseOfConnectedPeers() throws {
    let network = MemoryNetwork()
    var limits = OfferBook.Limits()
    limits.peers = 3
    var book = OfferBook(limits: limits)
    func offer(_ number: UInt8) throws -> PeerOffer {
      PeerOffer(
        peer: try network.host(number).id, sequence: 1, models: [], region: nil, running: 0, capacity: 1, addresses: [])
    }
    let near = try offer(1)
    var taken = [book.add(near, signed: [], isNear: true, at: .zero)]
    for number in 2...3 { taken.append(book.add(try offer(UInt8(number)), signed: [], at: .seconds(number))) }
    taken.append(book.add(try offer(4), signed: [], at: .seconds(4)))
    for number in 5...7 {
      taken.append(book.add(try offer(UInt8(number)), signed: [], isNear: true, at: .seconds(number)))
    }
    // The strangers 2 and 3 make room for 5 and 6; then only connected ones are left.
    #expect(taken == [true, true, true, false, true, true, false])
    #expect(book.offer(of: near.peer) != nil)
    #expect(book.current(at: .seconds(7)).count == 3)
  }

  @Test func whatWaitsForASlowPeerIsBoundedInBytes() async throws {
    let room = GossipQueueRoom(limit: 5 << 20)
    let rpc = [UInt8](repeating: 0, count: 1 << 20)
    do {
      let (slow, other) = (GossipQueue(room: room), GossipQueue(room: room))
      var taken = 0
      for _ in 0..<10 where slow.add(rpc) { taken += 1 }
      #expect(taken == 4)
      #expect(other.add(rpc))
      #expect(!other.add(rpc))
      #expect(room.bytes == 5 << 20)
      // One is written, and there is room again.
      var waiting = slow.rpcs.makeAsyncIterator()
      slow.written(try #require(await waiting.next()))
      #expect(other.add(rpc))
      for _ in 0..<1_000 { other.add([1]) }
      #expect(room.bytes <= 5 << 20)
    }
    #expect(room.bytes == 0)
  }
}
