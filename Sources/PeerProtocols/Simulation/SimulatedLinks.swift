/// How long messages take between simulated nodes.
package struct SimulatedLinks: Sendable {
  /// The least time one way.
  package var base: Duration = .milliseconds(4)
  /// More time one way, across the whole map.
  package var span: Duration = .milliseconds(90)
  /// The share of messages that have to be sent again.
  package var loss = 0.01
  /// How long until one that was lost is sent again.
  package var resend: Duration = .milliseconds(250)
  /// How long a connection to somebody who is not there is tried.
  package var dialTimeout: Duration = .seconds(3)

  package init() {}

  /// The time one way between two places of the unit square.
  func delay(from: SimulatedPlace, to: SimulatedPlace, using random: inout SplitMix64) -> Duration {
    let (x, y) = (from.x - to.x, from.y - to.y)
    let distance = (x * x + y * y).squareRoot()
    var delay = base + span * distance * (0.9 + 0.2 * random.unit())
    var resends = 0
    while random.unit() < loss, resends < 4 {
      delay += resend
      resends += 1
    }
    return delay
  }
}

/// Where a node stands in the unit square.
struct SimulatedPlace: Sendable {
  let x: Double
  let y: Double
}
