/// Columns of text, aligned.
struct Table {
  private var rows: [[String]]
  private let rightAligned: Set<Int>

  /// - Parameter rightAligned: columns, from 0, that hold numbers.
  init(_ heads: [String], rightAligned: Set<Int> = []) {
    rows = [heads]
    self.rightAligned = rightAligned
  }

  mutating func add(_ cells: [String]) {
    rows.append(cells)
  }

  /// The table with a line end after each row; the heads in bold where that is possible.
  func text(_ style: Style) -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.map { $0.indices.contains(column) ? Self.width($0[column]) : 0 }.max() ?? 0
    }
    return rows.enumerated().map { index, row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - Self.width(cell))
        let isLast = column == row.count - 1
        line += rightAligned.contains(column) ? padding + cell : isLast ? cell : cell + padding
        if !isLast { line += "  " }
      }
      return (index == 0 ? style.bold(line) : line) + "\n"
    }.joined()
  }

  private static func width(_ text: String) -> Int {
    text.reduce(0) { $0 + LineLayout.cells(of: $1) }
  }
}
