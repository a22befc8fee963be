extension GrammarNode {
  /// The deepest nesting of groups; what differs later is written out.
  private static let deepestGroup = 24

  /// Any one of some texts, as a tree of what their beginnings have in common: llama.cpp follows each alternative by
  /// itself, so that thousands side by side would take seconds for each token.
  static func texts(_ texts: [String]) -> GrammarNode {
    var sorted: [[Unicode.Scalar]] = []
    for text in texts.map({ Array($0.unicodeScalars) }).sorted(by: { $0.lexicographicallyPrecedes($1) })
    where sorted.last != text {
      sorted.append(text)
    }
    return sorted.isEmpty ? .never : tree(sorted[...], from: 0, depth: 0)
  }

  /// - Parameters:
  ///   - texts: sorted, all different, not empty.
  ///   - start: how many scalars are behind already, the same for all.
  private static func tree(_ texts: ArraySlice<[Unicode.Scalar]>, from start: Int, depth: Int) -> GrammarNode {
    guard let first = texts.first, let last = texts.last else { return .never }
    if texts.count == 1 { return literal(first[start...]) }
    guard depth < deepestGroup else { return .choice(texts.map { literal($0[start...]) }) }
    // What the first and the last of a sorted list share, all share.
    var end = start
    while end < first.count, end < last.count, first[end] == last[end] { end += 1 }
    var options: [GrammarNode] = []
    var rest = texts
    if first.count == end {
      options.append(.empty)
      rest.removeFirst()
    }
    while let head = rest.first {
      let branch = rest.prefix { $0[end] == head[end] }
      options.append(tree(branch, from: end, depth: depth + 1))
      rest = rest.dropFirst(branch.count)
    }
    return end > start ? .sequence([literal(first[start..<end]), .choice(options)]) : .choice(options)
  }

  private static func literal(_ scalars: ArraySlice<Unicode.Scalar>) -> GrammarNode {
    scalars.isEmpty ? .empty : .literal(String(String.UnicodeScalarView(scalars)))
  }
}
