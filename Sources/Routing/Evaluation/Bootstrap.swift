/// Percentile bootstrap over records (Efron, 1979): each resample draws as many records as there are, with replacement,
/// and every router is scored on the same resample, so that their differences are paired.
///
/// Predictions are held fixed; the intervals speak of which requests were asked, not of training anew.
struct Bootstrap {
  var ours: RouteEvaluation.Figures
  var length: RouteEvaluation.Figures
  var random: RouteEvaluation.Figures
  var overLength: BootstrapInterval

  /// One router's three numbers on one set of records, the mean over its curves.
  private struct Point {
    var apgr: Double
    var cpt50: Double
    var cpt80: Double

    init(_ curves: [GainCurve]) {
      let count = Double(max(1, curves.count))
      apgr = curves.reduce(0) { $0 + $1.apgr } / count
      cpt50 = curves.reduce(0) { $0 + $1.cpt(0.5) } / count
      cpt80 = curves.reduce(0) { $0 + $1.cpt(0.8) } / count
    }

    static func figures(_ whole: Point, _ samples: [Point]) -> RouteEvaluation.Figures {
      RouteEvaluation.Figures(
        apgr: whole.apgr, apgrInterval: BootstrapInterval(samples.map(\.apgr)), cpt50: whole.cpt50,
        cpt50Interval: BootstrapInterval(samples.map(\.cpt50)), cpt80: whole.cpt80,
        cpt80Interval: BootstrapInterval(samples.map(\.cpt80)))
    }
  }

  /// Scores the same records in several rounds of cross-validation; ours is the mean over them.
  init(_ rounds: [PairScores], resamples: Int, seed: UInt64) throws(RoutingError) {
    guard let scores = rounds.first else { throw .tooFewRecords(found: 0, needed: 1) }
    let count = scores.weak.count
    var generator = SeededGenerator(seed: seed ^ 0xB007_57A9)
    func descending(_ values: [Double]) -> [Int] {
      (0..<count).sorted { values[$0] != values[$1] ? values[$0] > values[$1] : $0 < $1 }
    }
    func curve(_ order: [Int], _ values: [Double]) throws(RoutingError) -> GainCurve {
      try GainCurve(order: order, scores: values, weak: scores.weak, strong: scores.strong)
    }
    func curves(_ orders: [[Int]]) throws(RoutingError) -> [GainCurve] {
      var list: [GainCurve] = []
      for (order, round) in zip(orders, rounds) { list.append(try curve(order, round.predicted)) }
      return list
    }
    let ourOrders = rounds.map { descending($0.predicted) }
    let lengthOrder = descending(scores.length)
    // Every draw has its own score, so that a drawn order is an order without ties.
    let draws = (0..<count).map(Double.init)
    var ourSamples: [Point] = []
    var lengthSamples: [Point] = []
    var randomSamples: [Point] = []
    for _ in 0..<max(1, resamples) {
      var multiplicity = [UInt16](repeating: 0, count: count)
      for _ in 0..<count { multiplicity[generator.index(below: count)] &+= 1 }
      func resampled(_ order: [Int]) -> [Int] {
        var rows: [Int] = []
        rows.reserveCapacity(count)
        for row in order {
          for _ in 0..<multiplicity[row] { rows.append(row) }
        }
        return rows
      }
      var shuffled = resampled(Array(0..<count))
      shuffled.shuffle(using: &generator)
      // A resample without any gap has no PGR; such draws only happen in tiny files and are passed over.
      guard let our = try? curves(ourOrders.map(resampled)),
        let byLength = try? curve(resampled(lengthOrder), scores.length),
        let guess = try? GainCurve(
          scores: draws, weak: shuffled.map { scores.weak[$0] }, strong: shuffled.map { scores.strong[$0] })
      else { continue }
      ourSamples.append(Point(our))
      lengthSamples.append(Point([byLength]))
      randomSamples.append(Point([guess]))
    }
    ours = Point.figures(Point(try curves(ourOrders)), ourSamples)
    length = Point.figures(Point([try curve(lengthOrder, scores.length)]), lengthSamples)
    // A router that guesses, on average over its guesses: all requests tie.
    let guesses = try curve(Array(0..<count), [Double](repeating: 0, count: count))
    random = Point.figures(Point([guesses]), randomSamples)
    overLength = BootstrapInterval(zip(ourSamples, lengthSamples).map { $0.apgr - $1.apgr })
  }
}
