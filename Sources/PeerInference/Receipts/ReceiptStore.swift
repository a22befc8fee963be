internal import Foundation
package import PeerProtocols
internal import Synchronization

/// Receipts and evidence of this node, one after the other in a file: what was acknowledged survives the process.
///
/// A record is its length in four bytes, big-endian, its kind in one, and its bytes. A torn record at the end, left by a
/// crash, is cut off when the file is opened. At ``maximumBytes`` the file becomes the older one, and that one is gone.
///
/// What a full disk refuses waits in memory, up to ``maximumWaiting`` bytes, and is written in its order when there is room.
package final class ReceiptStore: Sendable {
  /// What a record is.
  package enum Kind: UInt8, Sendable {
    case receipt = 1
    case evidence = 2
  }

  /// When a new file is begun.
  package static let maximumBytes = 64 << 20
  /// Bytes of records that wait for a disk that refuses them; more are lost.
  package static let maximumWaiting = 4 << 20
  /// The longest record.
  private static let maximumRecord = 16 << 20

  private struct Record: Sendable {
    let kind: Kind
    /// As it stands in the file.
    let bytes: [UInt8]
  }

  private struct State: Sendable {
    var descriptor: Int32
    var size: Int
    var receipts: Int
    var waiting: [Record] = []
    var waitingBytes = 0
    var lost = 0
    /// Why the disk refused the last time; nil where it took everything.
    var refusal: String?
    /// Of those, how many were told of.
    var lostAndTold = 0
  }

  /// Writes bytes at the end of a file and makes sure that they are on disk; gives the error's number, 0 for none.
  package typealias Writer = @Sendable (_ descriptor: Int32, _ bytes: [UInt8]) -> Int32

  private let path: String
  private let writer: Writer
  private let report: @Sendable (String) -> Void
  private let state: Mutex<State>

  /// Opens or makes the file.
  ///
  /// - Parameters:
  ///   - report: takes a sentence when the disk begins to refuse, when records are lost, and when all is well again.
  ///   - writer: what puts bytes on disk.
  /// - Throws: `.exhausted` where the folder cannot be written.
  package init(
    path: String, report: @escaping @Sendable (String) -> Void = { _ in }, writer: @escaping Writer = ReceiptStore.disk
  ) throws(PeerError) {
    self.path = path
    self.report = report
    self.writer = writer
    let (size, receipts) = Self.wholeSize(path)
    let descriptor = try Self.opened(path)
    guard ftruncate(descriptor, size) == 0 else {
      close(descriptor)
      throw PeerError(.exhausted, "\(path) cannot be written: \(String(cString: strerror(errno)))")
    }
    state = Mutex(State(descriptor: descriptor, size: size, receipts: receipts))
  }

  deinit {
    retry()
    _ = state.withLock { close($0.descriptor) }
  }

  /// Writes and synchronises.
  package static let disk: Writer = { descriptor, bytes in
    let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    if written < 0 { return errno }
    // Less than all: there is no room for the rest.
    guard written == bytes.count else { return ENOSPC }
    return fsync(descriptor) == 0 ? 0 : errno
  }

  private static func opened(_ path: String) throws(PeerError) -> Int32 {
    let descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw PeerError(
        .exhausted,
        "\(path) cannot be opened for writing: \(String(cString: strerror(errno))); check the data folder's permissions"
      )
    }
    return descriptor
  }

  private static func records(_ path: String) -> [(kind: UInt8, bytes: [UInt8], end: Int)] {
    let data = [UInt8](FileManager.default.contents(atPath: path) ?? Data())
    var records: [(kind: UInt8, bytes: [UInt8], end: Int)] = []
    var offset = 0
    while data.count - offset >= 5 {
      let length = data[offset..<(offset + 4)].reduce(0) { $0 << 8 | Int($1) }
      guard length <= maximumRecord, data.count - offset - 5 >= length else { break }
      let end = offset + 5 + length
      records.append((data[offset + 4], Array(data[(offset + 5)..<end]), end))
      offset = end
    }
    return records
  }

  private static func wholeSize(_ path: String) -> (size: Int, receipts: Int) {
    let all = records(path)
    return (all.last?.end ?? 0, all.count { $0.kind == Kind.receipt.rawValue })
  }

  /// Receipts in the newer file.
  package var receiptCount: Int { state.withLock { $0.receipts } }
  /// Records that wait for the disk to take them, and those that were lost because too many did.
  package var unwritten: (waiting: Int, lost: Int) { state.withLock { ($0.waiting.count, $0.lost) } }

  /// Appends a record. It is on disk when this returns, or, where the disk refuses it, waits to be written later.
  ///
  /// - Throws: `.exhausted` where the disk refuses and no more may wait: the record is lost.
  package func append(_ kind: Kind, _ bytes: [UInt8]) throws(PeerError) {
    guard bytes.count <= Self.maximumRecord else {
      throw PeerError(.tooLarge, "\(path): a record of \(bytes.count) bytes, at most \(Self.maximumRecord)")
    }
    var record = (0..<4).map { UInt8(truncatingIfNeeded: bytes.count >> (24 - 8 * $0)) }
    record.append(kind.rawValue)
    record += bytes
    let whole = Record(kind: kind, bytes: record)
    let (isLost, sentence) = state.withLock { state -> (Bool, String?) in
      let had = state.refusal != nil
      // Behind those that wait, so that their order stays.
      let refusal = writeWaiting(&state) ?? put(whole, &state)
      guard refusal != nil else { return (false, news(had: had, &state)) }
      guard state.waitingBytes + record.count <= Self.maximumWaiting else {
        state.lost += 1
        return (true, news(had: had, &state))
      }
      state.waiting.append(whole)
      state.waitingBytes += record.count
      return (false, news(had: had, &state))
    }
    if let sentence { report(sentence) }
    if isLost {
      throw PeerError(.exhausted, "\(path): a record is lost; the disk refuses it, and too many wait already")
    }
  }

  /// Tries again to write what the disk has refused.
  package func retry() {
    let sentence = state.withLock { state -> String? in
      guard !state.waiting.isEmpty else { return nil }
      let had = state.refusal != nil
      _ = writeWaiting(&state)
      return news(had: had, &state)
    }
    if let sentence { report(sentence) }
  }

  /// What is new of the disk's conduct, if anything.
  private func news(had: Bool, _ state: inout State) -> String? {
    switch (had, state.refusal) {
    case (false, let refusal?):
      return
        "\(path) cannot be written: \(refusal); receipts wait in memory, up to \(Self.maximumWaiting >> 20) MiB; make room"
    case (true, nil):
      defer { state.lostAndTold = state.lost }
      return "\(path) is written again; \(state.lost - state.lostAndTold) receipts were lost"
    case (true, _?) where state.lost == state.lostAndTold + 1:
      return "\(path) cannot be written, and no more receipts can wait in memory: they are lost from now on; make room"
    default: return nil
    }
  }

  /// - Returns: why the disk refuses.
  private func writeWaiting(_ state: inout State) -> String? {
    var done = 0
    defer {
      state.waitingBytes -= state.waiting[..<done].reduce(0) { $0 + $1.bytes.count }
      state.waiting.removeFirst(done)
    }
    for record in state.waiting {
      if let refusal = put(record, &state) { return refusal }
      done += 1
    }
    return nil
  }

  /// - Returns: why the disk refuses.
  private func put(_ record: Record, _ state: inout State) -> String? {
    if state.size + record.bytes.count > Self.maximumBytes, let failure = rotate(&state) {
      state.refusal = failure
      return failure
    }
    let error = writer(state.descriptor, record.bytes)
    guard error == 0 else {
      // Nothing half written stays in front of the next record.
      _ = ftruncate(state.descriptor, off_t(state.size))
      state.refusal = String(cString: strerror(error))
      return state.refusal
    }
    state.refusal = nil
    state.size += record.bytes.count
    if record.kind == .receipt { state.receipts += 1 }
    return nil
  }

  /// - Returns: why the disk refuses.
  private func rotate(_ state: inout State) -> String? {
    guard rename(path, path + ".old") == 0 else { return "it cannot be renamed: \(String(cString: strerror(errno)))" }
    do throws(PeerError) {
      let fresh = try Self.opened(path)
      close(state.descriptor)
      state.descriptor = fresh
      state.size = 0
      state.receipts = 0
      return nil
    } catch {
      return error.detail
    }
  }

  /// The newest records of a kind, newest first.
  package func newest(_ kind: Kind, limit: Int) -> [[UInt8]] {
    let all = Self.records(path).filter { $0.kind == kind.rawValue }.map(\.bytes)
    return Array(all.suffix(limit).reversed())
  }
}
