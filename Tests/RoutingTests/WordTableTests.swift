import Testing

@testable import Routing

@Suite struct WordTableTests {
  @Test func aTableOfWordsKnowsItsOwnAndNoOthers() {
    var table = WordTable(slotCount: 64, unknown: 0)
    // The last two begin in the same slot.
    let words: [UInt64] = (1...40).map { mixed($0) } + [7 << 43 | 3 << 32, 9 << 43 | 3 << 32]
    for (index, word) in words.enumerated() { table.amend(word) { $0 = index % 5 + 1 } }
    for word in words.prefix(10) { table.amend(word) { $0 += 10 } }
    table.withLoan { loan in
      for (index, word) in words.enumerated() {
        #expect(loan.entry(for: word) == index % 5 + (index < 10 ? 11 : 1))
      }
      for other in 100..<400 as Range<UInt64> { #expect(loan.entry(for: mixed(other)) == 0) }
      #expect(loan.entry(for: 0) == 0)
    }
  }
}
