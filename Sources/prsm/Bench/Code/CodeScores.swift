import CodeGeneration
import Foundation
import ModelInterface

/// What methods solved of the same problems.
struct CodeScores {
  let outcomes: [CodeMethod: [CodeOutcome]]

  /// - Parameter outcomes: for each method the problems in the same order.
  init(_ outcomes: [CodeMethod: [CodeOutcome]]) {
    self.outcomes = outcomes
  }

  /// The published object, with what else is worth knowing.
  var json: JSONValue {
    var object: JSONObject = [:]
    for method in CodeMethod.allCases {
      guard let list = outcomes[method] else { continue }
      let solved = list.count { $0.isSolved }
      object[method.rawValue] = [
        "solved": .integer(solved), "of": .integer(list.count),
        "pass_at_1": .rounded(list.isEmpty ? .nan : Double(solved) / Double(list.count)),
        "passes_visible": .integer(list.count { $0.passes }),
        "syntax_errors": .integer(list.count { $0.isSyntaxError }),
        "tokens": .integer(list.reduce(0) { $0 + $1.tokens }),
        "executions": .integer(list.reduce(0) { $0 + $1.executions }),
        "seconds": .rounded(list.reduce(0) { $0 + $1.seconds }),
      ]
    }
    if let (median, low, high) = difference(.egcfg, .bestOfN) {
      object["difference"] = ["median": .rounded(median), "low": .rounded(low), "high": .rounded(high)]
    }
    return .object(object)
  }

  /// The first method's solved share less the second's, with its 95 % interval: a paired bootstrap over the problems.
  func difference(_ first: CodeMethod, _ second: CodeMethod) -> (median: Double, low: Double, high: Double)? {
    guard let mine = outcomes[first], let theirs = outcomes[second], !mine.isEmpty, mine.count == theirs.count else {
      return nil
    }
    let gains = zip(mine, theirs).map { ($0.isSolved ? 1 : 0) - ($1.isSolved ? 1 : 0) }
    return PairedBootstrap.interval(gains.map(Double.init))
  }
}

/// The bootstrap of a mean of paired differences (Efron, 1979; percentile interval).
enum PairedBootstrap {
  /// The median and the 95 % interval over ten thousand resamples, the same for the same values.
  static func interval(_ values: [Double]) -> (median: Double, low: Double, high: Double)? {
    guard !values.isEmpty else { return nil }
    var random = SplitMix(seed: 20_250_721)
    var means: [Double] = []
    for _ in 0..<10_000 {
      var sum = 0.0
      for _ in values { sum += values[Int(random.next() % UInt64(values.count))] }
      means.append(sum / Double(values.count))
    }
    means.sort()
    return (means[means.count / 2], means[means.count * 25 / 1_000], means[means.count * 975 / 1_000 - 1])
  }
}
