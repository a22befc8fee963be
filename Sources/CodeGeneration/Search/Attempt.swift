import ModelInterface

/// One way of writing the program line by line: candidates, their traces, a guided line, and so on.
final class Attempt {
  let id: Int
  let configuration: AttemptConfiguration
  let prompt: CodePrompt
  /// What is written: its sequence holds the plain prompt.
  let strand: Strand
  /// The number of the plain prompt's tokens.
  let plainTokens: Int
  /// The sequence that holds the prompt with traces, what it holds, these traces, and whose they are.
  var conditional: SequenceID?
  var conditionalTokens: [TokenID] = []
  var signal = ""
  var shown: [Int] = []
  var gamma: Float = 0
  /// Guided lines that are still allowed.
  var linesLeft: Int
  /// A failing program that it takes up, whose traces it shows first.
  let culprit: Candidate?
  var best = 0.0

  init(
    id: Int, configuration: AttemptConfiguration, prompt: CodePrompt, plainTokens: Int, strand: Strand, linesLeft: Int,
    culprit: Candidate?
  ) {
    self.id = id
    self.configuration = configuration
    self.prompt = prompt
    self.plainTokens = plainTokens
    self.strand = strand
    self.linesLeft = linesLeft
    self.culprit = culprit
  }

  /// The length of the prompt with traces and of what is written behind it, once the feed is read.
  var wantedCount: Int { conditionalTokens.count + strand.conditionalFeed.count }
}
