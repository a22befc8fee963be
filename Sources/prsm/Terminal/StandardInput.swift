import Foundation

/// Standard input as a whole.
enum StandardInput {
  /// More than this is not a prompt, in bytes.
  static let maximumSize = 64 << 20

  /// Reads to the end.
  ///
  /// - Throws: ``CommandFailure`` of status `usage` where it is too large, or is not UTF-8.
  static func readAll() throws(CommandFailure) -> String {
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = Foundation.read(STDIN_FILENO, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      all.append(contentsOf: chunk.prefix(count))
      guard all.count <= maximumSize else {
        throw .usage("standard input is larger than \(ByteCount.text(maximumSize)); expected a prompt")
      }
    }
    guard let text = String(validating: all, as: UTF8.self) else {
      throw .usage("standard input is not UTF-8 text; convert it first, for example with iconv")
    }
    return text
  }
}
