/// A token of one model's vocabulary.
public typealias TokenID = Int32

/// A model seen from inside: tokens in, raw logits out. For the rooms that steer decoding themselves.
public protocol TokenModel: Sendable {
  /// What clients name the model by.
  var name: String { get }
  /// The number of tokens, and so of logits.
  var vocabularySize: Int { get }
  /// The most tokens one sequence can hold.
  var contextLength: Int { get }

  /// The tokens of a text.
  ///
  /// - Parameters:
  ///   - addsSpecial: whether the model's own start token is put in front, where it has one.
  ///   - parsesSpecial: whether spellings of control tokens become these tokens; never for text from a stranger.
  func tokenize(_ text: String, addsSpecial: Bool, parsesSpecial: Bool) -> [TokenID]

  /// The bytes a token stands for, which need not be whole characters; empty for control tokens.
  func bytes(of token: TokenID) -> [UInt8]

  /// Whether the token ends an answer.
  func isEndOfGeneration(_ token: TokenID) -> Bool

  /// The conversation in the words of the model's own chat template, ready for the assistant's turn.
  ///
  /// - Throws: ``GenerationError`` of kind `invalidRequest` where the template cannot express it.
  func formatChat(_ messages: [Message]) throws(GenerationError) -> String

  /// Opens a set of sequences in the model's cache.
  ///
  /// - Parameter sequences: the most sequences it will hold at once.
  /// - Throws: ``GenerationError`` of kind `overloaded` where there is no room.
  func openSession(sequences: Int, context: RequestContext) async throws(GenerationError) -> any TokenSession
}

/// A sequence of tokens in a model's cache, by its number within its session.
public typealias SequenceID = Int

/// Some sequences in a model's cache, held by one owner until closed or let go of.
public protocol TokenSession: AnyObject, Sendable {
  /// Appends tokens to sequences and reads the logits behind the last token of each, all in as few batched steps as fit.
  /// A sequence that has not been used is empty.
  ///
  /// - Returns: for each part of the work, in order, `vocabularySize` raw logits.
  /// - Throws: ``GenerationError``: `contextLengthExceeded` (nothing was appended), `cancelled`, `unavailable`.
  func evaluate(_ work: [(sequence: SequenceID, tokens: [TokenID])]) async throws(GenerationError) -> [[Float]]

  /// Appends tokens to sequences as ``evaluate(_:)`` does, and chooses the token that follows each, where the logits are:
  /// a vocabulary of numbers for every row need not travel. A default implementation evaluates and computes.
  ///
  /// - Returns: for each step, in order, its choice; nil for ``TokenRule/none``.
  /// - Throws: as ``evaluate(_:)`` does.
  func choose(_ steps: [TokenStep]) async throws(GenerationError) -> [TokenChoice?]

  /// Makes `target` hold the same tokens as `source`, sharing its cache. What `target` held is dropped.
  func fork(_ source: SequenceID, to target: SequenceID) async throws(GenerationError)

  /// Drops all but the first `length` tokens of a sequence.
  func truncate(_ sequence: SequenceID, to length: Int) async throws(GenerationError)

  /// Gives the sequences back. Called again, it does nothing.
  func close() async
}
