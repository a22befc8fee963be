internal import CStoreFile
internal import Dispatch
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The disk of this machine.
package struct DiskFileSystem: StoreFileSystem {
  package init() {}

  package func open(_ path: String, create: Bool) throws(ContentError) -> any StoreFile {
    DiskFile(handle: try FileHandle(opening: path, flags: O_RDWR | (create ? O_CREAT : 0)), path: path)
  }

  package func rename(_ from: String, to: String) throws(ContentError) {
    #if canImport(Glibc)
    let result = Glibc.rename(from, to)
    #else
    let result = Darwin.rename(from, to)
    #endif
    guard result == 0 else { throw Posix.fault("rename", from) }
  }

  package func remove(_ path: String) throws(ContentError) {
    guard unlink(path) == 0 || errno == ENOENT else { throw Posix.fault("remove", path) }
  }

  package func names(in folder: String) throws(ContentError) -> [String] { try Posix.names(in: folder) }

  package func makeFolder(_ path: String) throws(ContentError) {
    if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
      throw Posix.fault("make the folder", path)
    }
    try makeFolder(String(path[..<slash]))
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw Posix.fault("make the folder", path) }
  }

  package func syncFolder(_ path: String) throws(ContentError) {
    let handle = try FileHandle(opening: path, flags: O_RDONLY | O_DIRECTORY)
    guard fsync(handle.descriptor) == 0 else { throw Posix.fault("sync the folder", path) }
  }

  package func lock(_ path: String) throws(ContentError) -> any Sendable {
    let handle = try FileHandle(opening: path, flags: O_RDWR | O_CREAT)
    guard flock(handle.descriptor, LOCK_EX | LOCK_NB) == 0 else {
      throw ContentError(.busy, "\(path) is held by another process; go through the node that holds the store")
    }
    return handle
  }

  private final class DiskFile: StoreFile {
    private let handle: FileHandle
    private let path: String
    private let writeback = Mutex((begun: UInt64(0), end: UInt64(0), isBusy: false))

    init(handle: FileHandle, path: String) {
      self.handle = handle
      self.path = path
    }

    func size() throws(ContentError) -> UInt64 {
      var info = stat()
      guard fstat(handle.descriptor, &info) == 0 else { throw Posix.fault("look at", path) }
      return UInt64(clamping: info.st_size)
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ContentError) -> Int {
      var done = 0
      while done < buffer.count {
        let count = pread(
          handle.descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done,
          off_t(clamping: offset + UInt64(done)))
        if count == 0 { break }
        if count < 0 {
          guard errno == EINTR else { throw Posix.fault("read", path) }
          continue
        }
        done += count
      }
      return done
    }

    func write(at offset: UInt64, _ pieces: [UnsafeRawBufferPointer]) throws(ContentError) {
      var vectors = pieces.filter { !$0.isEmpty }.map {
        iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
      }[...]
      var position = offset
      while !vectors.isEmpty {
        var count = vectors.withUnsafeBufferPointer {
          pwritev(handle.descriptor, $0.baseAddress, Int32(min($0.count, 1_024)), off_t(clamping: position))
        }
        if count < 0 {
          guard errno == EINTR else { throw Posix.fault("write", path) }
          continue
        }
        position += UInt64(count)
        while let first = vectors.first, count >= first.iov_len {
          count -= first.iov_len
          vectors.removeFirst()
        }
        if count > 0 {
          vectors[vectors.startIndex].iov_base = vectors[vectors.startIndex].iov_base.map { $0 + count }
          vectors[vectors.startIndex].iov_len -= count
        }
      }
    }

    func truncate(to size: UInt64) throws(ContentError) {
      guard ftruncate(handle.descriptor, off_t(clamping: size)) == 0 else { throw Posix.fault("truncate", path) }
    }

    func sync() throws(ContentError) {
      #if canImport(Glibc)
      let result = fdatasync(handle.descriptor)
      #else
      let result = fcntl(handle.descriptor, F_FULLFSYNC)
      #endif
      guard result == 0 else { throw Posix.fault("sync", path) }
    }

    func beginWriteback(upTo end: UInt64) {
      let isIdle = writeback.withLock { state in
        state.end = max(state.end, end)
        defer { state.isBusy = true }
        return !state.isBusy
      }
      guard isIdle else { return }
      // Beside the work that goes on: the call waits where the disk has too much to do already.
      DispatchQueue.global(qos: .utility).async { [self] in
        while let range = nextWriteback() {
          store_file_begin_writeback(handle.descriptor, range.lowerBound, range.upperBound - range.lowerBound)
        }
      }
    }

    private func nextWriteback() -> Range<UInt64>? {
      writeback.withLock { state in
        guard state.begun < state.end else {
          state.isBusy = false
          return nil
        }
        defer { state.begun = state.end }
        return state.begun..<state.end
      }
    }

    func reserve(at offset: UInt64, count: UInt64) { _ = store_file_reserve(handle.descriptor, offset, count) }
  }
}
