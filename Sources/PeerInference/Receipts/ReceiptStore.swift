internal import Foundation
package import PeerProtocols
internal import Synchronization

/// Receipts and evidence of this node, one after the other in a file: what was acknowledged survives the process.
///
/// A record is its length in four bytes, big-endian, its kind in one, and its bytes. A torn record at the end, left by a
/// crash, is cut off when the file is opened. At ``maximumBytes`` the file becomes the older one, and that one is gone.
package final class ReceiptStore: Sendable {
  /// What a record is.
  package enum Kind: UInt8, Sendable {
    case receipt = 1
    case evidence = 2
  }

  /// When a new file is begun.
  package static let maximumBytes = 64 << 20
  /// The longest record.
  private static let maximumRecord = 16 << 20

  private struct State: Sendable {
    var descriptor: Int32
    var size: Int
    var receipts: Int
  }

  private let path: String
  private let state: Mutex<State>

  /// Opens or makes the file.
  ///
  /// - Throws: `.exhausted` where the folder cannot be written.
  package init(path: String) throws(PeerError) {
    self.path = path
    let (size, receipts) = Self.wholeSize(path)
    let descriptor = try Self.opened(path)
    guard ftruncate(descriptor, size) == 0 else {
      close(descriptor)
      throw PeerError(.exhausted, "\(path) cannot be written: \(String(cString: strerror(errno)))")
    }
    state = Mutex(State(descriptor: descriptor, size: size, receipts: receipts))
  }

  deinit { _ = state.withLock { close($0.descriptor) } }

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

  /// Appends a record; it is on disk when this returns.
  ///
  /// - Throws: `.exhausted` where the disk refuses.
  package func append(_ kind: Kind, _ bytes: [UInt8]) throws(PeerError) {
    guard bytes.count <= Self.maximumRecord else {
      throw PeerError(.tooLarge, "\(path): a record of \(bytes.count) bytes, at most \(Self.maximumRecord)")
    }
    var record = (0..<4).map { UInt8(truncatingIfNeeded: bytes.count >> (24 - 8 * $0)) }
    record.append(kind.rawValue)
    record += bytes
    let whole = record
    let failure = state.withLock { state -> PeerError? in
      if state.size + whole.count > Self.maximumBytes, let failure = rotate(&state) { return failure }
      let written = whole.withUnsafeBytes { write(state.descriptor, $0.baseAddress, $0.count) }
      guard written == whole.count, fsync(state.descriptor) == 0 else {
        let reason = String(cString: strerror(errno))
        // Nothing half written stays in front of the next record.
        _ = ftruncate(state.descriptor, state.size)
        return PeerError(.exhausted, "\(path) cannot be written: \(reason)")
      }
      state.size += whole.count
      if kind == .receipt { state.receipts += 1 }
      return nil
    }
    if let failure { throw failure }
  }

  private func rotate(_ state: inout State) -> PeerError? {
    guard rename(path, path + ".old") == 0 else {
      return PeerError(.exhausted, "\(path) cannot be renamed: \(String(cString: strerror(errno)))")
    }
    do throws(PeerError) {
      let fresh = try Self.opened(path)
      close(state.descriptor)
      state = State(descriptor: fresh, size: 0, receipts: 0)
      return nil
    } catch {
      return error
    }
  }

  /// The newest records of a kind, newest first.
  package func newest(_ kind: Kind, limit: Int) -> [[UInt8]] {
    let all = Self.records(path).filter { $0.kind == kind.rawValue }.map(\.bytes)
    return Array(all.suffix(limit).reversed())
  }
}
