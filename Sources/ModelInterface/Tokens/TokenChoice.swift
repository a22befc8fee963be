#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// How the next token of a sequence is chosen from the logits behind its last.
public enum TokenRule: Sendable, Hashable {
  /// Nothing is chosen: the tokens are only read.
  case none
  /// The likeliest token.
  case greedy
  /// A token drawn after the filters of ``SamplingParameters`` of the same names; `uniform`, in 0..<1, decides which.
  case drawn(temperature: Float, topP: Float, topK: Int, uniform: Double)
  /// The likeliest token under `P · ((Q + ε) / (P + ε))^γ` with ε = 1e-8: P is this part's distribution, Q that of the
  /// step at index `conditional` of the same call (classifier-free guidance, arXiv 2306.17806).
  case guided(conditional: Int, gamma: Float)
}

/// Tokens that a sequence is to take in, and how its next one is chosen.
public struct TokenStep: Sendable {
  /// The sequence within its session.
  public var sequence: SequenceID
  /// What is appended; at least one token.
  public var tokens: [TokenID]
  /// How the token that follows is chosen.
  public var rule: TokenRule
  /// How many of the likeliest tokens are reported with the choice; none for ``TokenRule/guided(conditional:gamma:)``.
  public var reported: Int

  /// A step.
  public init(sequence: SequenceID, tokens: [TokenID], rule: TokenRule, reported: Int = 0) {
    self.sequence = sequence
    self.tokens = tokens
    self.rule = rule
    self.reported = reported
  }
}

/// A token with the natural logarithm of its probability.
public struct TokenWeight: Sendable, Hashable {
  /// The token.
  public var token: TokenID
  /// Its log-probability, before temperature, filters and guidance.
  public var logprob: Float

  /// A weight.
  public init(token: TokenID, logprob: Float) {
    self.token = token
    self.logprob = logprob
  }
}

/// A token that was chosen.
public struct TokenChoice: Sendable, Hashable {
  /// The token.
  public var token: TokenID
  /// Natural logarithm of its probability under the step's own distribution, before temperature, filters and guidance.
  public var logprob: Float
  /// For a guided step half the sum over |P - Q|, 0…1: how much the condition changes what comes next. 0 otherwise.
  public var divergence: Float
  /// As many of the likeliest tokens as the step asked for, the likeliest first, the lower token of equals first.
  public var likeliest: [TokenWeight]

  /// A choice.
  public init(token: TokenID, logprob: Float, divergence: Float = 0, likeliest: [TokenWeight] = []) {
    self.token = token
    self.logprob = logprob
    self.divergence = divergence
    self.likeliest = likeliest
  }
}

extension TokenSession {
  /// The choices, computed from whole distributions: what an implementation that has a faster way must agree with.
  public func choose(_ steps: [TokenStep]) async throws(GenerationError) -> [TokenChoice?] {
    let logits = try await evaluate(steps.map { ($0.sequence, $0.tokens) })
    return steps.indices.map { index in
      let conditional: [Float]? =
        if case .guided(let other, _) = steps[index].rule, logits.indices.contains(other) { logits[other] } else { nil }
      var choice = steps[index].rule.choice(from: logits[index], conditional: conditional)
      if conditional == nil, steps[index].reported > 0 {
        choice?.likeliest = TokenRule.likeliest(logits[index], steps[index].reported)
      }
      return choice
    }
  }
}

extension TokenRule {
  /// The token that the rule chooses from raw logits; nil where it chooses none, or none has a finite logit.
  public func choice(from logits: [Float], conditional: [Float]? = nil) -> TokenChoice? {
    if case .none = self { return nil }
    let plain = Self.logProbabilities(logits)
    switch self {
    case .none: return nil
    case .greedy: return Self.greatest(plain).map { TokenChoice(token: TokenID($0), logprob: plain[$0]) }
    case .guided(_, let gamma):
      guard let conditional else { return TokenRule.greedy.choice(from: logits) }
      let other = Self.logProbabilities(conditional)
      let epsilon = TokenRule.guidanceFloor
      let guided = zip(plain, other).map { mine, theirs in
        mine + gamma * (logOf(exp: theirs, plus: epsilon) - logOf(exp: mine, plus: epsilon))
      }
      let distance = zip(plain, other).reduce(Float(0)) { $0 + abs(exp($1.0) - exp($1.1)) } / 2
      return Self.greatest(guided).map { TokenChoice(token: TokenID($0), logprob: plain[$0], divergence: distance) }
    case .drawn(let temperature, let topP, let topK, let uniform):
      guard temperature > 0 else { return TokenRule.greedy.choice(from: logits) }
      var order = plain.indices.filter { plain[$0] > -.infinity }.sorted {
        plain[$0] != plain[$1] ? plain[$0] > plain[$1] : $0 < $1
      }
      if topK > 0 { order = Array(order.prefix(topK)) }
      guard let first = order.first else { return nil }
      if topP < 1 {
        let total = order.reduce(Float(0)) { $0 + exp(plain[$1] - plain[first]) }
        var sum: Float = 0
        let last = order.firstIndex { index in
          sum += exp(plain[index] - plain[first])
          return sum >= total * topP
        }
        if let last { order = Array(order[...last]) }
      }
      let weights = order.map { exp((plain[$0] - plain[first]) / temperature) }
      var rest = Double(weights.reduce(0, +)) * uniform
      let place = weights.firstIndex { weight in
        rest -= Double(weight)
        return rest < 0
      }
      let token = order[place ?? order.count - 1]
      return TokenChoice(token: TokenID(token), logprob: plain[token])
    }
  }

  /// ε of ``guided(conditional:gamma:)``: below it a probability is noise, and a ratio of two such means nothing.
  public static let guidanceFloor: Float = 1e-8

  /// So many of the likeliest tokens by raw logits, the likeliest first, the lower token of equals first.
  public static func likeliest(_ logits: [Float], _ count: Int) -> [TokenWeight] {
    let plain = logProbabilities(logits)
    let order = plain.indices.filter { plain[$0] > -.infinity }.sorted {
      plain[$0] != plain[$1] ? plain[$0] > plain[$1] : $0 < $1
    }
    return order.prefix(count).map { TokenWeight(token: TokenID($0), logprob: plain[$0]) }
  }

  private static func greatest(_ values: [Float]) -> Int? {
    var best: Int?
    for index in values.indices where values[index] > (best.map { values[$0] } ?? -.infinity) { best = index }
    return best
  }

  private static func logProbabilities(_ logits: [Float]) -> [Float] {
    let greatest = logits.reduce(-Float.infinity) { max($0, $1) }
    guard greatest.isFinite else { return logits.map { _ in -.infinity } }
    let total = logits.reduce(0.0) { $0 + Double(exp($1 - greatest)) }
    let shift = greatest + Float(log(total))
    return logits.map { $0.isNaN ? -.infinity : $0 - shift }
  }
}

/// ln(exp(value) + addend), for an addend above 0.
private func logOf(exp value: Float, plus addend: Float) -> Float {
  Float(log(Double(exp(value)) + Double(addend)))
}
