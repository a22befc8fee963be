extension QualityPredictor {
  /// How far one online judgement moves the prediction of its own request, at weight 1, at first; it falls as
  /// 1 / √(1 + updates / 100), so that early feedback is heard and late feedback does not shake what was learned.
  static let learningRate: Float = 0.05

  /// Moves a model's linear part towards one judged answer by normalised least mean squares (Widrow and Hoff, 1960; the
  /// step is divided by ‖x‖², so that no request can throw the weights about).
  ///
  /// A model that is not known is passed over: its feedback is kept by the router until it is trained on.
  package mutating func learn(_ model: String, quality: Double, weight: Double, features: PromptFeatures) {
    guard let index = heads.firstIndex(where: { $0.model == model }) else { return }
    let row = row(features)
    let predicted = heads[index].linear.predict(row.grams, row.dense)
    let rate = Self.learningRate * Float(max(0, min(1, weight)))
    let step =
      rate / (1 + Float(heads[index].updates) / 100).squareRoot()
      * (Float(max(0, min(1, quality))) - max(-1, min(2, predicted)))
    move(head: index, by: step / 2 / max(row.squaredLength, 0.1), along: row, constant: step / 2)
  }
}
