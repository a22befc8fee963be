import Metering
import Testing

@Suite struct UsageStoreTests {
  @Test func memoryKeepsTheLaws() async throws {
    try await UsageStoreConformance { MemoryUsageStore() }.verifyAll()
  }

  @Test func sqliteKeepsTheLaws() async throws {
    let folders = FolderBox()
    try await UsageStoreConformance { try await folders.next().store() }.verifyAll()
  }

  @Test func sqliteKeepsTheLawsOfWhatIsShared() async throws {
    let folders = FolderBox()
    try await SharedStoreConformance {
      let folder = await folders.next()
      return { try folder.store() }
    }.verifyAll()
  }

  @Test func memoryIsBounded() async throws {
    let store = MemoryUsageStore(maximumEvents: 8)
    for number in 0..<50 {
      try await store.transact(counters: [], closing: []) { $0.events = [UsageStoreConformance.event(number)] }
    }
    let events = try await store.all()
    #expect(events.count <= 9 && events.last?.requestID == "r49")
  }
}

/// Keeps the folders of stores until the test is over.
actor FolderBox {
  private var folders: [TemporaryFolder] = []

  func next() -> TemporaryFolder {
    let folder = TemporaryFolder()
    folders.append(folder)
    return folder
  }
}
