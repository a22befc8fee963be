import ModelInterface
import NIOCore

/// Holds what an upstream says that an answer took against what was sent to it and what came back, and puts an estimate in the
/// place of a count that cannot be. Accounts and clients are told the same.
///
/// An honest count is taken as it is, so bounds are wide: an upstream may put a prompt of its own in front, think without
/// showing it, and count what cannot be seen. But nothing reads many more tokens than it was sent bytes, and nothing writes
/// more than it was allowed, or where it was allowed anything, more than can be written in the time.
struct UsageCheck: Sendable {
  /// What was asked.
  enum Sent: Sendable {
    case work(UpstreamWork)
    /// A chat completion in OpenAI's words, of plain texts alone.
    case body(ByteBuffer)
  }

  /// Tokens that may be read beside those of the bytes that were sent: of a prompt that the upstream adds.
  private static let addedPrompt = 32_768
  /// Tokens that a picture may be.
  private static let picture = 65_536
  /// Tokens that may be read where a file is sent, or the upstream searches: what it finds is not in the request.
  private static let found = 1 << 21
  /// Tokens that may be written beside those that were allowed or are seen: of marks around thoughts and calls.
  private static let unseen = 1_024
  /// Tokens that may be written unseen at once, where there is no limit.
  private static let thought = 16_384
  /// Tokens that may be written in a second; the fastest that are sold write a third of it.
  private static let perSecond = 10_000

  private let sent: Sent
  private let limit: Int?
  private let began: NIODeadline
  /// The most that the prompt may be without a closer look.
  private let promptBound: Int
  private var pieces = 0
  private var bytes = 0
  private var tokens = 0
  /// Whether the answer went on after its usage had been told.
  private var isOld = false
  private var isTold = false

  /// A check of an exchange that begins.
  ///
  /// - Parameters:
  ///   - size: bytes of the request's body.
  ///   - limit: the most tokens of answer that were asked for.
  init(_ sent: Sent, size: Int, limit: Int?, began: NIODeadline) {
    self.sent = sent
    self.limit = limit
    self.began = began
    promptBound = size + Self.addedPrompt
  }

  /// A check of a piece of work.
  init(_ work: UpstreamWork, size: Int, began: NIODeadline) {
    var limit: Int?
    // What is foretold wrongly counts beside what is written, and some count thoughts apart.
    if case .generation(let request) = work,
      ["prediction", "thinking", "reasoning"].allSatisfy({ request.passthrough[$0] == nil })
    {
      limit = request.maximumOutputTokens
    }
    self.init(.work(work), size: size, limit: limit, began: began)
  }

  // MARK: what comes back

  /// A part of the answer has come.
  mutating func note(bytes: Int, tokens: Int = 0) {
    pieces += 1
    self.bytes += bytes
    self.tokens += tokens
    if isTold { isOld = true }
  }

  /// Its usage has been told.
  mutating func told() {
    (isTold, isOld) = (true, false)
  }

  /// Events of the answer have come.
  mutating func note(_ events: [GenerationEvent]) {
    for event in events {
      switch event {
      case .text(let piece): note(bytes: piece.text.utf8.count, tokens: piece.tokens.count)
      case .reasoning(let text): note(bytes: text.utf8.count)
      case .toolCall(let piece): note(bytes: piece.arguments.utf8.count + (piece.name?.utf8.count ?? 0))
      case .started, .prompt, .finished: break
      }
    }
  }

  /// Nothing has come back: the answer is read anew.
  mutating func forget() {
    (pieces, bytes, tokens, isOld, isTold) = (0, 0, 0, false, false)
  }

  // MARK: what is believed

  /// Whether a report is believed as it is, if it is the last.
  func allows(_ usage: Usage) -> Bool { !isOld && allowsPrompt(usage) && allowsAnswer(usage) }

  /// What is believed of a report, with what speaks for it.
  func believed(_ usage: Usage) -> (usage: Usage, basis: UsageBasis) {
    if allows(usage) { return (usage, .checked) }
    var usage = usage
    if !allowsPrompt(usage) {
      usage.promptTokens = estimatedPrompt
      usage.cachedPromptTokens = 0
    }
    if !allowsAnswer(usage) {
      usage.completionTokens = estimatedAnswer
    } else if isOld {
      usage.completionTokens = max(usage.completionTokens, estimatedAnswer)
    }
    return (usage.consistent(), .estimated)
  }

  private func allowsPrompt(_ usage: Usage) -> Bool {
    if usage.promptTokens > promptBound { return usage.promptTokens <= promptBound + unsent }
    return usage.promptTokens > 0 || isEmpty
  }

  private func allowsAnswer(_ usage: Usage) -> Bool {
    guard usage.completionTokens > 0 else { return pieces == 0 && usage.completionTokens == 0 }
    if usage.completionTokens <= max(limit ?? 0, bytes, tokens) + Self.unseen { return true }
    guard limit == nil, !isEmbedding else { return false }
    let seconds = max(0, (NIODeadline.now() - began).nanoseconds) / 1_000_000_000
    return usage.completionTokens <= bytes + Self.thought + Self.perSecond * Int(min(seconds, 3_600))
  }

  private var isEmbedding: Bool {
    if case .work(.embedding) = sent { true } else { false }
  }

  /// Whether nothing was asked.
  private var isEmpty: Bool {
    guard case .work(.generation(let request)) = sent else { return false }
    switch request.prompt {
    case .text(let text): return text.isEmpty
    case .tokens(let tokens): return tokens.isEmpty
    case .messages: return false
    }
  }

  /// Tokens of a prompt that are not in its bytes.
  private var unsent: Int {
    guard case .work(.generation(let request)) = sent else { return 0 }
    if request.passthrough["web_search_options"] != nil { return Self.found }
    guard case .messages(let messages) = request.prompt else { return 0 }
    var tokens = 0
    for part in messages.lazy.flatMap(\.content) where tokens < Self.found {
      switch part {
      case .text: break
      case .image: tokens += Self.picture
      case .other: tokens += Self.found
      }
    }
    return tokens
  }

  /// As the account estimates what was broken off.
  private var estimatedAnswer: Int {
    let seen = max(pieces, bytes / 4, tokens)
    return limit.map { min(seen, max($0, 1)) } ?? seen
  }

  /// As the account estimates it.
  private var estimatedPrompt: Int {
    switch sent {
    case .work(.generation(let request)): return PromptEstimate().tokens(request)
    case .work(.embedding(let request)): return PromptEstimate().tokens(request)
    case .body(let body):
      let messages = (try? JSONValue.parse(Array(body.readableBytesView)))?["messages"]?.array ?? []
      let bytes = messages.reduce(0) { sum, message in
        sum + (message["content"]?.string ?? "").utf8.count + (message["name"]?.string ?? "").utf8.count
      }
      return PromptEstimate().tokens(messages: messages.count, bytes: bytes)
    }
  }
}
