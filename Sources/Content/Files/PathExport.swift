package import Multiformats
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Writes files and folders out of content to this machine's disk.
package enum PathExport {
  /// What was written.
  package struct Written: Hashable, Sendable {
    package var files = 0
    package var bytes: UInt64 = 0

    package init(files: Int = 0, bytes: UInt64 = 0) {
      self.files = files
      self.bytes = bytes
    }
  }

  /// Folders within folders.
  static let maximumDepth = 256
  /// Bytes of a file that one worker writes at a time.
  private static let stretch: UInt64 = 8 << 20

  /// Writes what lies at `cid` beside `target`, and gives it that name once it is whole.
  ///
  /// It survives `kill -9`; a power cut soon after may find it not yet on the disk. Nothing is written through a link, and
  /// nothing outside of the target. Permission bits and times are set where the content tells them.
  ///
  /// - Parameters:
  ///   - workers: tasks that read, check and write side by side, 1 to 16.
  ///   - progress: told the bytes of each piece.
  /// - Throws: `.wrongKind` for data that is no file, `.malformed` for names that lead elsewhere, `.storage`.
  package static func write(
    _ cid: CID, to target: String, from source: any BlockSource, workers: Int = 2,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) async throws(ContentError) -> Written {
    let beside = target + ".partial"
    try removeTree(beside)
    let job = Job(source: source, workers: max(1, min(workers, 16)), progress: progress)
    do throws(ContentError) {
      let written = try await job.write(cid, to: beside, depth: 0)
      var info = stat()
      guard lstat(target, &info) != 0, errno == ENOENT else {
        throw ContentError(.storage, "\(target) is there already; nothing is written over")
      }
      try DiskFileSystem().rename(beside, to: target)
      return written
    } catch {
      try? removeTree(beside)
      throw error
    }
  }

  /// Removes what an export that broke off has left. Links are removed and not followed.
  private static func removeTree(_ path: String) throws(ContentError) {
    var info = stat()
    guard lstat(path, &info) == 0 else { return }
    if info.st_mode & S_IFMT == S_IFDIR {
      for name in try Posix.names(in: path) { try removeTree(path + "/" + name) }
      guard rmdir(path) == 0 else { throw Posix.fault("remove", path) }
    } else {
      guard unlink(path) == 0 else { throw Posix.fault("remove", path) }
    }
  }

  private struct Job: Sendable {
    let source: any BlockSource
    let workers: Int
    let progress: @Sendable (Int) -> Void

    func write(_ cid: CID, to path: String, depth: Int) async throws(ContentError) -> Written {
      guard depth < PathExport.maximumDepth else {
        throw ContentError(.tooLarge, "\(cid): folders nest deeper than \(PathExport.maximumDepth)", cid: cid)
      }
      let node = try await UnixFSNode.load(cid, from: source)
      if node.isDirectory { return try await folder(cid, node.entry, path, depth) }
      if let target = node.symlinkTarget {
        guard symlink(target, path) == 0 else { throw Posix.fault("make the link", path) }
        // A link has a time of its own, and permissions that nobody reads.
        var time = node.entry
        time.mode = nil
        try Self.dress(path, time)
        return Written(files: 1)
      }
      guard node.isFile else { throw ContentError(.wrongKind, "\(cid) is neither file nor folder", cid: cid) }
      let handle = try FileHandle(
        opening: path, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644)
      try Self.checkRoom(for: node.fileSize, handle, path)
      try await bytes(of: cid, node.fileSize, into: handle, path)
      try Self.dress(path, node.entry)
      return Written(files: 1, bytes: node.fileSize)
    }

    /// A few hundred bytes of content can claim to be an exabyte: what cannot fit is not begun.
    private static func checkRoom(for size: UInt64, _ handle: FileHandle, _ path: String) throws(ContentError) {
      var info = statvfs()
      guard fstatvfs(handle.descriptor, &info) == 0 else { throw Posix.fault("look at the disk of", path) }
      let (free, isBeyond) = UInt64(info.f_bavail).multipliedReportingOverflow(by: UInt64(info.f_frsize))
      guard isBeyond || size <= free else {
        throw ContentError(
          .quota, "\(path) would have \(size) bytes, and the disk has \(free) left; nothing was written")
      }
    }

    private func folder(
      _ cid: CID, _ entry: UnixFSEntry, _ path: String, _ depth: Int
    ) async throws(ContentError) -> Written {
      guard mkdir(path, 0o755) == 0 else { throw Posix.fault("make the folder", path) }
      var written = Written()
      let children = try await DirectoryReader.list(cid, from: source)
      for (index, child) in children.enumerated() {
        // The next few, once for each few.
        if index % ReadAhead.blocks == 0 {
          source.expect(children[index...].prefix(2 * ReadAhead.blocks).map(\.cid))
        }
        let name = child.name
        guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(UInt8(ascii: "/")), !name.utf8.contains(0)
        else {
          throw ContentError(.malformed, "entry \(name.debugDescription) of \(cid) leads out of its folder; refused")
        }
        let one = try await write(child.cid, to: path + "/" + name, depth: depth + 1)
        written.files += one.files
        written.bytes &+= one.bytes
      }
      try Self.dress(path, entry)
      return written
    }

    /// Stretches of the file are read, checked and written by several workers at once.
    private func bytes(
      of cid: CID, _ size: UInt64, into handle: FileHandle, _ path: String
    ) async throws(ContentError) {
      let count = Int((size + PathExport.stretch - 1) / PathExport.stretch)
      if count <= 1 || workers == 1 {
        return try await stretch(of: cid, 0..<max(size, 1), handle, path)
      }
      let next = Counter()
      let fault = await withTaskGroup(of: ContentError?.self) { group in
        for _ in 0..<min(workers, count) {
          group.addTask {
            do throws(ContentError) {
              while let index = next.take(below: count) {
                let start = UInt64(index) * PathExport.stretch
                try await stretch(of: cid, start..<min(size, start + PathExport.stretch), handle, path)
              }
              return nil
            } catch {
              next.stop()
              return error
            }
          }
        }
        var fault: ContentError?
        for await result in group { fault = fault ?? result }
        return fault
      }
      if let fault { throw fault }
    }

    private func stretch(
      of cid: CID, _ range: Range<UInt64>, _ handle: FileHandle, _ path: String
    ) async throws(ContentError) {
      var iterator = FileBytes(cid, range: range, from: source).makeAsyncIterator()
      var position = range.lowerBound
      while let piece = try await iterator.next(isolation: nil) {
        try Posix.write(handle.descriptor, piece, at: position, path)
        position += UInt64(piece.count)
        progress(piece.count)
      }
    }

    private static func dress(_ path: String, _ entry: UnixFSEntry) throws(ContentError) {
      if let mode = entry.mode, chmod(path, mode_t(mode & 0o777)) != 0 {
        throw Posix.fault("set the permissions of", path)
      }
      guard let time = entry.mtime else { return }
      let stamp = timespec(tv_sec: Int(time.seconds), tv_nsec: Int(min(time.nanoseconds, 999_999_999)))
      let times = [stamp, stamp]
      guard utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) == 0 else {
        throw Posix.fault("set the time of", path)
      }
    }
  }

  /// Hands out numbers in order until it is stopped.
  private final class Counter: Sendable {
    private let state = Mutex((next: 0, isStopped: false))

    func take(below limit: Int) -> Int? {
      state.withLock { state in
        guard !state.isStopped, state.next < limit else { return nil }
        state.next += 1
        return state.next - 1
      }
    }

    func stop() { state.withLock { $0.isStopped = true } }
  }
}
