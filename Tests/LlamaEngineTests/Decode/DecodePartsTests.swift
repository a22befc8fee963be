import Testing

@testable import LlamaEngine

@Suite struct DecodePartsTests {
  @Test func `a tenant with many requests does not keep another waiting`() {
    var queue = FairQueue<String>()
    for number in 0..<4 { queue.append("busy \(number)", tenant: "busy", priority: 0, cost: 100) }
    queue.append("other", tenant: "other", priority: 0, cost: 100)
    var order: [String] = []
    while let next = queue.popFirst() { order.append(next) }
    #expect(order.prefix(2).contains("other"))
    #expect(order.count == 5)
  }

  @Test func `within a tenant the higher priority goes first and then the earlier`() {
    var queue = FairQueue<Int>()
    queue.append(1, tenant: "a", priority: 0, cost: 1)
    queue.append(2, tenant: "a", priority: 5, cost: 1)
    queue.append(3, tenant: "a", priority: 5, cost: 1)
    let removed = queue.removeAll { $0 == 3 }
    #expect(removed == [3])
    let order = [queue.popFirst(), queue.popFirst(), queue.popFirst()]
    #expect(order == [2, 1, nil])
  }

  @Test func `a cell is free when its last holder lets go`() throws {
    var ledger = CellLedger(capacity: 2)
    let taken = ledger.take()
    let first = try #require(taken)
    ledger.share([first])
    ledger.release([first])
    #expect(ledger.usedCount == 1)
    ledger.release([first])
    #expect(ledger.freeCount == 2)
    _ = ledger.take()
    _ = ledger.take()
    let none = ledger.take()
    #expect(none == nil)
  }

  @Test func `the faster number of threads is used and the other is tried now and then`() {
    var governor = ThreadGovernor(fixed: nil, cores: 2)
    var uses: [Int: Int] = [:]
    for _ in 0..<400 {
      let count = governor.count(rows: 1)
      uses[count, default: 0] += 1
      governor.note(rows: 1, threads: count, took: .milliseconds(count == 2 ? 7 : 10))
    }
    #expect(uses[2] ?? 0 > 380)
    #expect(uses[1] ?? 0 > 0)
    // Something else takes a core: two threads become slow, and one takes over.
    uses = [:]
    for _ in 0..<100 {
      let count = governor.count(rows: 1)
      uses[count, default: 0] += 1
      governor.note(rows: 1, threads: count, took: .milliseconds(count == 2 ? 30 : 10))
    }
    #expect(uses[1] ?? 0 > 80)
  }
}
