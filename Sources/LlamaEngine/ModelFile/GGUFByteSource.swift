#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Where the bytes of a model file come from: a file that is read piece by piece, or memory.
///
/// A file is read with `pread`, not mapped, so that one that is cut short while it is read yields an error and no SIGBUS.
struct GGUFByteSource: ~Copyable {
  private enum Backing {
    case descriptor(Int32)
    case memory([UInt8])
  }

  private let backing: Backing
  /// Bytes in all.
  let size: UInt64

  init(memory: [UInt8]) {
    backing = .memory(memory)
    size = UInt64(memory.count)
  }

  /// The first bytes of a file of `size`, whose others are not here.
  init(head: [UInt8], size: UInt64) {
    backing = .memory(head)
    self.size = size
  }

  init(path: String, name: String) throws(GGUFError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw GGUFError(
        code: .unreadable, file: name, subject: "the file", expected: "a readable file at \(path)",
        found: String(cString: strerror(errno)), advice: "Check the path and its permissions.")
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size >= 0 else {
      close(descriptor)
      throw GGUFError(
        code: .unreadable, file: name, subject: "the file", expected: "a regular file at \(path)",
        found: "a folder, device or pipe", advice: "Name the .gguf file itself.")
    }
    backing = .descriptor(descriptor)
    size = UInt64(status.st_size)
  }

  deinit {
    if case .descriptor(let descriptor) = backing { close(descriptor) }
  }

  /// Up to `count` bytes from `offset`; fewer only at the end of the file or of what is here of it, nil on a read error.
  func read(at offset: UInt64, count: Int) -> [UInt8]? {
    guard offset < size else { return [] }
    let wanted = Int(min(UInt64(count), size - offset))
    switch backing {
    case .memory(let bytes):
      let start = min(Int(clamping: offset), bytes.count)
      return Array(bytes[start..<min(bytes.count, start + wanted)])
    case .descriptor(let descriptor):
      var failed = false
      let bytes = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
        while filled < wanted {
          let got = pread(
            descriptor, buffer.baseAddress?.advanced(by: filled), wanted - filled, off_t(offset) + off_t(filled))
          if got < 0 && errno == EINTR { continue }
          if got < 0 { failed = true }
          if got <= 0 { return }
          filled += got
        }
      }
      return failed ? nil : bytes
    }
  }
}

/// Reads the header from the front to the back through a window, and never past the end.
struct GGUFCursor: ~Copyable {
  private static let windowSize = 1 << 20

  let source: GGUFByteSource
  let file: String
  private var window: [UInt8] = []
  private var windowStart: UInt64 = 0
  /// The offset of the next byte.
  private(set) var position: UInt64 = 0

  init(_ source: consuming GGUFByteSource, file: String) {
    self.source = source
    self.file = file
  }

  /// Bytes between here and the end of the file.
  var remaining: UInt64 { source.size - min(position, source.size) }

  func failure(
    _ code: GGUFError.Code, _ subject: String, expected: String, found: String, advice: String = GGUFError.downloadAgain
  ) -> GGUFError {
    GGUFError(code: code, file: file, subject: subject, expected: expected, found: found, advice: advice)
  }

  /// The next `count` bytes; `subject` names them where the file ends too early.
  mutating func bytes(_ count: Int, _ subject: @autoclosure () -> String) throws(GGUFError) -> ArraySlice<UInt8> {
    guard count >= 0, UInt64(count) <= remaining else {
      throw failure(
        .truncated, subject(), expected: "\(count) bytes at offset \(position)",
        found:
          "\(remaining), so at least \(UInt64(max(count, 0)) - min(remaining, UInt64(max(count, 0)))) bytes are missing"
      )
    }
    let offset = position - windowStart
    if position < windowStart || offset + UInt64(count) > UInt64(window.count) {
      guard let fresh = source.read(at: position, count: max(count, Self.windowSize)), fresh.count >= count else {
        throw failure(
          .unreadable, subject(), expected: "\(count) bytes at offset \(position)", found: "a read error",
          advice: "Check the disk; the file may also have been cut short while it was being read.")
      }
      window = fresh
      windowStart = position
    }
    let start = Int(position - windowStart)
    position += UInt64(count)
    return window[start..<start + count]
  }

  mutating func integer<T: FixedWidthInteger>(
    _ type: T.Type, _ subject: @autoclosure () -> String
  ) throws(GGUFError) -> T {
    var value: T = 0
    for byte in try bytes(MemoryLayout<T>.size, subject()).reversed() {
      value = T(truncatingIfNeeded: UInt64(truncatingIfNeeded: value) << 8 | UInt64(byte))
    }
    return value
  }

  /// The length of a string or array that takes at least `unit` bytes an element, within `limit`.
  mutating func count(
    limit: Int, unit: Int, _ subject: @autoclosure () -> String
  ) throws(GGUFError) -> Int {
    let count = try integer(UInt64.self, subject())
    guard count <= UInt64(limit) else {
      throw failure(.tooLarge, subject(), expected: "a length of at most \(limit)", found: "\(count)")
    }
    guard count * UInt64(unit) <= remaining else {
      throw failure(
        .truncated, subject(), expected: "\(count * UInt64(unit)) bytes at offset \(position)",
        found: "\(remaining), so at least \(count * UInt64(unit) - remaining) bytes are missing")
    }
    return Int(count)
  }

  /// A string that must be valid UTF-8.
  mutating func text(limit: Int, _ subject: @autoclosure () -> String) throws(GGUFError) -> String {
    let length = try count(limit: limit, unit: 1, subject())
    guard let text = String(validating: try bytes(length, subject()), as: UTF8.self) else {
      throw failure(.malformed, subject(), expected: "UTF-8 text", found: "bytes that are not")
    }
    return text
  }
}
