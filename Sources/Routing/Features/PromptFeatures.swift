/// Everything that routing reads from a prompt's text, found in one bounded pass over its bytes.
package struct PromptFeatures: Sendable, Equatable {
  /// The predictor's dense measures.
  var dense: [Float]
  /// The predictor's hashed n-grams.
  var grams: GramVector
  /// What people and policies are told about the request.
  package var profile: RequestProfile

  /// Scans `prompt`, of which at most 2 KiB are read.
  package init(_ prompt: String) {
    let scan = PromptScan(prompt)
    dense = DenseMeasures.values(scan)
    grams = scan.grams
    profile = RequestProfile(scan)
  }
}
