import Foundation

/// What has been set aside and used since the store last heard of it, in files that are appended to. They are mapped into
/// memory: what is copied there survives the death of the process at once, and costs no call of the system. Room on the disk
/// is taken before it is used, so that a full disk is an error and not a fault. Used under its owner's lock.
final class UsageJournal: @unchecked Sendable {
  // Unchecked because its only owner calls it under a lock; descriptor and mapping cannot be touched from elsewhere.

  /// A file of this size is followed by another.
  static let segmentSize = 4 << 20

  /// How much room a file takes at first; it doubles as it is needed.
  private static let firstCapacity = 64 << 10

  private let folder: String
  private var number = 0
  private var descriptor: Int32 = -1
  private var mapping: UnsafeMutableRawBufferPointer?
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
    close((descriptor, mapping, size))
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

  /// Writes down that something was set aside.
  ///
  /// - Throws: ``UsageStoreError`` where it cannot be written.
  func append(_ reservation: Reservation) throws(UsageStoreError) {
    try append(JournalEntry.maximumSize(of: reservation)) { JournalEntry.write(reservation, &$0) }
  }

  /// Writes down what a reservation turned into.
  ///
  /// - Throws: ``UsageStoreError`` where it cannot be written.
  func append(_ id: UsageID, _ events: [UsageEvent]) throws(UsageStoreError) {
    try append(JournalEntry.maximumSize(of: id, events)) { JournalEntry.write(id, events, &$0) }
  }

  /// Appends an entry that takes no more than so many bytes.
  private func append(_ limit: Int, _ write: (inout JournalWriter) -> Void) throws(UsageStoreError) {
    if descriptor < 0 { try open() }
    if size + limit > mapping?.count ?? 0 { try grow(by: limit) }
    guard let mapping else { return }
    var writer = JournalWriter(UnsafeMutableRawBufferPointer(rebasing: mapping[size..<(size + limit)]))
    write(&writer)
    size += writer.finish()
  }

  /// Takes more room on the disk, and maps it.
  private func grow(by count: Int) throws(UsageStoreError) {
    var capacity = max(mapping?.count ?? 0, Self.firstCapacity)
    while capacity < size + count { capacity *= 2 }
    let problem = posix_fallocate(descriptor, 0, off_t(capacity))
    guard problem == 0 else {
      throw UsageStoreError("\(path(number)) cannot be written: \(String(cString: strerror(problem)))")
    }
    guard let start = mmap(nil, capacity, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), start != MAP_FAILED else {
      throw UsageStoreError("\(path(number)) cannot be mapped: \(String(cString: strerror(errno)))")
    }
    if let mapping { munmap(mapping.baseAddress, mapping.count) }
    mapping = UnsafeMutableRawBufferPointer(start: start, count: capacity)
  }

  /// A file that is written to, with its mapping and how much of it is used.
  private typealias Open = (descriptor: Int32, mapping: UnsafeMutableRawBufferPointer?, size: Int)

  /// Closes a file, giving back the room that it does not use.
  private func close(_ file: Open) {
    if let mapping = file.mapping { munmap(mapping.baseAddress, mapping.count) }
    guard file.descriptor >= 0 else { return }
    _ = ftruncate(file.descriptor, off_t(file.size))
    Foundation.close(file.descriptor)
  }

  /// Goes on in a new file, which begins with what is still open.
  ///
  /// - Throws: ``UsageStoreError``; the old file goes on to be written then.
  func rotate(_ reservations: [Reservation]) throws(UsageStoreError) {
    let old: Open = (descriptor, mapping, size)
    let oldNumber = number
    do throws(UsageStoreError) {
      try open()
      for reservation in reservations { try append(reservation) }
    } catch {
      if descriptor >= 0, descriptor != old.descriptor {
        close((descriptor, mapping, size))
        unlink(path(number))
      }
      (descriptor, mapping, size) = old
      number = oldNumber
      throw error
    }
    close(old)
  }

  /// Forgets the files before that one, whose every entry the store knows.
  func drop(before segment: Int) {
    for number in Self.numbers(in: folder) where number < segment { unlink(path(number)) }
  }

  /// Forgets everything.
  ///
  /// - Throws: ``UsageStoreError`` where a file stays.
  func reset() throws(UsageStoreError) {
    close((descriptor, mapping, size))
    (descriptor, mapping, size) = (-1, nil, 0)
    for number in Self.numbers(in: folder) where unlink(path(number)) != 0 {
      throw UsageStoreError("\(path(number)) cannot be removed: \(String(cString: strerror(errno)))")
    }
  }

  private func open() throws(UsageStoreError) {
    number += 1
    mapping = nil
    descriptor = Foundation.open(path(number), O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o600)
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
