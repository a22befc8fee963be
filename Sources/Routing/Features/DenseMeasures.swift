import Glibc

/// The numbers that the predictor's dense part reads from a scan: size, sentences, numbers, names, the question itself,
/// answer options, symbols, and how often each keyword occurs.
///
/// Their order is part of the predictor's format: append, never reorder.
enum DenseMeasures {
  /// What each measure is, for explanations; `ln` is of one more than the count.
  static let names: [String] =
    [
      "ln bytes", "ln words", "ln sentences", "ln words a sentence", "ln numbers", "ln distinct numbers",
      "ln quantity words", "ln numbers and quantity words", "ln largest number", "ln smallest number",
      "ln fractional numbers", "ln percents", "ln slashes", "ln dollars", "ln commas", "distinct words' share",
      "ln capitalised words", "ln distinct names", "ln bytes of the last sentence", "last sentence begins with if",
      "ln digits of the last sentence", "mean word length", "ln bytes of the question", "ln mean option length",
      "ln longest option", "ln shortest option", "ln spread of option lengths", "digits' share", "numeric options",
      "ln lines", "ends with a question mark", "has a blank", "is negated", "symbols' share", "ln symbols",
      "upper-case share", "beyond ASCII",
    ] + Lexicon.keywords.map { "ln \"\($0)\"" } + SubjectStems.subjects.map { "ln words of \($0.name)" }

  static var count: Int { names.count }

  /// The measures of one scan, in the order of `names`.
  static func values(_ scan: PromptScan) -> [Float] {
    var values: [Float] = []
    values.reserveCapacity(count)
    let bytes = Double(max(1, scan.scannedBytes))
    let words = Double(max(1, scan.words))
    func add(_ value: Double) { values.append(Float(value)) }
    func addLog(_ value: Double) { values.append(Float(log1p(max(0, value)))) }
    func addFlag(_ flag: Bool) { values.append(flag ? 1 : 0) }
    addLog(Double(scan.byteCount))
    addLog(Double(scan.words))
    addLog(Double(scan.sentences - 1))
    addLog(words / Double(scan.sentences))
    addLog(Double(scan.numbers))
    addLog(Double(scan.distinctNumbers))
    addLog(Double(scan.quantities))
    addLog(Double(scan.numbers + scan.quantities))
    addLog(scan.largestNumber)
    addLog(scan.smallestNumber)
    addLog(Double(scan.fractionalNumbers))
    addLog(Double(scan.percents + Int(scan.keywordCounts[Self.percent])))
    addLog(Double(scan.slashes))
    addLog(Double(scan.dollars))
    addLog(Double(scan.commas))
    add(Double(scan.distinctWords) / words)
    addLog(Double(scan.capitalised))
    addLog(Double(scan.distinctNames))
    addLog(Double(scan.lastSentenceBytes))
    addFlag(scan.lastSentenceIsConditional)
    addLog(Double(scan.lastSentenceDigits))
    add(Double(scan.wordBytes) / words)
    addLog(Double(scan.questionBytes))
    let options = scan.optionLengths.map(Double.init)
    let optionCount = Double(max(1, options.count))
    let mean = options.reduce(0, +) / optionCount
    addLog(mean)
    addLog(options.max() ?? 0)
    addLog(options.min() ?? 0)
    addLog((options.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / optionCount).squareRoot())
    add(Double(scan.digits) / bytes)
    add(Double(min(scan.numericOptions, 8)))
    addLog(Double(scan.lines))
    addFlag(scan.endsWithQuestionMark)
    addFlag(scan.hasBlank)
    addFlag(scan.isNegated)
    add(Double(scan.symbols) / bytes)
    addLog(Double(scan.symbols))
    add(Double(scan.uppercase) / bytes)
    addFlag(scan.nonASCII > 0)
    for index in Lexicon.keywords.indices { values.append(logOfCount[Int(min(scan.keywordCounts[index], 255))]) }
    for index in SubjectStems.subjects.indices { values.append(logOfCount[Int(min(scan.subjectVotes[index], 255))]) }
    return values
  }

  private static let percent = Lexicon.keywords.firstIndex(of: "percent") ?? 0
  private static let logOfCount: [Float] = (0...255).map { Float(log1p(Double($0))) }
}
