import ModelInterface

/// Writes log-probabilities in the two shapes that OpenAI's API has for them.
enum LogprobWriter {
  /// The newer shape, an array of tokens with their bytes, of chat completions and responses.
  static func write(_ tokens: [TokenLogprob], into json: inout JSONText) {
    json.array(tokens) { json, token in
      json.raw("{")
      candidate(&json, token.chosen)
      json.raw(",\"top_logprobs\":")
      json.array(token.alternatives) { json, other in
        json.raw("{")
        candidate(&json, other)
        json.raw("}")
      }
      json.raw("}")
    }
  }

  private static func candidate(_ json: inout JSONText, _ candidate: TokenLogprob.Candidate) {
    json.raw("\"token\":")
    json.string(candidate.text)
    json.raw(",\"logprob\":")
    json.number(candidate.logprob)
    json.raw(",\"bytes\":")
    json.array(candidate.bytes) { json, byte in json.integer(Int(byte)) }
  }

  /// A token of the older shape, with its place in the text.
  struct Placed {
    var token: TokenLogprob
    /// Where it begins, in characters (Unicode scalars) of the choice's text.
    var offset: Int
  }

  /// The older shape, of completions: parallel arrays. The chosen token is always among `top_logprobs`, and where the
  /// probability is unknown, as of a prompt's first token, both entries are null.
  static func writeParallel(_ tokens: [Placed], into json: inout JSONText) {
    json.raw("{\"tokens\":")
    json.array(tokens) { json, placed in json.string(text(placed.token.chosen)) }
    json.raw(",\"token_logprobs\":")
    json.array(tokens) { json, placed in
      if placed.token.chosen.logprob.isNaN { json.raw("null") } else { json.number(placed.token.chosen.logprob) }
    }
    json.raw(",\"top_logprobs\":")
    json.array(tokens) { json, placed in
      if placed.token.chosen.logprob.isNaN { json.raw("null") } else { table(placed.token, into: &json) }
    }
    json.raw(",\"text_offset\":")
    json.array(tokens) { json, placed in json.integer(placed.offset) }
    json.raw("}")
  }

  private static func table(_ token: TokenLogprob, into json: inout JSONText) {
    var names: [String] = []
    var candidates = token.alternatives
    if !candidates.contains(where: { $0.token == token.chosen.token }) { candidates.append(token.chosen) }
    json.raw("{")
    for candidate in candidates {
      let name = text(candidate)
      // Different tokens can have one spelling; the likelier, which comes first, stays.
      guard !names.contains(name) else { continue }
      if !names.isEmpty { json.raw(",") }
      names.append(name)
      json.string(name)
      json.raw(":")
      json.number(candidate.logprob)
    }
    json.raw("}")
  }

  /// A token's text, or where its bytes are not whole characters their hexadecimal spelling, as OpenAI has it.
  private static func text(_ candidate: TokenLogprob.Candidate) -> String {
    if let text = String(validating: candidate.bytes, as: UTF8.self) { return text }
    return candidate.bytes.reduce(into: "bytes:") { text, byte in
      text += byte < 16 ? "\\x0" : "\\x"
      text += String(byte, radix: 16)
    }
  }

  /// Places tokens one after the other in a text.
  struct Placer {
    private var characters = 0

    /// - Parameter lead: bytes that the first tokens have and the text has not, such as a tokeniser's leading space.
    private var lead: Int

    init(lead: Int = 0) {
      self.lead = lead
    }

    mutating func place(_ tokens: [TokenLogprob]) -> [Placed] {
      tokens.map { token in
        var bytes = token.chosen.bytes[...]
        let skipped = min(lead, bytes.count)
        lead -= skipped
        bytes = bytes.dropFirst(skipped)
        // A token that begins inside a character begins where that character does.
        let isInside = bytes.first.map { $0 & 0xC0 == 0x80 } ?? false
        let placed = Placed(token: token, offset: isInside ? max(0, characters - 1) : characters)
        characters += bytes.count { $0 & 0xC0 != 0x80 }
        return placed
      }
    }
  }
}
