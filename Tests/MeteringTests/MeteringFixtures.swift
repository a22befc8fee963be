import Foundation
import Metering
import ModelInterface
import Storage
import Synchronization

/// A clock that a test turns.
final class TestClock: Sendable {
  private let time: Mutex<UTCTime>

  /// 2026-11-24T12:00:00Z, unless told otherwise.
  init(seconds: Int64 = 1_795_521_600) {
    time = Mutex(UTCTime(seconds: seconds))
  }

  var now: UTCTime { time.withLock { $0 } }

  func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }

  var read: @Sendable () -> UTCTime { { self.now } }
}

/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}

/// A folder that goes when the test ends.
final class TemporaryFolder: Sendable {
  let path = FileManager.default.temporaryDirectory.appendingPathComponent("prsm-metering-\(UUID().uuidString)").path

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  func store() throws -> SQLiteUsageStore {
    var options = StoreOptions()
    options.isDurable = false
    return SQLiteUsageStore(
      try Store(path: path + "/usage.sqlite", migrations: UsageSchema.migrations, options: options))
  }
}

extension MeteringPolicy {
  /// Two models: `strong` at 10.00 and 30.00 a million tokens, `weak` at 0.10 and 0.30, and everything else free.
  static func sample(
    budgets: [Budget] = [], rates: [RateLimit] = [], cheaper: [String: [String]] = [:], lostCosts: LostCosts = .reserved
  ) -> MeteringPolicy {
    MeteringPolicy(
      prices: PriceList([
        "strong": ModelPrice(prompt: 10_000_000, cachedPrompt: 1_000_000, completion: 30_000_000),
        "weak": ModelPrice(prompt: 100_000, completion: 300_000),
      ]), budgets: budgets, rates: rates, cheaper: cheaper, lostCosts: lostCosts)
  }
}

extension MeteredRequest {
  static func sample(
    _ model: String = "strong", account: Account = Account(key: "k1"), prompt: Int = 1_000, output: Int? = 1_000,
    priority: Int = 0
  ) -> MeteredRequest {
    MeteredRequest(
      requestID: "r", account: account, model: model, promptTokens: prompt, outputTokens: output, priority: priority)
  }
}

extension MeteringDecision {
  var grant: Grant? { if case .granted(let grant) = self { grant } else { nil } }
  var refusal: MeteringRefusal? {
    switch self {
    case .refused(let refusal), .deferred(let refusal): refusal
    case .granted, .unavailable: nil
    }
  }
  var isDeferred: Bool { if case .deferred = self { true } else { false } }
}

extension MeteredUse {
  static func finished(_ model: String, prompt: Int, completion: Int) -> MeteredUse {
    MeteredUse(
      outcome: .finished, model: model, provider: "mock",
      usage: Usage(promptTokens: prompt, completionTokens: completion), isExact: true)
  }
}

extension UsageStore {
  /// All events.
  func all() async throws -> [UsageEvent] {
    try await events(from: UTCTime(seconds: 0), to: UTCTime(microseconds: .max), limit: 1_000_000)
  }
}
