internal import Multiformats

/// Builds the nodes of directories, flat while they are small, as a hash-array-mapped trie beyond.
package enum DirectoryImport {
  /// The trie's fan-out: eight bits of the name's hash a level, hence at most eight levels.
  static let fanout = 256
  static let hashType: UInt64 = 0x22

  /// One name in a directory.
  package struct Item: Hashable, Sendable {
    package let name: String
    package let entry: AddedEntry

    package init(name: String, entry: AddedEntry) {
      self.name = name
      self.entry = entry
    }
  }

  /// Writes the directory of `items` and gives its root.
  ///
  /// - Throws: `.malformed` for a name that is empty, `.`, `..`, holds a slash, or is there twice.
  package static func add(
    _ items: [Item], profile: ImportProfile, to sink: any BlockSink, metadata: UnixFSEntry? = nil
  ) throws(ContentError) -> AddedEntry {
    let sorted = items.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    for (index, item) in sorted.enumerated() {
      let name = Array(item.name.utf8)
      guard !name.isEmpty, item.name != ".", item.name != "..", !name.contains(UInt8(ascii: "/")) else {
        throw ContentError(.malformed, "directory entry \(item.name.debugDescription): not a file name")
      }
      if index > 0, sorted[index - 1].name.utf8.elementsEqual(name) {
        throw ContentError(.malformed, "directory entry \(item.name.debugDescription): there twice")
      }
    }
    let fileSize = sorted.reduce(UInt64(0)) { $0 &+ $1.entry.fileSize }
    if isSharded(sorted, profile, metadata) {
      var root = try shard(
        sorted.map { (Murmur3.hash(Array($0.name.utf8)), $0) }.sorted { $0.0 < $1.0 }[...], level: 0, profile, sink,
        metadata)
      root.fileSize = fileSize
      return root
    }
    var entry = metadata ?? UnixFSEntry(kind: .directory)
    entry.kind = .directory
    let node = DagPB(
      data: entry.encode(),
      links: sorted.map { .init(cid: $0.entry.cid, name: $0.name, tsize: $0.entry.cumulativeSize) })
    return try write(node, fileSize, profile, sink)
  }

  private static func isSharded(_ items: [Item], _ profile: ImportProfile, _ metadata: UnixFSEntry?) -> Bool {
    switch profile.sizeEstimate {
    case .links:
      return items.reduce(0) { $0 + $1.name.utf8.count + $1.entry.cid.byteCount } >= profile.shardThreshold
    case .block:
      let data = (metadata ?? UnixFSEntry(kind: .directory)).encode()
      var total = 1 + Varint.length(of: UInt64(data.count)) + data.count
      for item in items {
        total += DagPB.encodedLength(
          of: .init(cid: item.entry.cid, name: item.name, tsize: item.entry.cumulativeSize))
      }
      return total > profile.shardThreshold
    }
  }

  private static func write(
    _ node: DagPB, _ fileSize: UInt64, _ profile: ImportProfile, _ sink: any BlockSink
  ) throws(ContentError) -> AddedEntry {
    let block = try Block(node.encode(), codec: .dagPB, version: profile.version)
    try sink.put(block)
    let size = node.links.reduce(UInt64(block.bytes.count)) { $0 &+ ($1.tsize ?? 0) }
    return AddedEntry(cid: block.cid, cumulativeSize: size, fileSize: fileSize)
  }

  /// `items` are sorted by hash and share their first `level` bytes of it. At most eight levels deep.
  private static func shard(
    _ items: ArraySlice<(UInt64, Item)>, level: Int, _ profile: ImportProfile, _ sink: any BlockSink,
    _ metadata: UnixFSEntry?
  ) throws(ContentError) -> AddedEntry {
    guard level < 8 else {
      throw ContentError(.tooLarge, "sharded directory: names with equal hashes, such as \(items.first?.1.name ?? "")")
    }
    var bitmap = [UInt8](repeating: 0, count: fanout / 8)
    var links: [DagPB.Link] = []
    var rest = items
    while let first = rest.first {
      let index = Int(truncatingIfNeeded: first.0 >> UInt64(56 - 8 * level)) & 0xff
      let group = rest.prefix { Int(truncatingIfNeeded: $0.0 >> UInt64(56 - 8 * level)) & 0xff == index }
      rest = rest.dropFirst(group.count)
      bitmap[fanout / 8 - 1 - index / 8] |= 1 << UInt8(index % 8)
      let prefix = Multibase.base16upper.encodeBody([UInt8(index)])
      if group.count == 1 {
        let item = first.1
        links.append(.init(cid: item.entry.cid, name: prefix + item.name, tsize: item.entry.cumulativeSize))
      } else {
        let child = try shard(group, level: level + 1, profile, sink, nil)
        links.append(.init(cid: child.cid, name: prefix, tsize: child.cumulativeSize))
      }
    }
    var entry = metadata ?? UnixFSEntry(kind: .hamtShard)
    entry.kind = .hamtShard
    entry.data = Array(bitmap.drop { $0 == 0 })
    entry.hashType = hashType
    entry.fanout = UInt64(fanout)
    return try write(DagPB(data: entry.encode(), links: links), 0, profile, sink)
  }

  /// Writes a symbolic link.
  package static func addSymlink(
    to target: String, profile: ImportProfile, sink: any BlockSink, metadata: UnixFSEntry? = nil
  ) throws(ContentError) -> AddedEntry {
    var entry = metadata ?? UnixFSEntry(kind: .symlink)
    entry.kind = .symlink
    entry.data = Array(target.utf8)
    var added = try write(DagPB(data: entry.encode()), 0, profile, sink)
    added.fileSize = 0
    return added
  }
}
