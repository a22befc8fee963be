import Content
import Synchronization

/// A disk in memory that can run full or lose power at any operation. What was not synced is then lost, kept, or torn.
final class SimulatedDisk: StoreFileSystem {
  /// What goes wrong, and at which mutating operation (1 is the first).
  enum Fault: Sendable {
    case none
    case full(at: Int)
    case powerCut(at: Int)
  }

  struct Contents {
    var durable: [UInt8] = []
    var current: [UInt8] = []
  }

  struct State {
    var files: [Int: Contents] = [:]
    var names: [String: Int] = [:]
    var durableNames: [String: Int] = [:]
    var nextFile = 0
    var operations = 0
    var fault = Fault.none
    var isDead = false
    var lockHolder = 0
  }

  let state = Mutex(State())

  var operations: Int { state.withLock { $0.operations } }

  /// Whether the power was cut and has not come back.
  var isDead: Bool { state.withLock { $0.isDead } }

  func setFault(_ fault: Fault) {
    state.withLock {
      $0.fault = fault
      $0.operations = 0
    }
  }

  /// Power comes back: unsynced contents are kept or torn as `random` says, unsynced names likewise.
  func restart(_ random: inout SplitMix) {
    var generator = random
    state.withLock { state in
      state.isDead = false
      state.fault = .none
      for number in state.files.keys.sorted() {
        guard var contents = state.files[number] else { continue }
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: contents.current = contents.durable
        case 1:
          // Some of the new pages reached the disk, others hold what was there before or nothing.
          var torn = contents.current
          for page in stride(from: 0, to: torn.count, by: 512) where Bool.random(using: &generator) {
            for index in page..<min(page + 512, torn.count) {
              torn[index] = index < contents.durable.count ? contents.durable[index] : 0
            }
          }
          contents.current = torn
        default: break
        }
        contents.durable = contents.current
        state.files[number] = contents
      }
      if Bool.random(using: &generator) { state.names = state.durableNames }
      state.durableNames = state.names
    }
    random = generator
  }

  fileprivate func operate<T: Sendable>(_ path: String, _ body: (inout State, Bool) -> T) throws(ContentError) -> T {
    let result: Result<T, ContentError> = state.withLock { state in
      if state.isDead { return .failure(ContentError(.storage, "no power")) }
      state.operations += 1
      switch state.fault {
      case .full(let at) where state.operations >= at:
        _ = body(&state, true)
        return .failure(ContentError(.quota, "cannot write \(path): no space left"))
      case .powerCut(let at) where state.operations >= at:
        _ = body(&state, true)
        state.isDead = true
        return .failure(ContentError(.storage, "no power"))
      default: return .success(body(&state, false))
      }
    }
    return try result.get()
  }

  func open(_ path: String, create: Bool) throws(ContentError) -> any StoreFile {
    if let number = state.withLock({ $0.names[path] }) { return File(disk: self, number: number, path: path) }
    guard create else { throw ContentError(.notFound, "no \(path)") }
    let number = try operate(path) { state, fails in
      if fails { return 0 }
      state.nextFile += 1
      state.files[state.nextFile] = Contents()
      state.names[path] = state.nextFile
      return state.nextFile
    }
    return File(disk: self, number: number, path: path)
  }

  func rename(_ from: String, to: String) throws(ContentError) {
    try operate(from) { state, fails in if !fails { state.names[to] = state.names.removeValue(forKey: from) } }
  }

  func remove(_ path: String) throws(ContentError) {
    // Removing needs no space.
    let isFull = state.withLock { if case .full = $0.fault { true } else { false } }
    if isFull {
      state.withLock { $0.names[path] = nil }
    } else {
      try operate(path) { state, fails in if !fails { state.names[path] = nil } }
    }
  }

  func names(in folder: String) throws(ContentError) -> [String] {
    state.withLock { state in
      state.names.keys.filter { $0.hasPrefix(folder + "/") }.map { String($0.dropFirst(folder.count + 1)) }.sorted()
    }
  }

  func makeFolder(_ path: String) {}

  func syncFolder(_ path: String) throws(ContentError) {
    try operate(path) { state, fails in if !fails { state.durableNames = state.names } }
  }

  func lock(_ path: String) -> any Sendable { 0 }

  private struct File: StoreFile {
    let disk: SimulatedDisk
    let number: Int
    let path: String

    func size() -> UInt64 { disk.state.withLock { UInt64($0.files[number]?.current.count ?? 0) } }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ContentError) -> Int {
      nonisolated(unsafe) let buffer = buffer  // Filled within this call.
      let count: Int? = disk.state.withLock { state in
        if state.isDead { return nil }
        let bytes = state.files[number]?.current ?? []
        guard offset < UInt64(bytes.count) else { return 0 }
        let slice = bytes[Int(offset)..<min(bytes.count, Int(offset) + buffer.count)]
        buffer.copyBytes(from: slice)
        return slice.count
      }
      guard let count else { throw ContentError(.storage, "no power") }
      return count
    }

    func write(at offset: UInt64, _ pieces: [UnsafeRawBufferPointer]) throws(ContentError) {
      var all: [UInt8] = []
      for piece in pieces { all.append(contentsOf: piece) }
      let bytes = all
      try disk.operate(path) { state, fails in
        // A write that fails has written half.
        let written = fails ? Array(bytes.prefix(bytes.count / 2)) : bytes
        var current = state.files[number]?.current ?? []
        let end = Int(offset) + written.count
        if current.count < end { current.append(contentsOf: [UInt8](repeating: 0, count: end - current.count)) }
        current.replaceSubrange(Int(offset)..<end, with: written)
        state.files[number]?.current = current
      }
    }

    func truncate(to size: UInt64) throws(ContentError) {
      // Shrinking needs no space.
      disk.state.withLock { state in
        guard !state.isDead, let count = state.files[number]?.current.count, count > Int(size) else { return }
        state.files[number]?.current.removeLast(count - Int(size))
      }
    }

    func sync() throws(ContentError) {
      try disk.operate(path) { state, fails in
        if !fails, let current = state.files[number]?.current { state.files[number]?.durable = current }
      }
    }

    func beginWriteback(upTo end: UInt64) {}
    func reserve(at offset: UInt64, count: UInt64) {}
  }
}
