import Routing
import Testing

@Suite struct CanaryReleaseTests {
  /// Runs one release to its end, or for `limit` requests, on simulated answers.
  private func release(
    seed: UInt64, success: Double, latencyFactor: Double, limit: Int = 20_000
  ) -> CanaryRelease {
    var generator = SeededGenerator(seed: seed)
    var canary = CanaryRelease()
    for request in 0..<limit {
      if case .running = canary.stage {
        let arm = canary.arm(of: "request \(seed) \(request)")
        // Heavy-tailed latencies: the reciprocal of a uniform draw.
        let base = 100 / max(0.01, generator.unit())
        canary.observe(
          arm, succeeded: generator.unit() < (arm == .canary ? success : 0.98),
          latency: arm == .canary ? base * latencyFactor : base)
      }
    }
    return canary
  }

  @Test func aGoodCanaryIsSeldomRolledBack() {
    // At the limit of what is good enough: success just at the floor, latency just at the ratio.
    let rolledBack = (1...200).count { seed in
      if case .rolledBack = release(seed: UInt64(seed), success: 0.95, latencyFactor: 1.1).stage { return true }
      return false
    }
    // α is 5 %: of 200, 10 are expected at most; 20 would be 3 deviations more.
    #expect(rolledBack <= 20)
  }

  @Test func aCanaryAsGoodAsTheBaselineIsPromoted() {
    let promoted = (1...40).count { release(seed: UInt64($0), success: 0.985, latencyFactor: 1).stage == .promoted }
    #expect(promoted >= 38)
  }

  @Test func aFailingCanaryIsRolledBackAndNeverPromoted() {
    let stages = (1...100).map { release(seed: UInt64($0), success: 0.90, latencyFactor: 1).stage }
    #expect(stages.count { $0 == .promoted } <= 5)
    #expect(
      stages.count {
        if case .rolledBack(let reason) = $0 { return reason.contains("success rate") }
        return false
      } >= 95)
  }

  @Test func aSlowCanaryIsRolledBack() {
    let rolledBack = (1...50).count { seed in
      if case .rolledBack(let reason) = release(seed: UInt64(seed), success: 0.99, latencyFactor: 2).stage {
        return reason.contains("slower")
      }
      return false
    }
    #expect(rolledBack >= 48)
  }

  @Test func theShareStartsAtFivePercentAndDoubles() {
    var canary = CanaryRelease()
    var shares = [canary.share]
    for _ in 0..<5000 {
      canary.observe(.baseline, succeeded: true, latency: 100)
      canary.observe(.canary, succeeded: true, latency: 100)
      if canary.share != shares.last { shares.append(canary.share) }
    }
    #expect(shares == [0.05, 0.1, 0.2, 0.4, 0.8, 1])
    #expect(canary.stage == .promoted)
  }

  @Test func whoHadTheCanaryKeepsItAsItsShareGrows() {
    var canary = CanaryRelease()
    let units = (0..<2000).map { "session \($0)" }
    let early = Set(units.filter { canary.arm(of: $0) == .canary })
    #expect((60...140).contains(early.count))
    while canary.share < 0.2 {
      canary.observe(.baseline, succeeded: true, latency: 100)
      canary.observe(.canary, succeeded: true, latency: 100)
    }
    #expect(early.isSubset(of: units.filter { canary.arm(of: $0) == .canary }))
  }
}

@Suite struct ConfidenceSequenceTests {
  @Test(arguments: [0.05, 0.5, 0.95])
  func theTruthLeavesTheIntervalAsSeldomAsPromised(_ proportion: Double) {
    var missed = 0
    for seed in 1...300 {
      var generator = SeededGenerator(seed: UInt64(seed))
      var sequence = ConfidenceSequence(alpha: 0.1)
      var left = false
      // Looks after every outcome, which would break a test of fixed size.
      for _ in 0..<1000 {
        sequence.observe(generator.unit() < proportion)
        left = left || sequence.rejects(proportion)
      }
      missed += left ? 1 : 0
    }
    // 30 are expected at most; 46 would be 3 deviations more.
    #expect(missed <= 46)
  }

  @Test func theIntervalHoldsTheMeanAndNarrows() {
    var sequence = ConfidenceSequence(alpha: 0.05)
    #expect(sequence.lower == 0)
    #expect(sequence.upper == 1)
    var width = 1.0
    for round in 1...4 {
      for index in 0..<(100 * round * round) { sequence.observe(index % 4 != 0) }
      #expect(sequence.lower < sequence.mean && sequence.mean < sequence.upper)
      #expect(sequence.upper - sequence.lower < width)
      width = sequence.upper - sequence.lower
    }
  }
}

@Suite struct ABExperimentTests {
  @Test func unitsAreDividedByWeightAndStayTogether() throws {
    let experiment = try ABExperiment(name: "tone", weights: [("a", 3), ("b", 1)])
    let units = (0..<4000).map { "user \($0)" }
    let first = units.map { experiment.assignment(of: $0) }
    #expect(first == units.map { experiment.assignment(of: $0) })
    #expect((2850...3150).contains(first.count { $0 == "a" }))
  }

  @Test func equalArmsSeldomHaveAWinner() throws {
    var wrong = 0
    for seed in 1...100 {
      var generator = SeededGenerator(seed: UInt64(seed))
      var experiment = try ABExperiment(name: "same", weights: [("a", 1), ("b", 1)])
      for _ in 0..<500 {
        experiment.observe("a", succeeded: generator.unit() < 0.8)
        experiment.observe("b", succeeded: generator.unit() < 0.8)
      }
      if experiment.verdict != .undecided { wrong += 1 }
    }
    #expect(wrong <= 5)
  }

  @Test func aMuchBetterArmWins() throws {
    var generator = SeededGenerator(seed: 1)
    var experiment = try ABExperiment(name: "better", weights: [("a", 1), ("b", 1)])
    for _ in 0..<1000 {
      experiment.observe("a", succeeded: generator.unit() < 0.9)
      experiment.observe("b", succeeded: generator.unit() < 0.7)
    }
    guard case .winner(let model, _, _) = experiment.verdict else {
      Issue.record("expected a winner, found \(experiment.verdict)")
      return
    }
    #expect(model == "a")
  }

  @Test func anExperimentNeedsDifferentModelsWithPositiveWeights() {
    #expect(throws: RoutingError.self) { try ABExperiment(name: "x", weights: [("a", 1)]) }
    #expect(throws: RoutingError.self) { try ABExperiment(name: "x", weights: [("a", 1), ("a", 1)]) }
    #expect(throws: RoutingError.self) { try ABExperiment(name: "x", weights: [("a", 1), ("b", .nan)]) }
  }
}
