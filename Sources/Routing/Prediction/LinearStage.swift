/// The linear parts of all heads, and what they say of their own records, each judged by a part that did not see it.
struct LinearStage {
  /// The labelled records as every fit sees them.
  struct Records {
    var features: [PromptFeatures]
    /// For each record and head, the label; nil where there is none.
    var outcomes: [[Float?]]
    /// Drawn once, so that all heads are cross-fitted on the same folds.
    var folds: Folds
    /// Components of the records' embeddings, where all have one of the same model; else 0.
    var embeddingDimension: Int
    var headCount: Int
  }

  var standardisation: Standardisation
  var rarity: GramRarity
  var models: [LinearModel]
  /// For each record and head.
  var crossFitted: [[Float]]
  /// How much of what the linear parts claimed was real; they have been calibrated by it.
  var slope: Float

  /// Fits every head to its labels, from nothing or from what an expert knows.
  init(
    _ records: Records, settings: QualityPredictor.Training, start: PriorStart?, using generator: inout SeededGenerator
  ) {
    let count = records.features.count
    let rarity = start?.expert.predictor.rarity ?? GramRarity(of: records.features.map(\.grams))
    let standardisation =
      start?.expert.predictor.standardisation
      ?? Standardisation(
        of: records.features.map(\.dense), scale: settings.denseScale * min(1, 500 / Float(max(1, count))))
    let rows = records.features.map { features -> TrainingRow in
      var dense = standardisation.apply(features.dense)
      if records.embeddingDimension > 0 { dense += features.embedding }
      var row = TrainingRow(grams: rarity.weighted(features.grams), dense: dense)
      if let start { row.known = start.expert.curvature.components(of: row) }
      return row
    }
    self.rarity = rarity
    self.standardisation = standardisation
    models = []
    crossFitted = [[Float]](repeating: [], count: count)
    for head in 0..<records.headCount {
      let labelled = (0..<count).filter { records.outcomes[$0][head] != nil }
      // From a start, what is left to learn is where the start is wrong.
      let labels = (0..<count).map { (records.outcomes[$0][head] ?? 0) - (start?.guess($0, head: head) ?? 0) }
      let penalty = start?.expert.curvature.penalty ?? settings.penalty(records: labelled.count)
      let passes = settings.passes(records: labelled.count)
      func fit(_ chosen: [Int]) -> LinearModel {
        LinearModel.fit(
          chosen.map { rows[$0] }, chosen.map { labels[$0] }, penalty: penalty, passes: passes,
          curvature: start?.expert.curvature, using: &generator)
      }
      let whole = fit(labelled)
      for fold in 0..<records.folds.folds {
        let partial = fit(labelled.filter { records.folds.assignment[$0] != fold })
        for index in 0..<count where records.folds.assignment[index] == fold {
          crossFitted[index].append(
            partial.predict(rows[index].grams, rows[index].dense) + (start?.guess(index, head: head) ?? 0))
        }
      }
      models.append(start?.weights(changedBy: whole, head: head) ?? whole)
    }
    slope = 1
    calibrate(records.outcomes)
  }

  /// Takes back what the linear parts claim beyond what their cross-fitted predictions bear out, all by the same factor.
  private mutating func calibrate(_ outcomes: [[Float?]]) {
    let pairs = models.indices.map { head in
      crossFitted.indices.compactMap { row in outcomes[row][head].map { (crossFitted[row][head], $0) } }
    }
    let calibration = Calibration(pairs)
    slope = calibration.slope
    for head in models.indices {
      calibration.apply(to: &models[head], head: head)
      for row in crossFitted.indices { crossFitted[row][head] = calibration.apply(crossFitted[row][head], head: head) }
    }
  }

  /// Whether it shows that `other` is wrong: the other's squared loss on the same records is larger by more than two standard
  /// errors.
  func contradicts(_ other: LinearStage, outcomes: [[Float?]]) -> Bool {
    var differences: [Double] = []
    for row in outcomes.indices {
      var difference = 0.0
      for head in models.indices {
        guard let label = outcomes[row][head] else { continue }
        let own = Double(label - crossFitted[row][head])
        let others = Double(label - other.crossFitted[row][head])
        difference += others * others - own * own
      }
      differences.append(difference)
    }
    return PriorStart.isClearlyPositive(differences)
  }
}
