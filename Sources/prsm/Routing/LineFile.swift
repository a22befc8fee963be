import CZlib
import Foundation

/// A text file read line by line, gzipped (RFC 1952) or not: zlib tells by the first bytes.
struct LineFile {
  /// A line longer than this is refused.
  static let maximumLine = 16 << 20

  let path: String

  /// Hands over each line that is not blank, without its end, and its number from 1.
  ///
  /// - Throws: ``CommandFailure``, of status `usage` where there is no such file or it is damaged; what `body` throws.
  func forEach(_ body: (ArraySlice<UInt8>, Int) throws -> Void) throws {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      throw CommandFailure.usage("\(path) is a folder; expected a file")
    }
    guard let file = gzopen(path, "rb") else {
      throw CommandFailure.usage("\(path): \(String(cString: strerror(errno)))")
    }
    defer { gzclose(file) }
    gzbuffer(file, 1 << 17)
    var line: [UInt8] = []
    var number = 1
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Int(gzread(file, &block, UInt32(block.count)))
      guard count >= 0 else {
        throw CommandFailure.usage("\(path): the compressed data is damaged near line \(number)")
      }
      if count == 0 { break }
      var rest = block[..<count]
      while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        line += rest[..<end]
        rest = rest[(end + 1)...]
        try finish(&line, &number, body)
      }
      line += rest
      guard line.count <= Self.maximumLine else {
        throw CommandFailure.usage("\(path):\(number): a line of more than \(ByteCount.text(Self.maximumLine))")
      }
    }
    guard isWhole(file) else {
      throw CommandFailure.usage("\(path): the compressed data ends too early, near line \(number)")
    }
    try finish(&line, &number, body)
  }

  /// At the end, zlib reports a stream that was cut off as an error of its own.
  private func isWhole(_ file: gzFile) -> Bool {
    var code: Int32 = 0
    _ = gzerror(file, &code)
    return code != Z_BUF_ERROR
  }

  private func finish(
    _ line: inout [UInt8], _ number: inout Int, _ body: (ArraySlice<UInt8>, Int) throws -> Void
  ) throws {
    var text = line[...]
    // A byte order mark, which some editors put first.
    if number == 1, text.starts(with: [0xEF, 0xBB, 0xBF]) { text = text.dropFirst(3) }
    if text.last == UInt8(ascii: "\r") { text = text.dropLast() }
    if text.contains(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }) { try body(text, number) }
    line.removeAll(keepingCapacity: true)
    number += 1
  }
}
