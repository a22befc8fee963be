internal import Multiformats

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

extension BlockStore {
  /// What an add waits for before it says that it is done.
  package enum Durability: Sendable {
    /// Survives `kill -9`; the disk follows on its own within seconds, or at the next ``flush()``.
    case process
    /// Survives a power cut.
    case power
  }

  /// Adds the file, folder or link at `path`, and pins it. Nothing of it can be collected meanwhile.
  ///
  /// Blocks the calling thread; hashes on `workers` threads.
  package func add(
    path: String, profile: ImportProfile, pin name: String? = "", durability: Durability = .power, workers: Int = 2,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws(ContentError) -> AddedEntry {
    try adding(pin: name, durability) { () throws(ContentError) in
      try PathImport.add(path, profile: profile, to: self, workers: workers, progress: progress)
    }
  }

  /// Adds the bytes that `read` gives until it gives none, as one file, and pins it.
  package func add(
    profile: ImportProfile, pin name: String? = "", durability: Durability = .power, workers: Int = 2,
    progress: @escaping @Sendable (Int) -> Void = { _ in },
    read: @escaping @Sendable (UnsafeMutableRawBufferPointer) throws(ContentError) -> Int
  ) throws(ContentError) -> AddedEntry {
    try adding(pin: name, durability) { () throws(ContentError) in
      try FileImport.add(profile: profile, to: self, workers: workers, progress: progress, read: read)
    }
  }

  /// Adds what comes on standard input, as one file, and pins it.
  package func addStandardInput(
    profile: ImportProfile, pin name: String? = "", durability: Durability = .power,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws(ContentError) -> AddedEntry {
    let descriptor = dup(0)
    guard descriptor >= 0 else { throw Posix.fault("read", "standard input") }
    let handle = FileHandle(descriptor: descriptor)
    return try add(profile: profile, pin: name, durability: durability, progress: progress) {
      (buffer) throws(ContentError) in try handle.read(into: buffer, path: "standard input")
    }
  }

  /// Puts the blocks of the archive at `path` here and pins its roots, where all that they reach has come.
  package func importCAR(path: String, pin name: String? = "") throws(ContentError) -> CARTransfer.Imported {
    let session = beginSession()
    defer { session.end() }
    let report = try CARTransfer.importing(path: path, to: self)
    try flush()
    if let name { for root in report.roots { try pin(Pin(root, name: name)) } }
    return report
  }

  private func adding(
    pin name: String?, _ durability: Durability, _ body: () throws(ContentError) -> AddedEntry
  ) throws(ContentError) -> AddedEntry {
    let session = beginSession()
    defer { session.end() }
    let entry = try body()
    if durability == .power { try flush() }
    if let name { try pinAdded(Pin(entry.cid, name: name), durability) }
    return entry
  }
}
