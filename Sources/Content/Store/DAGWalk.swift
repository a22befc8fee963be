package import Multiformats

/// Walks a graph of blocks without recursion.
package enum DAGWalk {
  /// Visits every block reachable from `root` once, parents before children; `links` gives a block's children. Memory
  /// grows with the number of blocks (16 bytes each) and the links that wait.
  package static func visit(
    _ root: CID, _ links: (CID) throws(ContentError) -> [CID]
  ) throws(ContentError) {
    var seen: Set<BlockKey> = [BlockKey(root.multihash)]
    var stack = [root]
    while let cid = stack.popLast() {
      for child in try links(cid).reversed() where seen.insert(BlockKey(child.multihash)).inserted {
        stack.append(child)
      }
    }
  }
}
