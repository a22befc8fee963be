#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Standard output and standard error, written at once: what a command says must be there when it is killed next.
enum Output {
  /// Writes text to standard output.
  static func write(_ text: String) {
    put(text, to: STDOUT_FILENO)
  }

  /// Writes a line to standard output.
  static func line(_ text: String = "") {
    put(text + "\n", to: STDOUT_FILENO)
  }

  /// Writes a line to standard error.
  static func note(_ text: String) {
    put(text + "\n", to: STDERR_FILENO)
  }

  /// Says on standard error what is wrong and what to do.
  static func complain(_ message: String) {
    note("prsm: " + message)
  }

  /// Writes text to standard error.
  static func sideWrite(_ text: String) {
    put(text, to: STDERR_FILENO)
  }

  private static func put(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { put(UnsafeRawBufferPointer($0), to: descriptor) }
  }

  /// Writes bytes to a descriptor, and gives up where it takes no more.
  static func put(_ bytes: [UInt8], to descriptor: Int32) {
    bytes.withUnsafeBytes { put($0, to: descriptor) }
  }

  private static func put(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) {
    var rest = bytes
    while !rest.isEmpty {
      let written = systemWrite(descriptor, rest)
      if written > 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      } else if errno == EAGAIN {
        // A terminal or pipe that another program has set to not block: wait until it takes more.
        var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = systemPoll(&poll)
      } else if errno != EINTR {
        return
      }
    }
  }

  private static func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    guard let start = bytes.baseAddress else { return 0 }
    #if canImport(Glibc)
    return Glibc.write(descriptor, start, bytes.count)
    #else
    return Darwin.write(descriptor, start, bytes.count)
    #endif
  }

  private static func systemPoll(_ descriptor: inout pollfd) -> Int32 {
    poll(&descriptor, 1, 10_000)
  }
}
