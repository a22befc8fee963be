/// The words that the scanner recognises, and what each says about a request.
///
/// One word may count towards a keyword measure, one or more domains and one or more languages. The lists are chosen by
/// meaning, not fitted to any data set.
struct Lexicon: Sendable {
  /// What one word stands for, as amounts to be added to a scan's counts: most words add nothing.
  struct Entry: Sendable {
    /// The keyword measure it counts towards; ``noKeyword`` for none.
    var keyword = Lexicon.noKeyword
    /// What it is in a text's shape.
    var form = ShapeCounter.otherWord
    /// 1 for a number, a fraction or a multiple ("three", "half", "twice").
    var quantity: UInt8 = 0
    /// 1 for a word that asks for more than one step of thought ("prove", "compare", "why").
    var reasoning: UInt8 = 0
    /// A vote for each of `PromptDomain.allCases`.
    var domains = SIMD4<Int32>()
    /// A vote for each of `Lexicon.languages`.
    var languages = SIMD8<UInt16>()
  }

  /// Where words that are no keyword are counted.
  static let noKeyword: UInt8 = 127

  static let shared = Lexicon()

  /// Each is a measure of its own: how often the word occurs. Their order is part of the predictor's format.
  static let keywords =
    """
    each every per more less fewer than times twice half third quarter total remaining left rest average percent all \
    both other another same if then after before when but and or only first second last how many much long old far \
    altogether day week month year hour minute cost price pay buy sell earn save spend profit discount increase \
    fraction ratio as not which following what is of the why who where would should true false most least except best \
    between because
    """.split(separator: " ").map(String.init)

  static let languages = ["en", "de", "fr", "es", "it", "pt", "nl"]

  private static let quantities =
    """
    one two three four five six seven eight nine ten eleven twelve dozen half third thirds quarter quarters twice \
    double triple thrice
    """
  private static let reasoning =
    """
    prove derive explain why compare contrast analyze analyse evaluate justify deduce infer optimize optimise plan \
    design therefore because suppose assume given if then unless step steps tradeoff tradeoffs consider implies
    """
  private static let technical =
    """
    code function class compile compiler bug debug error exception stack api http sql query database server docker \
    kubernetes linux bash python swift rust java javascript typescript algorithm array string loop thread async regex \
    json yaml xml git deploy server client protocol tcp cpu gpu memory kernel binary byte hash encryption
    """
  private static let creative =
    """
    story poem poems song lyrics haiku write imagine character characters novel fiction plot dialogue rhyme verse \
    slogan tagline creative invent describe scene fantasy screenplay limerick
    """
  private static let analytical =
    """
    calculate compute solve equation integral derivative probability statistics average percent ratio total how many \
    prove theorem matrix analyze analyse evaluate compare data regression estimate forecast which following cost \
    hypothesis correlation
    """
  private static let conversational =
    """
    hi hello hey thanks thank please you your feel think advice recommend tell me my i am favorite chat good morning \
    evening lol okay sorry
    """
  private static let stopWords: [String: String] = [
    "en": "the and of to in is that it for with are was this what how you be which",
    "de": "der die das und ist nicht ein eine mit für auf wie was ich sie den von zu",
    "fr": "le la les et est un une des que qui dans pour pas sur avec je vous du",
    "es": "el la los las y es un una que en por para con no se del como qué",
    "it": "il lo la gli e è un una che di per con non sono come della nel",
    "pt": "o a os as e é um uma que de para com não se do da em como",
    "nl": "de het een en is van dat niet op te zijn met voor wat hoe ik",
  ]

  private var table = WordTable(slotCount: 2048, unknown: Entry())

  private init() {
    for (index, word) in Self.keywords.enumerated() { amend(word) { $0.keyword = UInt8(index) } }
    for (index, word) in ShapeCounter.words.enumerated() {
      amend(word) { $0.form = ShapeCounter.firstWord + UInt8(index) }
    }
    amend(Self.quantities) { $0.quantity = 1 }
    amend(Self.reasoning) { $0.reasoning = 1 }
    for (domain, words) in [Self.technical, Self.creative, Self.analytical, Self.conversational].enumerated() {
      amend(words) { $0.domains[domain] = 1 }
    }
    for (index, language) in Self.languages.enumerated() {
      amend(Self.stopWords[language] ?? "") { $0.languages[index] = 1 }
    }
  }

  private mutating func amend(_ words: String, _ change: (inout Entry) -> Void) {
    for word in words.split(separator: " ") { table.amend(stableHash(String(word)), change) }
  }

  /// Lends the words to one scan.
  @inline(__always)
  func withWords(_ body: (WordTable<Entry>.Loan) -> Void) { table.withLoan(body) }
}
