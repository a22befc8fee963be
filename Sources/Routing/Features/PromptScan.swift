/// What one pass over a prompt's bytes found: counts from which every measure is derived.
///
/// The pass looks at no more than `PromptScan.headLimit + PromptScan.tailLimit` bytes, so that a decision's time is bounded
/// whatever the prompt's length; a longer prompt is read at its beginning and its end, where questions are asked.
struct PromptScan {
  /// Bytes read from the beginning of a long prompt.
  static let headLimit = 512
  /// Bytes read from the end of a long prompt.
  static let tailLimit = 512

  /// The whole prompt's length in bytes, read or not.
  var byteCount = 0
  /// How many bytes were looked at.
  var scannedBytes = 0
  var words = 0
  var wordBytes = 0
  var longWords = 0
  var sentences = 1
  var commas = 0
  var lines = 0
  var capitalised = 0
  var uppercase = 0
  var digits = 0
  var numbers = 0
  var fractionalNumbers = 0
  var largestNumber = 0.0
  var smallestNumber = Double.infinity
  var quantities = 0
  var reasoningWords = 0
  var percents = 0
  var slashes = 0
  var dollars = 0
  var symbols = 0
  var codeMarks = 0
  var nonASCII = 0
  var questionBytes = 0
  var lastSentenceBytes = 0
  var lastSentenceDigits = 0
  var lastSentenceIsConditional = false
  var endsWithQuestionMark = false
  var hasBlank = false
  var isNegated = false
  var optionLengths: [Int] = []
  var numericOptions = 0
  /// By `Lexicon.keywords`; the last counts all other words.
  var keywordCounts = InlineArray<128, UInt16>(repeating: 0)
  /// By `SubjectStems.subjects`.
  var subjectVotes = InlineArray<32, UInt16>(repeating: 0)
  /// By `PromptDomain.allCases`.
  var domainVotes = SIMD4<Int32>()
  /// By `Lexicon.languages`.
  var languageVotes = SIMD8<UInt16>()
  /// By `Script`.
  var scriptVotes = SIMD8<UInt16>()
  var distinctWords = 0
  var distinctNumbers = 0
  var distinctNames = 0
  var grams = GramVector()

  /// Writing systems told apart by their UTF-8 lead bytes.
  enum Script: Int, CaseIterable {
    case cyrillic, greek, hebrew, arabic, devanagari, kana, han, hangul
  }

  init(_ prompt: String) {
    var text = prompt
    text.withUTF8 { bytes in
      byteCount = bytes.count
      let cut = bytes.count > Self.headLimit + Self.tailLimit
      let length = cut ? Self.headLimit + Self.tailLimit + 1 : bytes.count
      // Slack after the text lets the scanner look a few bytes ahead without testing for the end.
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: length + 8) { window in
        window.initialize(repeating: 0)
        if cut {
          for index in 0..<Self.headLimit { window[index] = bytes[index] }
          window[Self.headLimit] = Character.newline
          let tail = bytes.count - Self.tailLimit
          for index in 0..<Self.tailLimit { window[Self.headLimit + 1 + index] = bytes[tail + index] }
        } else {
          for index in 0..<length { window[index] = bytes[index] }
        }
        scannedBytes = length
        Lexicon.shared.withWords { words in
          SubjectStems.shared.withStems { stems in
            ByteKind.foldedLetters.withUnsafeBufferPointer { letters in
              scan(UnsafeBufferPointer(window), length: length, words, stems, letters)
            }
          }
        }
      }
    }
  }

  private enum Character {
    static let newline = UInt8(ascii: "\n")
    static let space = UInt8(ascii: " ")
  }

  /// Reads `length` bytes of `text`, which has at least eight zero bytes after them.
  private mutating func scan(
    _ text: UnsafeBufferPointer<UInt8>, length: Int, _ lexicon: WordTable<Lexicon.Entry>.Loan,
    _ stems: WordTable<UInt32>.Loan,
    _ letters: UnsafeBufferPointer<UInt8>
  ) {
    var wordBits = HashSketch()
    var numberBits = HashSketch()
    var nameBits = HashSketch()
    // The folded text, and behind it the forms that make its shape, of which there are no more than bytes.
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 2 * length + 16) { folded in
      folded.initialize(repeating: 0)
      let formStart = length + 16
      var formEnd = formStart
      var foldedCount = 1
      folded[0] = Character.space
      var position = 0
      var sentenceStart = 0
      var atBoundary = true
      var inQuestion = true
      var lastVisible: UInt8 = 0
      while position < length {
        let byte = text[position]
        let kind = ByteKind(byte)
        if kind == .space {
          if byte == Character.newline {
            lines += 1
            atBoundary = true
            if let end = optionEnd(text, after: position, length: length) {
              if inQuestion {
                inQuestion = false
                questionBytes = position
                lastSentenceBytes = position - sentenceStart
                endsWithQuestionMark = lastVisible == UInt8(ascii: "?")
              }
              optionLengths.append(end - position - 4)
              let first = text[position + 4]
              if ByteKind.isDigit(first) || first == UInt8(ascii: "$") || first == UInt8(ascii: "-") {
                numericOptions += 1
              }
            }
          }
          if folded[foldedCount - 1] != Character.space {
            folded[foldedCount] = Character.space
            foldedCount += 1
          }
          position += 1
          continue
        }
        if atBoundary {
          atBoundary = false
          if inQuestion {
            sentenceStart = position
            lastSentenceDigits = 0
            lastSentenceIsConditional =
              text[position] | 0x20 == 0x69 && text[position + 1] == 0x66
              && text[position + 2] == 0x20
          }
        }
        switch kind {
        case .letter:
          let start = position
          var hash: UInt64 = 0xCBF2_9CE4_8422_2325
          var upper = 0
          var stem: UInt64 = 0
          var high: UInt8 = 0
          // The zero bytes behind the text are no letters.
          while true {
            let letter = text[position]
            let low = letters[Int(letter)]
            guard low != 0 else { break }
            high |= letter
            upper &+= low == letter ? 0 : 1
            folded[foldedCount] = low
            foldedCount &+= 1
            hash = (hash ^ UInt64(low)) &* 0x100_0000_01B3
            position &+= 1
            stem = position &- start == SubjectStems.length ? hash : stem
          }
          if high >= 0x80 {
            for index in start..<position where text[index] >= 0x80 { voteForScript(text[index], text[index + 1]) }
          }
          let count = position - start
          voteForSubjects(stems.entry(for: stem))
          uppercase += upper
          if text[start] &- 0x41 < 26 {
            if count > 1, upper == 1 { capitalised += 1 }
            if lastVisible == UInt8(ascii: ",") || ByteKind.isLetter(lastVisible) { nameBits.insert(hash) }
            if upper == count, isExclusion(text, start, count) { isNegated = isNegated || inQuestion }
          }
          folded[formEnd] = note(hash, length: count, lexicon)
          formEnd += 1
          wordBits.insert(hash)
        case .digit:
          let start = position
          let value = number(text, &position, length)
          digits += position - start
          if inQuestion { lastSentenceDigits += position - start }
          for index in start..<position { folded[foldedCount + index - start] = text[index] }
          foldedCount += position - start
          numbers += 1
          words += 1
          wordBytes += position - start
          if value != value.rounded(.towardZero) { fractionalNumbers += 1 }
          largestNumber = max(largestNumber, value)
          smallestNumber = min(smallestNumber, value)
          folded[formEnd] = ShapeCounter.number
          formEnd += 1
          let hash = mixed(value.bitPattern)
          numberBits.insert(hash)
          wordBits.insert(hash)
        default:
          note(mark: byte, next: text[position + 1], inQuestion: inQuestion, &atBoundary)
          folded[formEnd] = ShapeCounter.form(ofMark: byte)
          formEnd += 1
          folded[foldedCount] = byte
          foldedCount += 1
          position += 1
        }
        lastVisible = text[position - 1]
      }
      if inQuestion {
        questionBytes = length
        lastSentenceBytes = length - sentenceStart
        endsWithQuestionMark = lastVisible == UInt8(ascii: "?")
      }
      if folded[foldedCount - 1] != Character.space {
        folded[foldedCount] = Character.space
        foldedCount += 1
      }
      grams = GramCounter.count(
        folded, count: foldedCount, forms: UnsafeBufferPointer(rebasing: folded[formStart..<formEnd]))
    }
    distinctWords = wordBits.count
    distinctNumbers = numberBits.count
    distinctNames = nameBits.count
    if smallestNumber == .infinity { smallestNumber = 0 }
  }
}
