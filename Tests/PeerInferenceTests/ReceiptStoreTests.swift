import Foundation
import PeerInference
import PeerProtocols
import Synchronization
import Testing

@Suite struct ReceiptStoreTests {
  private let folder = TemporaryFolder()

  /// A disk that may be full, and what the store said of it.
  private final class Disk: Sendable {
    private let full = Mutex(false)
    private let lines = Mutex<[String]>([])

    var isFull: Bool {
      get { full.withLock { $0 } }
      set { full.withLock { $0 = newValue } }
    }
    var said: [String] { lines.withLock { $0 } }

    func store(_ path: String) throws -> ReceiptStore {
      try ReceiptStore(path: path, report: { line in self.lines.withLock { $0.append(line) } }) { descriptor, bytes in
        guard self.isFull else { return ReceiptStore.disk(descriptor, bytes) }
        // As a full disk does: it takes some, and then no more.
        _ = ReceiptStore.disk(descriptor, Array(bytes.prefix(3)))
        return ENOSPC
      }
    }
  }

  @Test func aTornFileIsMended() throws {
    let path = folder.path("torn")
    do {
      let store = try ReceiptStore(path: path)
      try store.append(.receipt, [1, 2, 3])
      try store.append(.receipt, [4, 5, 6])
    }
    let whole = try #require(FileManager.default.contents(atPath: path))
    try Data(whole.dropLast(2)).write(to: URL(fileURLWithPath: path))
    let store = try ReceiptStore(path: path)
    #expect(store.newest(.receipt, limit: 9) == [[1, 2, 3]])
    try store.append(.receipt, [7])
    #expect(store.newest(.receipt, limit: 9) == [[7], [1, 2, 3]])
  }

  @Test func whatAFullDiskRefusesIsReportedKeptAndWrittenInItsOrder() throws {
    let path = folder.path("full")
    let disk = Disk()
    let store = try disk.store(path)
    try store.append(.receipt, [1])
    disk.isFull = true
    try store.append(.receipt, [2])
    try store.append(.evidence, [3])
    store.retry()
    #expect(store.unwritten == (waiting: 2, lost: 0))
    #expect(store.newest(.receipt, limit: 9) == [[1]])
    #expect(disk.said.count == 1)
    #expect(disk.said.first?.contains("cannot be written") == true)
    disk.isFull = false
    try store.append(.receipt, [4])
    #expect(store.unwritten == (waiting: 0, lost: 0))
    #expect(disk.said.count == 2)
    // Another process finds all of it, and nothing torn.
    let again = try ReceiptStore(path: path)
    #expect(again.newest(.receipt, limit: 9) == [[4], [2], [1]])
    #expect(again.newest(.evidence, limit: 9) == [[3]])
    #expect(again.receiptCount == 3)
  }

  @Test func beyondItsBoundWhatADiskRefusesIsLostAndCounted() throws {
    let disk = Disk()
    let store = try disk.store(folder.path("bound"))
    disk.isFull = true
    let record = [UInt8](repeating: 7, count: 1 << 20)
    var kept = 0
    for _ in 0..<6 {
      do throws(PeerError) {
        try store.append(.receipt, record)
        kept += 1
      } catch {
        #expect(error.code == .exhausted)
      }
    }
    #expect(kept == 3)
    #expect(store.unwritten == (waiting: 3, lost: 3))
    #expect(disk.said.count == 2)
    disk.isFull = false
    store.retry()
    #expect(store.receiptCount == 3)
    #expect(store.unwritten == (waiting: 0, lost: 3))
    #expect(disk.said.last?.contains("3 receipts were lost") == true)
  }
}
