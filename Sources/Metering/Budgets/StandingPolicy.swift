import ModelInterface
import Synchronization

/// A policy in force, with what has been worked out from it. Another object stands for another policy.
final class StandingPolicy: Sendable {
  /// The most models that are remembered; names come from requests.
  private static let memory = 4_096

  let value: MeteringPolicy
  /// Whether any price is one of a single provider.
  private let distinguishesProviders: Bool
  /// The prices that a model may turn out to have.
  private let possible = Mutex<[String: [ModelPrice]]>([:])

  init(_ policy: MeteringPolicy) {
    value = policy
    distinguishesProviders = policy.prices.prices.keys.contains { $0.utf8.contains(UInt8(ascii: "/")) }
  }

  /// The most that the tokens can cost.
  ///
  /// - Parameter resolve: what the model may turn out to be.
  func upperBound(of model: String, _ usage: Usage, _ resolve: (String) -> [String]) -> Money {
    let prices = possible.withLock { $0[model] } ?? learn(model, resolve)
    return prices.reduce(.zero) { max($0, $1.upperBound(usage)) }
  }

  private func learn(_ model: String, _ resolve: (String) -> [String]) -> [ModelPrice] {
    let prices = value.prices.possible(for: resolve(model))
    possible.withLock { known in
      if known.count >= Self.memory { known = [:] }
      known[model] = prices
    }
    return prices
  }

  /// ``PriceList/price(of:provider:askedAs:)``.
  func price(of model: String, provider: String?, askedAs name: String) -> ModelPrice {
    value.prices.price(of: model, provider: distinguishesProviders ? provider : nil, askedAs: name)
  }
}

/// The policy in force, which changes while requests read it.
final class PolicyCell: Sendable {
  private let state: Mutex<StandingPolicy>

  init(_ policy: MeteringPolicy) {
    state = Mutex(StandingPolicy(policy))
  }

  var value: StandingPolicy { state.withLock { $0 } }

  func set(_ policy: MeteringPolicy) {
    let next = StandingPolicy(policy)
    state.withLock { $0 = next }
  }
}
