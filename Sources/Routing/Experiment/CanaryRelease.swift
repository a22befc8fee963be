/// Brings a new model into use step by step: 5 % of the traffic, doubled while it succeeds at least 95 % of the time and is
/// at most 10 % slower, and rolled back otherwise.
///
/// Both judgements are sequential tests over all of the canary's life, so that looking after every answer costs nothing:
///
/// - *Success.* A confidence sequence of the canary's success rate. Rolled back once it lies below 95 %; a canary that
///   succeeds 95 % of the time or more is rolled back for that with probability at most α/2, ever. A step up needs the
///   observed rate to be 95 % at least, and the sequence to lie above 95 % less the margin.
/// - *Latency.* Each canary answer is paired with a baseline answer, and counts as slower when it took over 1.1 times as
///   long. If the canary's latency is no more than 1.1 times the baseline's in distribution, that happens at most every
///   second time, whatever the distribution. Rolled back once a confidence sequence lies above one half, likewise with
///   probability at most α/2 for a canary that is quick enough.
package struct CanaryRelease: Sendable, Codable, Equatable {
  /// The thresholds; the defaults are the documented ones.
  package struct Settings: Sendable, Codable, Equatable {
    package var initialShare = 0.05
    package var successFloor = 0.95
    /// How far below the floor the success rate could still lie when a step up is made.
    package var successMargin = 0.03
    /// The largest acceptable ratio of latencies.
    package var latencyRatio = 1.10
    /// How far above one half the share of slower pairs could still lie when a step up is made.
    package var latencyMargin = 0.15
    /// The probability, over all time, of rolling back a canary that is good enough.
    package var alpha = 0.05
    /// Canary answers that each step must see.
    package var answersPerStep = 50

    package init() {}
  }

  /// Where the release stands.
  package enum Stage: Sendable, Codable, Equatable {
    /// This share of the traffic goes to the canary.
    case running(share: Double)
    /// All traffic does; the release is over.
    case promoted
    /// None does; the release is over.
    case rolledBack(reason: String)
  }

  /// Which side answered.
  package enum Arm: String, Sendable, Codable {
    case baseline, canary
  }

  /// Baseline latencies that wait for a canary answer to be paired with, at most; the latest are kept.
  static let pairingLimit = 64

  package let settings: Settings
  package private(set) var stage: Stage
  package private(set) var success: ConfidenceSequence
  package private(set) var slower: ConfidenceSequence
  private var baselineLatencies: [Double] = []
  private var answersInStep = 0

  /// A release at its first step.
  package init(settings: Settings = Settings()) {
    self.settings = settings
    stage = .running(share: max(0, min(1, settings.initialShare)))
    success = ConfidenceSequence(alpha: settings.alpha / 2)
    slower = ConfidenceSequence(alpha: settings.alpha / 2)
  }

  /// The share of traffic that the canary gets now, 0 to 1.
  package var share: Double {
    switch stage {
    case .running(let share): share
    case .promoted: 1
    case .rolledBack: 0
    }
  }

  /// The arm of one unit (a request, or a session that must stay together): always the same for the same share or more, so
  /// that nobody goes back and forth while the share grows.
  package func arm(of unit: String) -> Arm {
    Double(mixed(stableHash(unit)) >> 11) * 0x1p-53 < share ? .canary : .baseline
  }

  /// Counts an answer, and moves the release accordingly.
  ///
  /// - Parameters:
  ///   - succeeded: whether the answer came and was accepted; failures of the request itself are not counted.
  ///   - latency: milliseconds of the whole answer.
  package mutating func observe(_ arm: Arm, succeeded: Bool, latency: Double) {
    guard case .running(let share) = stage else { return }
    let latency = latency.isNaN ? .infinity : max(0, latency)
    if arm == .baseline {
      if succeeded {
        baselineLatencies.append(latency)
        if baselineLatencies.count > Self.pairingLimit { baselineLatencies.removeFirst() }
      }
      return
    }
    success.observe(succeeded)
    answersInStep += 1
    if succeeded, let paired = baselineLatencies.popLast() {
      slower.observe(latency > settings.latencyRatio * paired)
    }
    if success.upper < settings.successFloor {
      stage = .rolledBack(
        reason: "success rate \(success.successes) of \(success.count), at most \(percent(success.upper)) with"
          + " confidence \(percent(1 - success.alpha)); the floor is \(percent(settings.successFloor))")
    } else if slower.lower > 0.5 {
      stage = .rolledBack(
        reason:
          "slower than \(settings.latencyRatio) times the baseline in \(slower.successes) of \(slower.count) pairs,"
          + " at least \(percent(slower.lower)) with confidence \(percent(1 - slower.alpha)); the limit is 50.0 %")
    } else if stepIsEarned {
      stage = share >= 0.5 ? .promoted : .running(share: min(1, 2 * share))
      answersInStep = 0
    }
  }

  private var stepIsEarned: Bool {
    answersInStep >= settings.answersPerStep && success.mean >= settings.successFloor
      && success.lower >= settings.successFloor - settings.successMargin
      && slower.count > 0 && slower.upper <= 0.5 + settings.latencyMargin
  }

  private func percent(_ share: Double) -> String { "\((share * 1000).rounded() / 10) %" }
}
