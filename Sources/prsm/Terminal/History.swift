import Foundation

/// The lines that were typed before, kept in a file that only its owner can read. Line ends within a line are written as
/// `\n`, a backslash as `\\`.
struct History: Sendable {
  /// The most lines that are kept; the oldest go first.
  static let maximumLines = 1_000
  /// A longer line is remembered for this session alone.
  static let maximumLineSize = 16 << 10

  let path: String?
  private(set) var lines: [String] = []

  /// - Parameter path: nil keeps nothing.
  init(path: String?) {
    self.path = path
    guard let path, let data = FileManager.default.contents(atPath: path), data.count <= 64 << 20 else { return }
    lines = String(decoding: data, as: UTF8.self).split(separator: "\n").suffix(Self.maximumLines).map(Self.unescaped)
  }

  /// Remembers a line. Blank lines, and repetitions of the line before, are not worth it.
  mutating func add(_ line: String) {
    guard !line.allSatisfy(\.isWhitespace), line != lines.last else { return }
    lines.append(line)
    if lines.count > Self.maximumLines { lines.removeFirst(lines.count - Self.maximumLines) }
  }

  /// Writes the file: beside it first, then in its place. A history that cannot be kept is no reason to stop, so this
  /// does not throw.
  func save() {
    guard let path else { return }
    let text = lines.filter { $0.utf8.count <= Self.maximumLineSize }.map { Self.escaped($0) + "\n" }.joined()
    let folder = (path as NSString).deletingLastPathComponent
    try? FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let beside = "\(path).\(getpid())"
    let descriptor = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    do {
      try handle.write(contentsOf: Data(text.utf8))
      try handle.close()
      guard rename(beside, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
    } catch {
      unlink(beside)
    }
  }

  static func escaped(_ line: String) -> String {
    line.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
  }

  static func unescaped(_ line: some StringProtocol) -> String {
    var text = ""
    var isEscaped = false
    for character in line {
      if isEscaped {
        text.append(character == "n" ? "\n" : character)
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else {
        text.append(character)
      }
    }
    return text
  }
}
