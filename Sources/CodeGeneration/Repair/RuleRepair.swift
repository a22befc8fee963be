import Sandbox

/// Changes to a failing program that its trace suggests. They cost no tokens; whether they help, the tests decide.
enum RuleRepair {
  /// The most programs that are made of one.
  static let most = 8

  /// Changes that leave the program's idea as it is: a missing import, a value printed or left in a variable instead of
  /// returned, a list where a tuple is wanted.
  static func mild(_ source: String, _ run: TracedRun, expected: String?, entryPoint: String?) -> [String] {
    var programs: [String] = []
    if case .exception(let type, let message, _) = run.outcome {
      if type == "NameError", let name = quoted(in: message) {
        if let line = imports[name] { programs.append(line + "\n" + source) }
        if let entryPoint, name == entryPoint, let other = PythonText.definedFunctions(in: source).last {
          programs.append(source + "\n\(entryPoint) = \(other)")
        }
      }
      return programs
    }
    guard run.outcome == .completed, let expected else { return programs }
    let value = run.returned.map(Nearness.normal) ?? "None"
    let wanted = Nearness.normal(expected)
    if value == "None" {
      programs += returningPrinted(source)
      programs += returningLocals(source, run, wanted: wanted)
    } else {
      programs += converted(source, value: value, wanted: wanted)
      programs += replacingReturn(source, run, wanted: wanted)
    }
    return Array(programs.prefix(most))
  }

  /// What a missing name most likely is.
  static let imports: [String: String] = {
    var imports: [String: String] = [:]
    for module in [
      "math", "re", "collections", "itertools", "heapq", "functools", "string", "sys", "random", "bisect",
      "operator", "datetime", "statistics", "copy", "cmath", "json",
    ] {
      imports[module] = "import \(module)"
    }
    let names = [
      "collections": ["Counter", "defaultdict", "deque", "OrderedDict", "namedtuple"],
      "itertools": ["combinations", "permutations", "groupby", "chain", "product", "accumulate", "zip_longest"],
      "functools": ["reduce", "lru_cache", "cmp_to_key"], "math": ["sqrt", "gcd", "pi", "floor", "ceil", "factorial"],
      "typing": ["List", "Dict", "Tuple", "Optional", "Set", "Any", "Union", "Iterable"],
      "heapq": ["nlargest", "nsmallest", "heappush", "heappop", "heapify"],
      "operator": ["itemgetter"], "copy": ["deepcopy"],
    ]
    for (module, members) in names { for name in members { imports[name] = "from \(module) import \(name)" } }
    return imports
  }()

  private static func quoted(in message: String) -> String? {
    let parts = message.split(separator: "'", omittingEmptySubsequences: false)
    return parts.count >= 3 ? String(parts[1]) : nil
  }

  private static func returningPrinted(_ source: String) -> [String] {
    var lines = source.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    guard
      let index = lines.lastIndex(where: { line in
        let text = PythonText.trim(line)
        return text.hasPrefix("print(") && text.hasSuffix(")") && !PythonText.indentation(of: line).isEmpty
      })
    else { return [] }
    let text = PythonText.trim(lines[index])
    lines[index] = PythonText.indentation(of: lines[index]) + "return " + String(text.dropFirst(6).dropLast())
    return [lines.joined(separator: "\n")]
  }

  /// Returns at the end what a variable held, the one that held the wanted value first.
  private static func returningLocals(_ source: String, _ run: TracedRun, wanted: String) -> [String] {
    let locals = run.finalLocals
    let same = locals.filter { Nearness.normal($0.value) == wanted }
    let kindred = locals.filter { Nearness.kind(Nearness.normal($0.value)) == Nearness.kind(wanted) }.reversed()
    var names: [String] = []
    for local in same + kindred where !names.contains(local.name) { names.append(local.name) }
    guard let indent = bodyIndentation(source) else { return [] }
    return names.prefix(3).map { source + "\n\(indent)return \($0)" }
  }

  private static func bodyIndentation(_ source: String) -> String? {
    let lines = source.split(separator: "\n")
    guard let start = lines.lastIndex(where: { $0.hasPrefix("def ") }), lines.index(after: start) < lines.endIndex
    else {
      return nil
    }
    let indent = PythonText.indentation(of: lines[lines.index(after: start)])
    return indent.isEmpty ? nil : indent
  }

  /// Returns a variable that held the wanted value instead of what was returned.
  private static func replacingReturn(_ source: String, _ run: TracedRun, wanted: String) -> [String] {
    // Small values are held by chance.
    guard wanted.count >= 3, Nearness.kind(wanted) != "b" else { return [] }
    let names = run.finalLocals.filter { Nearness.normal($0.value) == wanted }.map(\.name)
    guard let line = run.lastReturn?.line else { return [] }
    var lines = source.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    guard lines.indices.contains(line - 1), PythonText.trim(lines[line - 1]).hasPrefix("return") else { return [] }
    return names.prefix(1).map { name in
      lines[line - 1] = PythonText.indentation(of: lines[line - 1]) + "return \(name)"
      return lines.joined(separator: "\n")
    }
  }

  private static func converted(_ source: String, value: String, wanted: String) -> [String] {
    var forms: [String] = []
    let mine = Nearness.kind(value)
    switch (mine, Nearness.kind(wanted)) {
    case ("[", "("), ("{", "("): forms = ["tuple(%)"]
    case ("(", "["), ("{", "["): forms = ["list(%)", "sorted(%)"]
    case ("[", "{"), ("(", "{"): forms = wanted.contains(":") ? ["dict(%)"] : ["set(%)"]
    case ("[", "["):
      if sorted(value) == sorted(wanted) { forms += ["sorted(%)", "(%)[::-1]"] }
      if wanted.hasPrefix("[("), value.hasPrefix("[[") { forms.append("[tuple(item) for item in %]") }
      if wanted.hasPrefix("[["), value.hasPrefix("[(") { forms.append("[list(item) for item in %]") }
      if wanted == "[\(value)]" { forms.append("[%]") }
    case ("(", "("):
      if sorted(value) == sorted(wanted) { forms += ["tuple(sorted(%))", "(%)[::-1]"] }
    case ("s", "i"): forms = ["int(%)"]
    case ("s", "f"): forms = ["float(%)"]
    case ("i", "s"), ("f", "s"): forms = ["str(%)"]
    case ("f", "i"): forms = ["int(%)", "round(%)"]
    case ("[", "s"): forms = ["''.join(map(str, %))", "' '.join(map(str, %))"]
    case ("s", "["): forms = ["list(%)", "(%).split()"]
    case ("[", "i"), ("(", "i"), ("{", "i"): forms = ["len(%)", "sum(%)"]
    case ("i", "b"), ("[", "b"), ("s", "b"), ("n", "b"): forms = ["bool(%)"]
    case ("i", "["), ("s", "("), ("i", "("): forms = wanted.hasPrefix("[") ? ["[%]"] : ["(%,)"]
    case ("s", "s"):
      if value.lowercased() == wanted.lowercased() { forms = ["(%).lower()", "(%).upper()", "(%).capitalize()"] }
      if value.filter({ $0 != " " }) == wanted.filter({ $0 != " " }) {
        forms = ["(%).strip()", "(%).replace(' ', '')"]
      }
    default: break
    }
    return forms.compactMap { wrapReturns(source, $0) }
  }

  private static func sorted(_ text: String) -> [Character] { text.sorted() }

  private static func hasOuterComma(_ text: String) -> Bool {
    var depth = 0
    var quote: Character?
    for character in text {
      if let open = quote {
        if character == open { quote = nil }
        continue
      }
      switch character {
      case "'", "\"": quote = character
      case "(", "[", "{": depth += 1
      case ")", "]", "}": depth -= 1
      case "," where depth == 0: return true
      default: break
      }
    }
    return false
  }

  /// Every returned expression, put into a form in whose place of `%` it stands.
  static func wrapReturns(_ source: String, _ form: String) -> String? {
    var changed = false
    let lines = source.split(separator: "\n", omittingEmptySubsequences: false).map { line -> String in
      let text = PythonText.trim(String(line))
      guard text.hasPrefix("return "), text != "return None" else { return String(line) }
      changed = true
      let value = String(text.dropFirst(7))
      let isTuple = hasOuterComma(value)
      return PythonText.indentation(of: line) + "return "
        + form.replacingPlace(with: isTuple ? "(\(value))" : value)
    }
    return changed ? lines.joined(separator: "\n") : nil
  }
}

extension String {
  fileprivate func replacingPlace(with text: String) -> String {
    split(separator: "%", omittingEmptySubsequences: false).joined(separator: text)
  }
}
