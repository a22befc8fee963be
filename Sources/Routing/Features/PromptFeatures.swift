/// Everything that routing reads from a prompt's text, found in one bounded pass over its bytes.
package struct PromptFeatures: Sendable, Equatable {
  /// The predictor's dense measures.
  var dense: [Float]
  /// The predictor's hashed n-grams.
  var grams: GramVector
  /// The prompt's embedding scaled to length 1; empty without one.
  var embedding: [Float]
  /// What people and policies are told about the request.
  package var profile: RequestProfile

  /// Scans `prompt`, of which at most 1 KiB is read.
  ///
  /// - Parameter embedding: the prompt's mean-pooled embedding by a local model, of any length; one with a component that is
  ///   not finite counts as none. Predictors use it if they were trained with embeddings of the same dimension.
  package init(_ prompt: String, embedding: [Float]? = nil) {
    let scan = PromptScan(prompt)
    dense = DenseMeasures.values(scan)
    grams = scan.grams
    profile = RequestProfile(scan)
    let length = (embedding ?? []).reduce(0) { $0 + $1 * $1 }.squareRoot()
    self.embedding = length.isFinite && length > 0 ? (embedding ?? []).map { $0 / length } : []
  }
}
