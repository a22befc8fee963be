/// Percentile bootstrap over records (Efron, 1979): each resample draws as many records as there are, with replacement,
/// and every router is scored on the same resample, so that their differences are paired.
///
/// Predictions are held fixed; the intervals speak of which requests were asked, not of training anew.
struct Bootstrap {
  var ours: RouteEvaluation.Figures
  var length: RouteEvaluation.Figures
  var random: RouteEvaluation.Figures
  var overLength: BootstrapInterval

  private struct Samples {
    var apgr: [Double] = []
    var cpt50: [Double] = []
    var cpt80: [Double] = []

    mutating func add(_ curve: GainCurve) {
      apgr.append(curve.apgr)
      cpt50.append(curve.cpt(0.5))
      cpt80.append(curve.cpt(0.8))
    }

    func figures(_ curve: GainCurve) -> RouteEvaluation.Figures {
      RouteEvaluation.Figures(
        apgr: curve.apgr, apgrInterval: BootstrapInterval(apgr), cpt50: curve.cpt(0.5),
        cpt50Interval: BootstrapInterval(cpt50), cpt80: curve.cpt(0.8), cpt80Interval: BootstrapInterval(cpt80))
    }
  }

  init(_ scores: PairScores, resamples: Int, seed: UInt64) throws(RoutingError) {
    let count = scores.weak.count
    var generator = SeededGenerator(seed: seed ^ 0xB007_57A9)
    let constant = [Double](repeating: 0, count: count)
    func descending(_ values: [Double]) -> [Int] {
      (0..<count).sorted { values[$0] != values[$1] ? values[$0] > values[$1] : $0 < $1 }
    }
    func curve(_ order: [Int], _ values: [Double]) throws(RoutingError) -> GainCurve {
      try GainCurve(order: order, scores: values, weak: scores.weak, strong: scores.strong)
    }
    let ourOrder = descending(scores.predicted)
    let lengthOrder = descending(scores.length)
    let ourCurve = try curve(ourOrder, scores.predicted)
    let lengthCurve = try curve(lengthOrder, scores.length)
    // A router that guesses, on average over its guesses: all requests tie.
    let randomCurve = try curve(Array(0..<count), constant)
    var ourSamples = Samples()
    var lengthSamples = Samples()
    var randomSamples = Samples()
    var differences: [Double] = []
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
      // A resample without any gap has no PGR; such draws only happen in tiny files and are passed over.
      guard let our = try? curve(resampled(ourOrder), scores.predicted),
        let byLength = try? curve(resampled(lengthOrder), scores.length)
      else { continue }
      var shuffled = resampled(Array(0..<count))
      shuffled.shuffle(using: &generator)
      let draws = shuffled.indices.map { Double($0) }
      // Distinct scores for distinct positions: a random order that is an order, without ties.
      let guess = try? GainCurve(
        scores: draws, weak: shuffled.map { scores.weak[$0] }, strong: shuffled.map { scores.strong[$0] })
      ourSamples.add(our)
      lengthSamples.add(byLength)
      if let guess { randomSamples.add(guess) }
      differences.append(our.apgr - byLength.apgr)
    }
    ours = ourSamples.figures(ourCurve)
    length = lengthSamples.figures(lengthCurve)
    random = randomSamples.figures(randomCurve)
    overLength = BootstrapInterval(differences)
  }
}
