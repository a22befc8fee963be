import Content
import Foundation

/// A file being written, or standard output.
final class OutputFile: Sendable {
  /// Standard output.
  static let standard = OutputFile(descriptor: STDOUT_FILENO, path: nil)

  private let descriptor: Int32
  private let path: String?

  private init(descriptor: Int32, path: String?) {
    self.descriptor = descriptor
    self.path = path
  }

  /// A new file; one that was left behind by a write that broke off is begun anew.
  init(creating path: String) throws(ContentError) {
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
    self.path = path
    guard descriptor >= 0 else {
      throw ContentError(.storage, "cannot make \(path): \(String(cString: strerror(errno)))")
    }
  }

  deinit { if path != nil { close(descriptor) } }

  func write(_ bytes: [UInt8]) throws(ContentError) {
    var position = 0
    while position < bytes.count {
      let start = position
      let count = bytes.withUnsafeBytes { buffer in
        Foundation.write(descriptor, buffer.baseAddress.map { $0 + start }, buffer.count - start)
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw ContentError(.storage, "cannot write \(path ?? "standard output"): \(String(cString: strerror(errno)))")
      }
      position += count
    }
  }

  /// Gives the whole file its name; nothing that is there is written over.
  func finish(as target: String) throws(ContentError) {
    guard let path else { return }
    guard fsync(descriptor) == 0, link(path, target) == 0, unlink(path) == 0 else {
      throw ContentError(.storage, "cannot give \(path) the name \(target): \(String(cString: strerror(errno)))")
    }
  }

  func remove() { if let path { unlink(path) } }
}
