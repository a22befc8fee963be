internal import Dispatch
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Adds files and folders of this machine.
package enum PathImport {
  /// Folders within folders that are followed down.
  static let maximumDepth = 256

  /// Adds what lies at `path`: a file, a folder with all below it, or a symbolic link as such.
  ///
  /// Blocks the calling thread.
  ///
  /// - Throws: `.notFound`, `.storage`, `.wrongKind` for sockets and devices, and what the sink throws.
  package static func add(
    _ path: String, profile: ImportProfile, to sink: any BlockSink, workers: Int = 2,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws(ContentError) -> AddedEntry {
    let walk = Walk(profile: profile, sink: sink, workers: workers, progress: progress)
    return try walk.add(path, depth: 0)
  }

  /// Bytes of the files at and below `path`, as an add with that profile would read them; links are not followed. Sparse
  /// files can claim more together than 64 bits hold, which then is the most that there is.
  package static func size(of path: String, profile: ImportProfile) throws(ContentError) -> UInt64 {
    try size(of: path, profile, depth: 0)
  }

  private static func size(of path: String, _ profile: ImportProfile, depth: Int) throws(ContentError) -> UInt64 {
    let status = try Posix.status(path)
    guard status.kind == .directory, depth < maximumDepth else { return status.kind == .file ? status.size : 0 }
    var total: UInt64 = 0
    for name in try Posix.names(in: path) where profile.includesHidden || !name.hasPrefix(".") {
      let (sum, isBeyond) = total.addingReportingOverflow(try size(of: path + "/" + name, profile, depth: depth + 1))
      total = isBeyond ? .max : sum
    }
    return total
  }

  private struct Walk: Sendable {
    let profile: ImportProfile
    let sink: any BlockSink
    let workers: Int
    let progress: @Sendable (Int) -> Void

    func add(_ path: String, depth: Int) throws(ContentError) -> AddedEntry {
      let status = try Posix.status(path)
      switch status.kind {
      case .file: return try file(path, status, workers: status.size > 1 << 20 ? workers : 1)
      case .directory: return try folder(path, status, depth)
      case .symlink:
        return try DirectoryImport.addSymlink(
          to: try Posix.symlinkTarget(path), profile: profile, sink: sink, metadata: metadata(.symlink, status))
      case .other:
        throw ContentError(.wrongKind, "\(path) is neither file, folder nor symbolic link; leave it out")
      }
    }

    private func metadata(_ kind: UnixFSEntry.Kind, _ status: Posix.Status) -> UnixFSEntry? {
      guard profile.keepsMode || profile.keepsTime else { return nil }
      var entry = UnixFSEntry(kind: kind)
      if profile.keepsMode { entry.mode = status.mode }
      if profile.keepsTime { entry.mtime = status.mtime }
      return entry
    }

    private func file(_ path: String, _ status: Posix.Status, workers: Int) throws(ContentError) -> AddedEntry {
      let handle = try FileHandle(opening: path, flags: O_RDONLY | O_NOFOLLOW)
      return try FileImport.add(
        profile: profile, to: sink, workers: workers, metadata: metadata(.file, status), progress: progress
      ) { (buffer) throws(ContentError) in try handle.read(into: buffer, path: path) }
    }

    private func folder(_ path: String, _ status: Posix.Status, _ depth: Int) throws(ContentError) -> AddedEntry {
      guard depth < PathImport.maximumDepth else {
        throw ContentError(.tooLarge, "\(path): folders nest deeper than \(PathImport.maximumDepth)")
      }
      let names = try Posix.names(in: path).filter { profile.includesHidden || !$0.hasPrefix(".") }
      let found = Mutex<[Int: Result<AddedEntry, ContentError>]>([:])
      // Small files are many: share them out. Whatever is not a small file follows one by one.
      let small: [Int] = names.indices.filter { index in
        (try? Posix.status(path + "/" + names[index])).map { $0.kind == .file && $0.size <= 1 << 20 } ?? false
      }
      let next = Atomic(0)
      let work: @Sendable () -> Void = {
        while true {
          let position = next.add(1, ordering: .relaxed).oldValue
          guard position < small.count else { return }
          let index = small[position]
          let result = Result { () throws(ContentError) in try add(path + "/" + names[index], depth: depth + 1) }
          found.withLock { $0[index] = result }
        }
      }
      if small.count > 8, workers > 1 {
        DispatchQueue.concurrentPerform(iterations: workers) { _ in work() }
      } else {
        work()
      }
      let done = found.withLock { $0 }
      var items: [DirectoryImport.Item] = []
      for (index, name) in names.enumerated() {
        if let entry = done[index] {
          items.append(.init(name: name, entry: try entry.get()))
        } else {
          items.append(.init(name: name, entry: try add(path + "/" + name, depth: depth + 1)))
        }
      }
      return try DirectoryImport.add(items, profile: profile, to: sink, metadata: metadata(.directory, status))
    }
  }
}
