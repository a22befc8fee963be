/// What can be read off Python source without parsing it.
package enum PythonText {
  /// Names that a test may call without meaning the function under test.
  static let commonCalls: Set<String> = [
    "abs", "all", "any", "bool", "dict", "enumerate", "filter", "float", "frozenset", "int", "isclose", "isinstance",
    "iter", "len", "list", "map", "max", "min", "next", "print", "range", "repr", "reversed", "round", "set", "sorted",
    "str", "sum", "tuple", "type", "zip", "not", "and", "or", "in", "is", "assert", "if", "else", "for", "lambda",
  ]

  /// Whether a program in canonical form does nothing: its functions have no statement but `pass`.
  static func isEmptyFunction(_ source: String) -> Bool {
    source.split(separator: "\n").allSatisfy { line in
      let text = line.drop { $0 == " " }
      return text == "pass" || ["def ", "import ", "from "].contains { text.hasPrefix($0) }
    }
  }

  /// The function that a test calls: the first that is not a builtin's, else the first.
  package static func calledFunction(in test: String) -> String? {
    var fallback: String?
    var name = ""
    var isAttribute = false
    var quote: Character?
    var last: Character = " "
    for character in test {
      defer { last = character }
      if let open = quote {
        if character == open, last != "\\" { quote = nil }
        continue
      }
      if character == "\"" || character == "'" {
        quote = character
        name = ""
      } else if isIdentifier(character) {
        if name.isEmpty { isAttribute = last == "." }
        name.append(character)
      } else {
        if character == "(", !name.isEmpty, !isAttribute, name.first?.isNumber == false {
          if !commonCalls.contains(name) { return name }
          if fallback == nil, !["not", "and", "or", "in", "is", "assert", "if", "else"].contains(name) {
            fallback = name
          }
        }
        name = ""
      }
    }
    return fallback
  }

  /// The functions defined at the left margin, in order.
  package static func definedFunctions(in source: String) -> [String] {
    source.split(separator: "\n").compactMap { line in
      guard line.hasPrefix("def ") else { return nil }
      let name = line.dropFirst(4).prefix(while: isIdentifier)
      return name.isEmpty ? nil : String(name)
    }
  }

  /// The two sides of a test of the form `assert LEFT == RIGHT`; nil for other forms.
  package static func comparison(in test: String) -> (left: String, right: String)? {
    let trimmed = trim(test)
    guard trimmed.hasPrefix("assert") else { return nil }
    let body = Array(trimmed.dropFirst(6))
    var depth = 0
    var quote: Character?
    var place: Int?
    for (index, character) in body.enumerated() {
      if let open = quote {
        if character == open, index > 0, body[index - 1] != "\\" { quote = nil }
        continue
      }
      switch character {
      case "\"", "'": quote = character
      case "(", "[", "{": depth += 1
      case ")", "]", "}": depth -= 1
      case "=" where depth == 0 && place == nil && index + 1 < body.count && body[index + 1] == "=":
        place = index
      case "," where depth == 0 && place != nil:
        return side(body, place ?? 0, end: index)
      default: break
      }
    }
    return place.flatMap { side(body, $0, end: body.count) }
  }

  private static func side(_ body: [Character], _ place: Int, end: Int) -> (left: String, right: String)? {
    guard place + 2 <= end else { return nil }
    let left = trim(String(body[..<place]))
    let right = trim(String(body[(place + 2)..<end]))
    return left.isEmpty || right.isEmpty ? nil : (left, right)
  }

  static func isIdentifier(_ character: Character) -> Bool {
    character == "_" || character.isLetter || character.isNumber
  }

  /// Whether the text, but for blanks around it, is a name.
  static func isName(_ text: some StringProtocol) -> Bool {
    let name = trim(String(text))
    return !name.isEmpty && name.allSatisfy(isIdentifier) && name.first?.isNumber == false
  }

  /// Without white space at either end.
  package static func trim(_ text: String) -> String {
    guard let first = text.firstIndex(where: { !$0.isWhitespace }),
      let last = text.lastIndex(where: { !$0.isWhitespace })
    else { return "" }
    return String(text[first...last])
  }

  /// A line's leading white space.
  static func indentation(of line: some StringProtocol) -> String {
    String(line.prefix { $0 == " " || $0 == "\t" })
  }
}
