import Sandbox

/// How near a failing run comes to what a test expects: what decides which program is worth another try.
enum Nearness {
  /// 0…1; 1 only where the value reads the same.
  static func score(_ run: TracedRun, expected: String?) -> Double {
    switch run.outcome {
    case .completed:
      guard let value = run.returned, value != "None" || expected == "None" else { return 0.15 }
      guard let expected else { return 0.5 }
      let mine = normal(value)
      let wanted = normal(expected)
      if mine == wanted { return 1 }
      let sameKind = kind(mine) == kind(wanted)
      return 0.3 + (sameKind ? 0.2 : 0) + 0.4 * similarity(mine, wanted)
    case .exception:
      // The further it came, the more of it may be right.
      return 0.05 + 0.1 * min(1, Double(run.trace.events.count { $0.kind == .line }) / 10)
    case .timedOut: return 0.05
    default: return 0
    }
  }

  /// What sort of value a literal is, by its first character.
  static func kind(_ text: String) -> Character {
    switch text.first {
    case "'", "\"": "s"
    case "[", "(", "{": text.first ?? "?"
    case "T", "F": "b"
    case "N": "n"
    case nil: "?"
    default: text.contains(".") ? "f" : "i"
    }
  }

  /// Without what does not matter: blanks outside of strings, kinds of quotes.
  static func normal(_ text: String) -> String {
    var result = ""
    var quote: Character?
    for character in text.prefix(200) {
      if let open = quote {
        if character == open { quote = nil }
        result.append(character == open ? "'" : character)
      } else if character == "\"" || character == "'" {
        quote = character
        result.append("'")
      } else if !character.isWhitespace {
        result.append(character)
      }
    }
    return result
  }

  /// 1 less the edit distance over the longer length; for numbers their relative distance.
  static func similarity(_ left: String, _ right: String) -> Double {
    if let a = Double(left), let b = Double(right) {
      let scale = abs(a) + abs(b)
      return scale == 0 ? 1 : max(0, 1 - abs(a - b) / scale)
    }
    let a = Array(left.utf8.prefix(80))
    let b = Array(right.utf8.prefix(80))
    guard !a.isEmpty, !b.isEmpty else { return 0 }
    var row = Array(0...b.count)
    for i in 1...a.count {
      var diagonal = row[0]
      row[0] = i
      for j in 1...b.count {
        let cost = a[i - 1] == b[j - 1] ? diagonal : 1 + min(diagonal, row[j], row[j - 1])
        diagonal = row[j]
        row[j] = cost
      }
    }
    return 1 - Double(row[b.count]) / Double(max(a.count, b.count))
  }
}
