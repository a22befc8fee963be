import Foundation

/// What has been set aside and used since the store last heard of it, in files that are appended to: one `write(2)` an entry,
/// which survives the death of the process at once. Used under its owner's lock.
final class UsageJournal: @unchecked Sendable {
  // Unchecked because its only owner calls it under a lock; the descriptor cannot be touched from elsewhere.

  /// A file of this size is followed by another.
  static let segmentSize = 4 << 20

  private let folder: String
  private var number = 0
  private var descriptor: Int32 = -1
  private var size = 0

  /// A journal in a folder, which is made where it is missing.
  ///
  /// - Throws: ``UsageStoreError``.
  init(folder: String) throws(UsageStoreError) {
    self.folder = folder
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw UsageStoreError(
        "the folder \(folder) for the account's journal cannot be made: \(error.localizedDescription)")
    }
    number = Self.numbers(in: folder).last ?? 0
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }

  /// Whether a new file is due.
  var isLong: Bool { size >= Self.segmentSize }

  /// The number of the file that is written to.
  var segment: Int { number }

  /// All that is written down, in order; an entry that was cut off at the end of a file is left out.
  ///
  /// - Throws: ``UsageStoreError`` where a file cannot be read.
  func replay() throws(UsageStoreError) -> [JournalEntry] {
    var entries: [JournalEntry] = []
    var reservations: [UsageID: Reservation] = [:]
    for number in Self.numbers(in: folder) {
      guard let data = FileManager.default.contents(atPath: path(number)) else {
        throw UsageStoreError("\(path(number)) cannot be read; correct its permissions")
      }
      for content in JournalFrame.contents([UInt8](data)) {
        guard let entry = JournalEntry(content, after: reservations) else { break }
        if case .reservation(let reservation) = entry { reservations[reservation.id] = reservation }
        entries.append(entry)
      }
    }
    return entries
  }

  /// Appends an entry.
  ///
  /// - Throws: ``UsageStoreError`` where it cannot be written; what was written of it is taken back.
  func append(_ entry: JournalEntry) throws(UsageStoreError) {
    if descriptor < 0 { try open() }
    let bytes = entry.bytes
    let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    guard written == bytes.count else {
      let reason = written < 0 ? String(cString: strerror(errno)) : "the disk is full"
      _ = ftruncate(descriptor, off_t(size))
      throw UsageStoreError("\(path(number)) cannot be written: \(reason)")
    }
    size += bytes.count
  }

  /// Goes on in a new file, which begins with these entries.
  ///
  /// - Throws: ``UsageStoreError``; the old file goes on to be written then.
  func rotate(_ entries: [JournalEntry]) throws(UsageStoreError) {
    let (oldDescriptor, oldSize, oldNumber) = (descriptor, size, number)
    do throws(UsageStoreError) {
      try open()
      for entry in entries { try append(entry) }
    } catch {
      if descriptor >= 0, descriptor != oldDescriptor {
        close(descriptor)
        unlink(path(number))
      }
      (descriptor, size, number) = (oldDescriptor, oldSize, oldNumber)
      throw error
    }
    if oldDescriptor >= 0 { close(oldDescriptor) }
  }

  /// Forgets the files before that one, whose every entry the store knows.
  func drop(before segment: Int) {
    for number in Self.numbers(in: folder) where number < segment { unlink(path(number)) }
  }

  /// Forgets everything.
  ///
  /// - Throws: ``UsageStoreError`` where a file stays.
  func reset() throws(UsageStoreError) {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
    size = 0
    for number in Self.numbers(in: folder) where unlink(path(number)) != 0 {
      throw UsageStoreError("\(path(number)) cannot be removed: \(String(cString: strerror(errno)))")
    }
  }

  private func open() throws(UsageStoreError) {
    number += 1
    descriptor = Foundation.open(path(number), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o600)
    size = 0
    guard descriptor >= 0 else {
      throw UsageStoreError("\(path(number)) cannot be made: \(String(cString: strerror(errno)))")
    }
  }

  private func path(_ number: Int) -> String { "\(folder)/\(number).journal" }

  private static func numbers(in folder: String) -> [Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.compactMap { $0.hasSuffix(".journal") ? Int($0.dropLast(8)) : nil }.sorted()
  }
}
