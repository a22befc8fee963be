/// Small changes to a program's operators and numbers, one at a time: the last resort once the budget is used up.
///
/// A changed program may pass a test by chance, so these are tried only where nothing else passes any more.
enum BoldRepair {
  /// The most programs that are made of one.
  static let most = 24

  private static let swaps: [(String, [String])] = [
    (" <= ", [" < "]), (" >= ", [" > "]), (" < ", [" <= "]), (" > ", [" >= ", " < "]), (" == ", [" != "]),
    (" != ", [" == "]), (" and ", [" or "]), (" or ", [" and "]), (" + ", [" - ", " * "]), (" - ", [" + "]),
    (" * ", [" + ", " ** "]), (" // ", [" / ", " % "]), (" / ", [" // "]), (" % ", [" // "]), ("max(", ["min("]),
    ("min(", ["max("]), ("reverse=True", ["reverse=False"]), (" += ", [" -= ", " *= "]),
  ]

  /// Variants, in the order of the places that are changed.
  static func variants(_ source: String) -> [String] {
    var programs: [String] = []
    for (old, news) in swaps {
      for range in source.ranges(of: old).prefix(3) {
        for new in news {
          programs.append(source[..<range.lowerBound] + new + source[range.upperBound...])
        }
      }
    }
    for range in source.ranges(of: "range(").prefix(3) {
      guard let end = closing(source, from: range.upperBound) else { continue }
      let arguments = source[range.upperBound..<end]
      programs.append(source[..<range.upperBound] + arguments + " + 1" + source[end...])
      programs.append(source[..<range.upperBound] + arguments + " - 1" + source[end...])
      if !arguments.contains(",") { programs.append(source[..<range.upperBound] + "1, " + arguments + source[end...]) }
    }
    for form in ["(%) + 1", "(%) - 1", "not (%)", "(%)[::-1]", "abs(%)"] {
      if let program = RuleRepair.wrapReturns(source, form) { programs.append(program) }
    }
    return Array(programs.prefix(most))
  }

  private static func closing(_ source: String, from start: String.Index) -> String.Index? {
    var depth = 0
    for index in source[start...].indices {
      switch source[index] {
      case "(", "[": depth += 1
      case ")", "]":
        if depth == 0 { return index }
        depth -= 1
      case "\n": return nil
      default: break
      }
    }
    return nil
  }
}
