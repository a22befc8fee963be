import CSandbox
import Foundation

/// An open file descriptor, closed with its last owner.
final class Descriptor: Sendable {
  let number: Int32

  init(owning number: Int32) {
    self.number = number
  }

  deinit {
    close(number)
  }

  static func opening(_ path: String, flags: Int32) throws(SandboxError) -> Descriptor {
    let number = open(path, flags | O_CLOEXEC)
    guard number >= 0 else { throw .system("open \(path)") }
    return Descriptor(owning: number)
  }

  /// The null device, for reading and writing.
  static func null() throws(SandboxError) -> Descriptor {
    try opening("/dev/null", flags: O_RDWR)
  }

  /// A pipe whose reading end does not block.
  static func pipe() throws(SandboxError) -> (reading: Descriptor, writing: Descriptor) {
    try pair("pipe", prsm_sandbox_pipe)
  }

  /// Sockets that keep messages apart and carry descriptors.
  static func messages() throws(SandboxError) -> (Descriptor, Descriptor) {
    try pair("socketpair", prsm_sandbox_socketpair)
  }

  /// Sockets that carry bytes both ways.
  static func streams() throws(SandboxError) -> (Descriptor, Descriptor) {
    try pair("socketpair", prsm_sandbox_streampair)
  }

  /// A file in memory that nobody can change.
  static func sealed(_ bytes: [UInt8]) throws(SandboxError) -> Descriptor {
    let number = bytes.withUnsafeBytes { prsm_sandbox_sealed_file($0.baseAddress, $0.count) }
    guard number >= 0 else { throw .system("memfd_create") }
    return Descriptor(owning: number)
  }

  private static func pair(
    _ name: String, _ make: (UnsafeMutablePointer<Int32>?) -> Int32
  ) throws(SandboxError) -> (Descriptor, Descriptor) {
    var ends: [Int32] = [-1, -1]
    let result = ends.withUnsafeMutableBufferPointer { make($0.baseAddress) }
    guard result == 0 else { throw .system(name) }
    return (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
  }

  /// Reads what is there, up to `most` bytes, without waiting, provided that the descriptor does not block.
  /// `ended` is true once the other side has closed.
  func drain(into bytes: inout [UInt8], upTo most: Int) -> (more: Bool, ended: Bool) {
    while bytes.count < most {
      let room = min(64 << 10, most - bytes.count)
      let count = withUnsafeTemporaryAllocation(byteCount: room, alignment: 1) { buffer in
        let count = read(number, buffer.baseAddress, room)
        if count > 0 { bytes.append(contentsOf: buffer[..<count]) }
        return count
      }
      if count == 0 { return (false, true) }
      if count < 0 { return (false, errno != EAGAIN && errno != EINTR) }
      if count < room { return (false, false) }
    }
    return (true, false)
  }
}

extension SandboxError {
  /// The failure of a system call, as `errno` tells it.
  static func system(_ call: String) -> SandboxError {
    SandboxError(.workerLost, "the sandbox could not be run: \(call): \(String(cString: strerror(errno)))")
  }
}

/// Time that can only go forward.
enum MonotonicClock {
  static var nanoseconds: UInt64 { prsm_sandbox_nanoseconds() }
}

/// A moment by which something must have happened.
struct Deadline: Sendable {
  let nanoseconds: UInt64

  init(milliseconds: Int) {
    nanoseconds = MonotonicClock.nanoseconds &+ UInt64(max(milliseconds, 0)) &* 1_000_000
  }

  /// Whole milliseconds left, rounded up; 0 when it has passed.
  var millisecondsLeft: Int32 {
    let now = MonotonicClock.nanoseconds
    guard nanoseconds > now else { return 0 }
    return Int32(clamping: (nanoseconds - now + 999_999) / 1_000_000)
  }
}
