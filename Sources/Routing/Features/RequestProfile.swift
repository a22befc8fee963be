import Glibc

/// The kinds of request that routing tells apart.
package enum PromptDomain: String, Sendable, Codable, CaseIterable {
  case technical, creative, analytical, conversational
}

/// How demanding a request looks; each part runs from 0 (trivial) to 1.
package struct Complexity: Sendable, Codable, Equatable {
  /// Long sentences, many clauses.
  package var syntax: Double
  /// Long and varied words.
  package var vocabulary: Double
  /// Numbers, conditions and words that call for several steps of thought.
  package var reasoningDepth: Double
  /// How much text there is; 1 at about 32,000 tokens.
  package var contextSize: Double

  /// The mean of the four, with reasoning counted twice.
  package var overall: Double { (syntax + vocabulary + 2 * reasoningDepth + contextSize) / 5 }
}

/// A request's features as they are shown to people.
package struct RequestProfile: Sendable, Codable, Equatable {
  package var complexity: Complexity
  package var domain: PromptDomain
  /// ISO 639-1 code of the likely language; "und" when nothing was recognised.
  package var language: String
  /// Estimated tokens of the prompt.
  package var promptTokens: Int

  init(_ scan: PromptScan) {
    let words = Double(max(1, scan.words))
    let sentenceLength = words / Double(scan.sentences)
    let distinct = Double(scan.distinctWords) / words
    let meanWord = Double(scan.wordBytes) / words
    // About four bytes a token in alphabetic scripts, and nearer two characters of three bytes in the others.
    let beyondASCII = scan.scannedBytes == 0 ? 0 : Double(scan.nonASCII) / Double(scan.scannedBytes)
    promptTokens = Int((Double(scan.byteCount) / (4 - 2 * min(0.5, beyondASCII))).rounded(.up))
    complexity = Complexity(
      syntax: Self.saturate(sentenceLength / 30 + Double(scan.commas) / words),
      vocabulary: Self.saturate((meanWord - 3) / 4 * min(1, distinct + 0.3) + Double(scan.longWords) / words / 2),
      reasoningDepth: Self.saturate(
        Double(scan.numbers + scan.quantities) / 12 + Double(scan.reasoningWords) / 6 + Double(scan.symbols) / 40),
      contextSize: min(1, log1p(Double(promptTokens)) / log1p(32_000)))
    domain = Self.domain(scan)
    language = Self.language(scan)
  }

  private static func saturate(_ value: Double) -> Double { 1 - exp(-max(0, value)) }

  private static func domain(_ scan: PromptScan) -> PromptDomain {
    var votes = scan.domainVotes
    votes[0] &+= Int32(min(20, scan.codeMarks)) &* 2
    votes[2] &+= Int32(min(20, (scan.numbers + scan.quantities) / 2 + scan.optionLengths.count / 2))
    let best = PromptDomain.allCases.indices.max { votes[$0] < votes[$1] } ?? 3
    return votes[best] == 0 ? .conversational : PromptDomain.allCases[best]
  }

  private static func language(_ scan: PromptScan) -> String {
    if let script = PromptScan.Script.allCases.max(by: { scan.scriptVotes[$0.rawValue] < scan.scriptVotes[$1.rawValue] }
    ), Int(scan.scriptVotes[script.rawValue]) * 4 > scan.words {
      // Kana settles that the Han beside it is Japanese.
      if scan.scriptVotes[PromptScan.Script.kana.rawValue] > 0 { return "ja" }
      return switch script {
      case .cyrillic: "ru"
      case .greek: "el"
      case .hebrew: "he"
      case .arabic: "ar"
      case .devanagari: "hi"
      case .kana: "ja"
      case .han: "zh"
      case .hangul: "ko"
      }
    }
    let best = Lexicon.languages.indices.max { scan.languageVotes[$0] < scan.languageVotes[$1] } ?? 0
    return scan.languageVotes[best] == 0 ? "und" : Lexicon.languages[best]
  }
}
