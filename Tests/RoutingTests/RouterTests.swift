import Foundation
import Testing

@testable import Routing

@Suite struct RouterTests {
  private let cheap = Candidate(
    name: "small", contextWindow: 8192, region: "eu", price: TokenPrice(inputMicros: 100_000, outputMicros: 200_000),
    latency: ObservedLatency(p50: 200, p95: 400), assumedQuality: 0.6)
  private let dear = Candidate(
    name: "large", contextWindow: 128_000, modalities: [.text, .image], region: "us",
    price: TokenPrice(inputMicros: 5_000_000, outputMicros: 15_000_000), latency: ObservedLatency(p50: 900, p95: 2000),
    location: .upstream, assumedQuality: 0.9)
  private let plain = Candidate(
    name: "plain", supportsTools: false, price: .free, latency: ObservedLatency(p50: 100, p95: 150),
    assumedQuality: 0.3)

  private func decide(
    _ request: RouteRequest, _ policy: RoutePolicy, seed: UInt64 = 1
  ) throws -> RouteDecision {
    var settings = Router.Settings()
    settings.explorationCap = 0
    var router = Router(settings: settings)
    return try router.decide(request, among: [cheap, dear, plain], policy: policy, seed: seed)
  }

  @Test func eachPolicyChoosesByItsOwnMeasure() throws {
    let request = RouteRequest(prompt: "What is the capital of France?")
    #expect(try decide(request, .qualityFirst(spendingCapMicros: nil)).chosen == "large")
    #expect(try decide(request, .qualityFirst(spendingCapMicros: 1000)).chosen == "small")
    #expect(try decide(request, .costOptimised(qualityFloor: 0)).chosen == "plain")
    #expect(try decide(request, .costOptimised(qualityFloor: 0.6)).chosen == "small")
    #expect(try decide(request, .costOptimised(qualityFloor: 0.9)).chosen == "large")
    #expect(try decide(request, .latencyFirst(qualityFloor: 0)).chosen == "plain")
    #expect(try decide(request, .latencyFirst(qualityFloor: 0.6)).chosen == "small")
    #expect(try decide(request, .balanced()).chosen == "small")
    #expect(try decide(request, .strongShare(1)).chosen == "large")
    #expect(try decide(request, .strongShare(0)).chosen == "plain")
  }

  @Test func aSpendingCapThatNobodyMeetsTakesTheCheapest() throws {
    var router = Router()
    let decision = try router.decide(
      RouteRequest(prompt: "Hi"), among: [cheap, dear], policy: .qualityFirst(spendingCapMicros: 0), seed: 1)
    #expect(decision.chosen == "small")
    #expect(decision.basis == .fallback)
  }

  @Test(arguments: [
    ("large", RouteRequest(prompt: "Hi", promptTokens: 50_000)),
    ("large", RouteRequest(prompt: "Hi", modalities: [.image])),
    ("small", RouteRequest(prompt: "Hi", constraints: .init(regions: ["eu"]))),
    ("plain", RouteRequest(prompt: "Hi", constraints: .init(budgetMicros: 0))),
    ("plain", RouteRequest(prompt: "Hi", constraints: .init(latencyLimit: 200))),
    ("small", RouteRequest(prompt: "Hi", constraints: .init(allowedModels: ["small"]))),
    ("small", RouteRequest(prompt: "Hi", toolCount: 2, constraints: .init(deniedModels: ["large"]))),
  ])
  func hardConstraintsLeaveWhoSatisfiesThem(_ expected: String, _ request: RouteRequest) throws {
    let decision = try decide(request, .qualityFirst(spendingCapMicros: nil))
    #expect(decision.chosen == expected)
    #expect(decision.candidates.count { $0.excluded != nil } == 2)
    for candidate in decision.candidates where candidate.excluded != nil { #expect(candidate.score == nil) }
  }

  @Test func anExclusionNamesItsNumbers() throws {
    let decision = try decide(RouteRequest(prompt: "Hi", promptTokens: 50_000), .balanced())
    #expect(decision.candidates[0].excluded == .contextWindow(needed: 50_512, window: 8192))
    #expect(decision.explanation.contains { $0.contains("needs 50512 tokens, its context window has 8192") })
  }

  @Test func whenNobodyCanTakeARequestEveryReasonIsTold() throws {
    var down = cheap
    down.health = .down
    var router = Router()
    do {
      _ = try router.decide(
        RouteRequest(prompt: "Hi", constraints: .init(localOnly: true)), among: [down, dear], policy: .balanced(),
        seed: 1)
      Issue.record("expected an error")
    } catch {
      #expect(
        error
          == .noCandidate(
            reasons: ["small is down", "large runs on upstream, the request must stay on this machine"],
            exclusions: [.health(.down), .notLocal(.upstream)]))
    }
    #expect(throws: RoutingError.noCandidate(reasons: [])) {
      try router.decide(RouteRequest(prompt: "Hi"), among: [], policy: .balanced(), seed: 1)
    }
  }

  @Test func hugeNumbersNeitherOverflowNorPass() throws {
    var request = RouteRequest(prompt: "Hi", promptTokens: Int.max, answerTokens: Int.max)
    #expect(throws: RoutingError.self) { try decide(request, .balanced()) }
    request.promptTokens = -5
    request.answerTokens = 10
    #expect(try decide(request, .balanced()).candidates[0].costMicros == 2)
    #expect(TokenPrice(inputMicros: .max, outputMicros: .max).micros(input: .max, output: .max) == .max)
  }

  @Test func aDecisionIsReplayedFromTheSameRouterRequestAndSeed() throws {
    let predictor = try QualityPredictor.train(
      on: QualityPredictorTests.records(300, seed: 1), settings: RoutingPriorTests.quick, prior: nil)
    let weak = Candidate(name: RoutingRecord.weak, price: TokenPrice(inputMicros: 1, outputMicros: 1))
    let strong = Candidate(name: RoutingRecord.strong, price: TokenPrice(inputMicros: 100, outputMicros: 100))
    var settings = Router.Settings()
    settings.explorationCap = 0.2
    var router = Router(predictor: predictor, settings: settings)
    var generator = SeededGenerator(seed: 2)
    for record in QualityPredictorTests.records(300, seed: 7) {
      let policy: RoutePolicy = [
        .balanced(), .strongShare(0.3), .costOptimised(qualityFloor: 0.8), .qualityFirst(spendingCapMicros: 5),
      ][generator.index(below: 4)]
      let seed = generator.next()
      var copy = router
      let request = RouteRequest(prompt: record.prompt)
      let decision = try router.decide(request, among: [weak, strong], policy: policy, seed: seed)
      #expect(try copy.decide(request, among: [weak, strong], policy: policy, seed: seed) == decision)
      let stored = try JSONEncoder().encode(decision)
      let read = try JSONDecoder().decode(RouteDecision.self, from: stored)
      #expect(read == decision)
      #expect(read.replayedGreedyChoice() == decision.greedy)
      #expect(read.replayedChoice() == decision.chosen)
    }
  }

  @Test(arguments: [0.1, 0.3, 0.7])
  func aStrongShareIsMetOnTheNodesOwnTraffic(_ share: Double) throws {
    let predictor = try QualityPredictor.train(
      on: QualityPredictorTests.records(300, seed: 1), settings: RoutingPriorTests.quick, prior: nil)
    let weak = Candidate(name: RoutingRecord.weak, price: TokenPrice(inputMicros: 1, outputMicros: 1))
    let strong = Candidate(name: RoutingRecord.strong, price: TokenPrice(inputMicros: 100_000, outputMicros: 100_000))
    var settings = Router.Settings()
    settings.explorationCap = 0
    var router = Router(predictor: predictor, settings: settings)
    let traffic = QualityPredictorTests.records(1500, seed: 8)
    var calls = 0
    for (index, record) in traffic.enumerated() {
      let decision = try router.decide(
        RouteRequest(prompt: record.prompt), among: [weak, strong], policy: .strongShare(share), seed: UInt64(index))
      calls += decision.chosen == RoutingRecord.strong ? 1 : 0
    }
    #expect(abs(Double(calls) / Double(traffic.count) - share) < 0.05)
  }

  /// Traffic that is all of one kind for long, and then all of another: of any 200 requests the share is strong.
  @Test(arguments: [0.1, 0.3, 0.7]) func aStrongShareHoldsWhileTrafficChanges(_ share: Double) throws {
    let weak = Candidate(name: "weak", price: TokenPrice(inputMicros: 1, outputMicros: 1), assumedQuality: 0.4)
    let strong = Candidate(
      name: "strong", price: TokenPrice(inputMicros: 100_000, outputMicros: 100_000), assumedQuality: 0.9)
    var settings = Router.Settings()
    settings.explorationCap = 0
    var router = Router(settings: settings)
    let easy = ["Hi", "Thanks!", "Say hello.", "What is 2 + 2?"]
    let hard = [
      "Prove by induction that the sum of the first n odd numbers is n², and derive its asymptotic growth step by step.",
      "Derive the lower bound on replicas under Byzantine faults, and analyse which lemma fails with one fewer.",
    ]
    func bound(_ count: Double) -> Double { (1 + 2 * ShareLevels.step) / (count * ShareLevels.step) }
    var window: [Bool] = []
    var calls = 0
    for (index, prompts) in [easy, hard, easy, hard].enumerated() {
      for place in 0..<400 {
        let decision = try router.decide(
          RouteRequest(prompt: prompts[place % prompts.count]), among: [weak, strong], policy: .strongShare(share),
          seed: UInt64(index * 400 + place))
        let isStrong = decision.chosen == "strong"
        #expect(decision.replayedGreedyChoice() == decision.greedy)
        window.append(isStrong)
        calls += isStrong ? 1 : 0
        guard window.count == 200 else { continue }
        let found = Double(window.count { $0 }) / 200
        #expect(abs(found - share) <= bound(200), "\(found) of 200 before \(place) of part \(index)")
        window = []
      }
    }
    #expect(abs(Double(calls) / 1_600 - share) <= bound(1_600))
    let kept = try JSONDecoder().decode(Router.Memory.self, from: JSONEncoder().encode(router.memory))
    var again = Router(settings: settings)
    again.memory = kept
    let request = RouteRequest(prompt: "Hi")
    let next = try router.decide(request, among: [weak, strong], policy: .strongShare(share), seed: 9)
    #expect(try again.decide(request, among: [weak, strong], policy: .strongShare(share), seed: 9) == next)
  }

  @Test func amongEquallyDearModelsTheBetterIsTheStrongOne() throws {
    let small = Candidate(name: "a", assumedQuality: 0.4)
    let large = Candidate(name: "b", assumedQuality: 0.9)
    for candidates in [[small, large], [large, small]] {
      var router = Router()
      router.settings.explorationCap = 0
      func chosen(_ share: Double) throws -> String {
        try router.decide(RouteRequest(prompt: "Hi"), among: candidates, policy: .strongShare(share), seed: 1).chosen
      }
      #expect(try chosen(0) == "a")
      #expect(try chosen(1) == "b")
    }
  }

  /// A floor holds among those that are left: the cheapest of all is no stand-in for a strong model while there is a middling one.
  @Test func theNextBestIsWhatThePolicyWouldChooseWithoutTheFirst() throws {
    let models = [("tiny", 0.2, 1), ("middling", 0.8, 100), ("strong", 0.97, 1_000)].map { name, quality, price in
      Candidate(
        name: name, price: TokenPrice(inputMicros: price * 1_000, outputMicros: price * 1_000), assumedQuality: quality)
    }
    var router = Router()
    router.settings.explorationCap = 0
    let decision = try router.decide(
      RouteRequest(prompt: "Hi"), among: models, policy: .costOptimised(qualityFloor: 0.95), seed: 1)
    #expect(decision.chosen == "strong")
    #expect(decision.best { $0.name != "strong" }?.name == "middling")
    #expect(decision.best { $0.name == "tiny" }?.name == "tiny")
    #expect(decision.best { _ in false } == nil)
  }

  @Test func ofHundredsThatCannotTakeARequestThoseAreNamedThatWereMeant() throws {
    let models = (0..<300).map { Candidate(name: "m\($0)") } + [Candidate(name: "meant", health: .down)]
    var request = RouteRequest(prompt: "Hi")
    request.constraints.allowedModels = ["meant"]
    var router = Router()
    let error = #expect(throws: RoutingError.self) {
      try router.decide(request, among: models, policy: .balanced(), seed: 1)
    }
    let text = error?.description ?? ""
    #expect(text.hasPrefix("no model can take this request: meant is down; m0 is not among"))
    #expect(text.contains("293 more cannot either") && text.utf8.count < 800)
  }

  @Test func aModelThatWasSlowLongAgoIsAskedAgain() throws {
    var slow = Candidate(name: "slow", latency: ObservedLatency(p50: 900, p95: 9_000))
    var router = Router()
    var request = RouteRequest(prompt: "Hi")
    request.constraints.latencyLimit = 5_000
    #expect(throws: RoutingError.self) { try router.decide(request, among: [slow], policy: .balanced(), seed: 1) }
    slow.latency?.isRecent = false
    #expect(try router.decide(request, among: [slow], policy: .balanced(), seed: 1).chosen == "slow")
  }

  @Test func explorationStaysWithinItsCapAndIsMarked() throws {
    var settings = Router.Settings()
    settings.explorationCap = 0.05
    var router = Router(settings: settings)
    var rival = cheap
    rival.name = "rival"
    rival.assumedQuality = 0.58
    var explored = 0
    for seed in 0..<2000 {
      let decision = try router.decide(
        RouteRequest(prompt: "Hi"), among: [cheap, rival], policy: .qualityFirst(spendingCapMicros: nil),
        seed: UInt64(seed))
      #expect(decision.greedy == "small")
      if decision.chosen != decision.greedy {
        #expect(decision.basis == .exploration)
        explored += 1
      }
    }
    #expect((50...100).contains(explored))
    #expect(router.explored == explored)
    // What cannot explore earns nothing for what can.
    for seed in 0..<2_000 {
      _ = try router.decide(RouteRequest(prompt: "Hi"), among: [cheap], policy: .balanced(), seed: UInt64(seed))
    }
    for seed in 0..<100 {
      _ = try router.decide(
        RouteRequest(prompt: "Hi"), among: [cheap, rival], policy: .qualityFirst(spendingCapMicros: nil),
        seed: UInt64(seed))
    }
    #expect((1...6).contains(router.explored - explored))
  }

  @Test func feedbackTurnsTheChoiceRound() throws {
    var settings = Router.Settings()
    settings.explorationCap = 0
    var router = Router(settings: settings)
    let request = RouteRequest(prompt: "Calculate 3 percent of 12.")
    let features = PromptFeatures(request.prompt)
    let policy = RoutePolicy.qualityFirst(spendingCapMicros: nil)
    #expect(try router.decide(request, among: [cheap, dear], policy: policy, seed: 1).chosen == "large")
    for _ in 0..<100 {
      router.learn(QualityFeedback(model: "large", quality: 0, source: .person), features: features)
      router.learn(QualityFeedback(model: "small", quality: 1, source: .person), features: features)
    }
    #expect(try router.decide(request, among: [cheap, dear], policy: policy, seed: 1).chosen == "small")
  }

  @Test func aConversationKeepsItsModelWhileThatIsPossible() throws {
    var router = Router()
    let first = RouteRequest(prompt: "Hi", session: "s", constraints: .init(allowedModels: ["large"]))
    let later = RouteRequest(prompt: "And then?", session: "s")
    let candidates = [cheap, dear]
    let policy = RoutePolicy.costOptimised(qualityFloor: 0)
    #expect(try router.decide(first, among: candidates, policy: policy, seed: 1, at: 0).chosen == "large")
    let kept = try router.decide(later, among: candidates, policy: policy, seed: 1, at: 10)
    #expect(kept.chosen == "large")
    #expect(kept.basis == .session)
    var gone = dear
    gone.health = .down
    #expect(try router.decide(later, among: [cheap, gone], policy: policy, seed: 1, at: 20).chosen == "small")
    #expect(try router.decide(first, among: candidates, policy: policy, seed: 1, at: 30).chosen == "large")
    #expect(try router.decide(later, among: candidates, policy: policy, seed: 1, at: 10_000).chosen == "small")
  }

  @Test func affinityIsBounded() {
    var affinity = SessionAffinity(capacity: 100, lifetime: 1000)
    for index in 0..<10_000 { affinity.remember("s\(index)", "m", at: Double(index) / 100) }
    #expect(affinity.count <= 100)
    #expect(affinity.model(of: "s9999", at: 100) == "m")
    #expect(affinity.model(of: "s9960", at: 100) == "m")
    #expect(affinity.model(of: "s0", at: 100) == nil)
  }

  @Test func policyNamesAreUnderstoodOrRefused() throws {
    #expect(try RoutePolicy.named("auto") == .balanced())
    #expect(try RoutePolicy.named("auto:cheap") == .costOptimised(qualityFloor: 0.9))
    #expect(try RoutePolicy.named("auto:best") == .qualityFirst(spendingCapMicros: nil))
    #expect(try RoutePolicy.named("auto:fast") == .latencyFirst(qualityFloor: 0.8))
    #expect(try RoutePolicy.named("auto:30%") == .strongShare(0.3))
    #expect(try RoutePolicy.named("gpt-4") == nil)
    for name in ["auto:", "auto:101%", "auto:-1%", "auto:nan%", "auto:x", "auto:%"] {
      #expect(throws: RoutingError.unknownPolicy(name: name)) { try RoutePolicy.named(name) }
    }
  }

  @Test func settingsOutOfRangeAreRefused() {
    #expect(throws: RoutingError.self) { try decide(RouteRequest(prompt: "Hi"), .costOptimised(qualityFloor: 2)) }
    #expect(throws: RoutingError.self) { try decide(RouteRequest(prompt: "Hi"), .strongShare(.nan)) }
    #expect(throws: RoutingError.self) {
      try decide(RouteRequest(prompt: "Hi"), .balanced(.init(quality: 0, cost: 0, latency: 0)))
    }
  }
}
