/// Comparing texts by their embeddings, and by what embeddings blur.
enum Similarity {
  /// The vector at unit length; nil for one that has none, is empty, or is not finite.
  static func normalized(_ vector: [Float]) -> [Float]? {
    var sum: Float = 0
    for value in vector { sum += value * value }
    guard sum.isFinite, sum > 0 else { return nil }
    let scale = 1 / sum.squareRoot()
    return vector.map { $0 * scale }
  }

  /// The cosine of two unit vectors; nil where they have not the same dimension.
  static func dot(_ left: [Float], _ right: [Float]) -> Float? {
    guard left.count == right.count else { return nil }
    var sum: Float = 0
    for index in left.indices { sum += left[index] * right[index] }
    return sum.isFinite ? sum : nil
  }

  /// What decides on a text's answer although embeddings hardly tell it: numbers in digits and in words, how many words deny
  /// something, words that have an opposite, and names. "2 + 2" and "two + three", "is" and "is not", "before" and "after",
  /// or the capitals of two countries are close as embeddings, and their answers are not.
  static func decisive(_ text: String) -> [String] {
    var found: [String] = []
    var run = ""
    for scalar in text.unicodeScalars {
      if scalar.properties.numericType != nil {
        run.unicodeScalars.append(scalar)
      } else if !run.isEmpty {
        found.append(run)
        run = ""
      }
    }
    if !run.isEmpty { found.append(run) }
    var denials = 0
    var words: [String] = []
    var isFirst = true
    var index = text.startIndex
    while index < text.endIndex {
      guard isPartOfWord(text[index]) else {
        if ".!?:\n\"“„«".contains(text[index]) { isFirst = true }
        index = text.index(after: index)
        continue
      }
      let end = text[index...].firstIndex { !isPartOfWord($0) } ?? text.endIndex
      let word = text[index..<end]
      let small = word.lowercased()
      if denying.contains(small) || small.hasSuffix("n't") || small.hasSuffix("n’t") {
        denials += 1
      } else if counting.contains(small) || opposed.contains(small) {
        words.append(small)
      } else if !isFirst, word.first?.isUppercase == true {
        let name = small.hasSuffix("'s") || small.hasSuffix("’s") ? String(small.dropLast(2)) : small
        if name != "i", !name.hasPrefix("i'"), !name.hasPrefix("i’") { words.append(name) }
      }
      isFirst = false
      index = end
    }
    return found + ["\(denials)"] + words.sorted()
  }

  private static func isPartOfWord(_ character: Character) -> Bool {
    character.isLetter || character == "'" || character == "’"
  }

  /// Whether two texts are the same but for a part: at least ``longShare`` of the longer, and ``longBytes``, before and after
  /// it agree to the letter. Their embeddings are close whatever that part says ("the capital of France", "the capital of
  /// Spain"; two questions behind one long document), so that nothing is to be learned from comparing them.
  static func differsInAPartOnly(_ left: String, _ right: String) -> Bool {
    let (left, right) = (left.utf8, right.utf8)
    let shorter = min(left.count, right.count)
    let prefix = zip(left, right).prefix { $0 == $1 }.count
    let suffix = zip(left.reversed(), right.reversed()).prefix(shorter - prefix).prefix { $0 == $1 }.count
    let shared = prefix + suffix
    return shared >= longBytes && Double(shared) >= longShare * Double(max(left.count, right.count))
  }

  /// See ``differsInAPartOnly(_:_:)``.
  static let longBytes = 20
  /// See ``differsInAPartOnly(_:_:)``.
  static let longShare = 0.6

  private static func words(_ text: String) -> Set<String> { Set(text.split(separator: " ").map(String.init)) }

  private static let denying = words(
    "not no never without except non cannot none nothing nobody nowhere neither nor unless nicht kein keine keinen nie "
      + "niemals ohne pas sans jamais sin nunca")

  private static let counting = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
      + "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion dozen half "
      + "quarter double triple twice thrice second third fourth fifth sixth seventh eighth ninth tenth null eins zwei drei "
      + "vier fünf sechs sieben acht neun zehn elf zwölf hundert tausend deux trois quatre cinq sept huit neuf dix dos tres "
      + "cuatro cinco seis siete ocho nueve diez")

  /// Words whose opposite stands in the same places.
  private static let opposed = words(
    "before after more less fewer most least minimum maximum min max highest lowest higher lower high low largest smallest "
      + "larger smaller biggest longest shortest longer shorter fastest slowest faster slower best worst better worse oldest "
      + "newest older newer youngest younger increase decrease increases decreases increasing decreasing rise fall rising "
      + "falling up down left right on off over under above below inside outside first last next previous all any every some "
      + "always true false open close opened closed start stop begin end enable disable add remove subtract plus minus "
      + "multiply divide import export encode decode encrypt decrypt compress decompress upload download read write push pull "
      + "ascending descending north south east west northern southern eastern western yesterday today tomorrow past future "
      + "hot cold warm cool buy sell win lose love hate male female man woman men women boy girl he she his her him mother "
      + "father son daughter legal illegal possible impossible safe unsafe healthy unhealthy positive negative odd even "
      + "pros cons advantages disadvantages benefits drawbacks early late earliest latest old new")
}
