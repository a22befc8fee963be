package import Multiformats

/// A file or folder that has been added.
package struct AddedEntry: Hashable, Sendable {
  package var cid: CID
  /// Bytes of all blocks of the DAG, as `Tsize` counts them.
  package var cumulativeSize: UInt64
  /// Bytes of the file itself; for a folder, of all files in it.
  package var fileSize: UInt64

  package init(cid: CID, cumulativeSize: UInt64, fileSize: UInt64) {
    self.cid = cid
    self.cumulativeSize = cumulativeSize
    self.fileSize = fileSize
  }
}

/// Grows the balanced tree of a file from its leaves, which come in order. Holds one row of links a level, so that its
/// memory grows with the logarithm of the file.
struct FileTree {
  struct Leaf: Sendable {
    let cid: CID
    let blockSize: UInt64
    let fileSize: UInt64
  }

  private let profile: ImportProfile
  private let sink: any BlockSink
  /// The open node of each level, leaves' parents first.
  private var levels: [[Leaf]] = []
  private(set) var count = 0

  init(profile: ImportProfile, sink: any BlockSink) {
    self.profile = profile
    self.sink = sink
  }

  mutating func append(_ leaf: Leaf) throws(ContentError) {
    count += 1
    try append(leaf, level: 0)
  }

  private mutating func append(_ child: Leaf, level start: Int) throws(ContentError) {
    var child = child
    var level = start
    while true {
      if level == levels.count { levels.append([]) }
      if levels[level].count < profile.width {
        levels[level].append(child)
        return
      }
      // The node is full and a sibling has come: close it, and carry it a level up.
      let closed = try close(levels[level], root: nil)
      levels[level] = [child]
      child = closed
      level += 1
    }
  }

  private func close(_ children: [Leaf], root: UnixFSEntry?) throws(ContentError) -> Leaf {
    var entry = root ?? UnixFSEntry(kind: .file)
    entry.fileSize = children.reduce(0) { $0 &+ $1.fileSize }
    entry.blockSizes = children.map(\.fileSize)
    let node = DagPB(
      data: entry.encode(), links: children.map { .init(cid: $0.cid, name: "", tsize: $0.blockSize) })
    let block = try Block(node.encode(), codec: .dagPB, version: profile.version)
    try sink.put(block)
    return Leaf(
      cid: block.cid, blockSize: children.reduce(UInt64(block.bytes.count)) { $0 &+ $1.blockSize },
      fileSize: entry.fileSize ?? 0)
  }

  /// Closes every level and gives the root. At least one leaf has come.
  mutating func finish(metadata: UnixFSEntry?) throws(ContentError) -> Leaf {
    if levels.count == 1, levels[0].count == 1, metadata == nil { return levels[0][0] }
    var level = 0
    while true {
      let isTop = level == levels.count - 1
      if isTop, levels[level].count == 1, level > 0 { return levels[level][0] }
      let closed = try close(levels[level], root: isTop ? metadata : nil)
      if isTop { return closed }
      levels[level] = []
      try append(closed, level: level + 1)
      level += 1
    }
  }
}
