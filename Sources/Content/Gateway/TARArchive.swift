package import Multiformats

/// A file or folder as a TAR archive (POSIX.1-2001 pax), in pieces. No name in it leads out of the archive's own folder.
package struct TARArchive: AsyncSequence, Sendable {
  package typealias Element = [UInt8]
  package typealias Failure = ContentError

  /// Folders within folders.
  package static let maximumDepth = 256
  /// Entries of one archive.
  package static let maximumEntries = 1 << 20

  private let root: CID
  private let name: String
  private let source: any BlockSource

  /// - Parameter name: what the archive's one file or folder is called; a CID or a file name.
  package init(_ root: CID, name: String, from source: any BlockSource) {
    self.root = root
    self.name = name
    self.source = source
  }

  package func makeAsyncIterator() -> Iterator {
    Iterator(stack: [(root, [name], 0)], source: source)
  }

  /// The segments of a name inside `folder`, `.` and `..` followed through.
  ///
  /// - Throws: `.malformed` where it leads out of the archive's own folder, the first segment.
  static func joined(_ folder: [String], _ name: String) throws(ContentError) -> [String] {
    var path = folder
    for part in name.split(separator: "/" as Character, omittingEmptySubsequences: false).map({ String($0) }) {
      switch part {
      case "", ".": continue
      case "..": path.removeLast()
      default: path.append(part)
      }
      guard !path.isEmpty else { break }
    }
    guard path.count > 1, path.first == folder.first, !name.utf8.contains(0) else {
      throw ContentError(.malformed, "entry \(name.debugDescription) leads out of the archive's folder; refused")
    }
    return path
  }

  package struct Iterator: AsyncIteratorProtocol {
    fileprivate var stack: [(cid: CID, path: [String], depth: Int)]
    fileprivate let source: any BlockSource
    private var file: FileBytes.Iterator?
    private var left: UInt64 = 0
    private var padding = 0
    private var entries = 0
    private var ended = false
    /// Where symbolic links were written: nothing may be written at or through one.
    private var symlinks: Set<[String]> = []

    fileprivate init(stack: [(cid: CID, path: [String], depth: Int)], source: any BlockSource) {
      self.stack = stack
      self.source = source
    }

    package mutating func next() async throws(ContentError) -> [UInt8]? { try await next(isolation: nil) }

    package mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(ContentError) -> [UInt8]? {
      if file != nil {
        if let piece = try await file?.next(isolation: actor) {
          guard UInt64(piece.count) <= left else {
            throw ContentError(.malformed, "a file is longer than its root says")
          }
          left -= UInt64(piece.count)
          return piece
        }
        file = nil
        guard left == 0 else { throw ContentError(.malformed, "a file is shorter than its root says") }
        if padding > 0 { return [UInt8](repeating: 0, count: padding) }
      }
      guard let (cid, path, depth) = stack.popLast() else {
        if ended { return nil }
        ended = true
        return [UInt8](repeating: 0, count: 1_024)
      }
      entries += 1
      guard depth <= TARArchive.maximumDepth, entries <= TARArchive.maximumEntries else {
        throw ContentError(.tooLarge, "archive: too deep or more than \(TARArchive.maximumEntries) entries", cid: cid)
      }
      for length in 1..<(path.count + 1) where symlinks.contains(Array(path.prefix(length))) {
        throw ContentError(.malformed, "entry \(path.joined(separator: "/")) leads through a symbolic link; refused")
      }
      let node = try await UnixFSNode.load(cid, from: source)
      if node.isDirectory {
        let children = try await DirectoryReader.list(cid, from: source)
        for child in children.reversed() {
          stack.append((child.cid, try TARArchive.joined(path, child.name), depth + 1))
        }
        return TARHeader(path: path, kind: UInt8(ascii: "5"), size: 0, link: "", entry: node.entry).bytes
      }
      if let target = node.symlinkTarget {
        symlinks.insert(path)
        return TARHeader(path: path, kind: UInt8(ascii: "2"), size: 0, link: target, entry: node.entry).bytes
      }
      guard node.isFile else { throw ContentError(.unsupported, "\(cid): node type \(node.entry.kind)", cid: cid) }
      left = node.fileSize
      padding = Int((512 - left % 512) % 512)
      file = FileBytes(cid, from: source).makeAsyncIterator()
      return TARHeader(path: path, kind: UInt8(ascii: "0"), size: left, link: "", entry: node.entry).bytes
    }
  }
}

/// One header block, with a pax header before it where a field does not fit.
struct TARHeader {
  let path: [String]
  let kind: UInt8
  let size: UInt64
  let link: String
  let entry: UnixFSEntry

  var bytes: [UInt8] {
    let name = path.joined(separator: "/") + (kind == UInt8(ascii: "5") ? "/" : "")
    var records: [(String, String)] = []
    if name.utf8.count > 100 { records.append(("path", name)) }
    if link.utf8.count > 100 { records.append(("linkpath", link)) }
    if size >= 1 << 33 { records.append(("size", String(size))) }
    var bytes: [UInt8] = []
    if !records.isEmpty {
      let body = records.flatMap { Self.record($0.0, $0.1) }
      bytes += block(Array("PaxHeader".utf8), UInt8(ascii: "x"), UInt64(body.count), [])
      bytes += body + [UInt8](repeating: 0, count: (512 - body.count % 512) % 512)
    }
    return bytes
      + block(Array(name.utf8.prefix(100)), kind, size >= 1 << 33 ? 0 : size, Array(link.utf8.prefix(100)))
  }

  /// `length key=value\n`, the length counting itself.
  private static func record(_ key: String, _ value: String) -> [UInt8] {
    let rest = " \(key)=\(value)\n"
    var length = rest.utf8.count + 1
    while String(length).utf8.count + rest.utf8.count != length { length = String(length).utf8.count + rest.utf8.count }
    return Array((String(length) + rest).utf8)
  }

  private func block(_ name: [UInt8], _ kind: UInt8, _ size: UInt64, _ link: [UInt8]) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ bytes: [UInt8], _ offset: Int) { block.replaceSubrange(offset..<(offset + bytes.count), with: bytes) }
    func octal(_ value: UInt64, _ width: Int) -> [UInt8] {
      let digits = String(value, radix: 8)
      return Array((String(repeating: "0", count: max(0, width - digits.count)) + digits).utf8)
    }
    put(name, 0)
    let isFolder = self.kind == UInt8(ascii: "5")
    put(octal(UInt64(entry.mode ?? (isFolder ? 0o755 : 0o644)) & 0o7777, 7), 100)
    put(octal(0, 7), 108)
    put(octal(0, 7), 116)
    put(octal(size, 11), 124)
    put(octal(UInt64(clamping: max(0, entry.mtime?.seconds ?? 0)) & 0o77777777777, 11), 136)
    put([UInt8](repeating: 0x20, count: 8), 148)
    block[156] = kind
    put(link, 157)
    put(Array("ustar".utf8) + [0, 0x30, 0x30], 257)
    put(octal(block.reduce(0) { $0 + UInt64($1) }, 6) + [0, 0x20], 148)
    return block
  }
}
