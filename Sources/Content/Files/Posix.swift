#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// An open file descriptor, closed when the last holder lets go.
final class FileHandle: Sendable {
  let descriptor: Int32

  init(descriptor: Int32) { self.descriptor = descriptor }

  deinit { _ = close(descriptor) }

  /// - Parameter flags: as for `open(2)`; close-on-exec is added.
  convenience init(opening path: String, flags: Int32, mode: mode_t = 0o600) throws(ContentError) {
    var descriptor: Int32
    repeat { descriptor = open(path, flags | O_CLOEXEC, mode) } while descriptor < 0 && errno == EINTR
    guard descriptor >= 0 else { throw Posix.fault("open", path) }
    self.init(descriptor: descriptor)
  }

  /// Reads on from where the descriptor stands; 0 at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer, path: String) throws(ContentError) -> Int {
    while true {
      let count = Posix.read(descriptor, buffer)
      if count >= 0 { return count }
      guard errno == EINTR else { throw Posix.fault("read", path) }
    }
  }
}

/// The few system calls that content needs, with errors that say what and where.
enum Posix {
  static func fault(_ action: String, _ path: String) -> ContentError {
    let number = errno
    let code: ContentError.Code = number == ENOENT ? .notFound : number == ENOSPC ? .quota : .storage
    return ContentError(code, "cannot \(action) \(path): \(String(cString: strerror(number)))")
  }

  static func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
    #if canImport(Glibc)
    Glibc.read(descriptor, buffer.baseAddress, buffer.count)
    #else
    Darwin.read(descriptor, buffer.baseAddress, buffer.count)
    #endif
  }

  /// Writes all bytes at an offset.
  static func write(
    _ descriptor: Int32, _ bytes: [UInt8], at offset: UInt64, _ path: String
  ) throws(ContentError) {
    var done = 0
    while done < bytes.count {
      let start = done
      let count = bytes.withUnsafeBytes { buffer in
        pwrite(
          descriptor, buffer.baseAddress.map { $0 + start }, buffer.count - start,
          off_t(clamping: offset + UInt64(start)))
      }
      if count < 0 {
        guard errno == EINTR else { throw fault("write", path) }
        continue
      }
      done += count
    }
  }

  /// What `lstat(2)` says, as far as an import asks.
  struct Status {
    enum Kind { case file, directory, symlink, other }
    let kind: Kind
    let size: UInt64
    let mode: UInt32
    let mtime: UnixFSEntry.Time
  }

  static func status(_ path: String, follow: Bool = false) throws(ContentError) -> Status {
    var info = stat()
    guard (follow ? stat(path, &info) : lstat(path, &info)) == 0 else { throw fault("look at", path) }
    let kind: Status.Kind =
      switch info.st_mode & S_IFMT {
      case S_IFREG: .file
      case S_IFDIR: .directory
      case S_IFLNK: .symlink
      default: .other
      }
    #if canImport(Glibc)
    let time = info.st_mtim
    #else
    let time = info.st_mtimespec
    #endif
    return Status(
      kind: kind, size: UInt64(clamping: info.st_size), mode: UInt32(info.st_mode) & 0o7777,
      mtime: .init(seconds: Int64(time.tv_sec), nanoseconds: UInt32(clamping: time.tv_nsec)))
  }

  /// The names in a folder, without `.` and `..`, in byte order.
  static func names(in path: String) throws(ContentError) -> [String] {
    guard let folder = opendir(path) else { throw fault("list", path) }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name: String? = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let name else { throw ContentError(.malformed, "a name in \(path) is not UTF-8; rename it") }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  static func symlinkTarget(_ path: String) throws(ContentError) -> String {
    var buffer = [CChar](repeating: 0, count: 4_096)
    let length = readlink(path, &buffer, buffer.count)
    guard length >= 0 else { throw fault("read the link", path) }
    guard let target = String(validating: buffer.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self) else {
      throw ContentError(.malformed, "the target of \(path) is not UTF-8")
    }
    return target
  }
}
