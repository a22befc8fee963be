/// How hard a request is tried before it fails.
package struct ResiliencePolicy: Sendable, Hashable {
  /// The most attempts at one model, hedges included.
  package var attemptsPerModel = 4
  /// The most attempts at one request, over all models that it may fall back to.
  package var attempts = 8
  /// The ceiling of the first pause between attempts; it doubles with every further one.
  package var firstPause: Duration = .milliseconds(200)
  /// The longest pause that PRSM chooses by itself.
  package var pauseLimit: Duration = .seconds(10)
  /// The longest pause that an upstream's Retry-After is granted; beyond it the client is told to come back.
  package var retryAfterLimit: Duration = .seconds(30)
  /// Failures in a row that open the circuit breaker of a model at an endpoint, or of the endpoint.
  package var failuresToOpen = 5
  /// How long an open breaker keeps requests away.
  package var openTime: Duration = .seconds(60)
  /// How long a key rests after an endpoint has refused it.
  package var keyRest: Duration = .seconds(300)
  /// Hedges as a share of requests, at most.
  package var hedgeShare = 0.05
  /// The quantile of observed latency after which a request is hedged.
  package var hedgeQuantile = 0.95
  /// A latency seen less often than this is no ground for a hedge.
  package var hedgeSamples = 32

  /// The usual persistence.
  package init() {}

  /// A pause before the attempt after `failures` failures: truncated exponential back-off with full jitter (Brooker,
  /// "Exponential Backoff and Jitter", 2015), never under a tenth of its ceiling.
  func pause(after failures: Int, using generator: inout SplitMix) -> Duration {
    var ceiling = min(firstPause, pauseLimit)
    for _ in 0..<min(max(failures - 1, 0), 30) where ceiling < pauseLimit { ceiling = min(ceiling * 2, pauseLimit) }
    return ceiling * (0.1 + 0.9 * generator.fraction())
  }
}

/// The SplitMix64 generator (Steele, Lea and Flood, OOPSLA 2014): jitter that a test can repeat.
package struct SplitMix: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// The generator of a seed.
  package init(seed: UInt64) {
    state = seed
  }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// Uniform in 0..<1.
  mutating func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }
}
