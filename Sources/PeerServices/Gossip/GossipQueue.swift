internal import Synchronization

/// Bytes that wait to be written to peers, over all queues of a node.
package final class GossipQueueRoom: Sendable {
  private let limit: Int
  private let held = Atomic<Int>(0)

  package init(limit: Int) { self.limit = limit }

  /// Bytes that wait.
  package var bytes: Int { held.load(ordering: .relaxed) }

  /// False, and nothing taken, where there is no room.
  package func take(_ count: Int) -> Bool {
    let (_, sum) = held.add(count, ordering: .relaxed)
    if sum <= limit { return true }
    held.subtract(count, ordering: .relaxed)
    return false
  }

  package func give(_ count: Int) { held.subtract(count, ordering: .relaxed) }
}

/// What waits to be written to one peer: bounded in number, in bytes of its own, and in bytes of all. What finds no room is
/// dropped, as gossip makes good for it.
package final class GossipQueue: Sendable {
  /// RPCs that wait for a slow peer.
  package static let capacity = 256
  /// Bytes that wait for a slow peer.
  package static let maximumBytes = 4 << 20

  /// What to write, in its order; say ``written(_:)`` of each.
  package let rpcs: AsyncStream<[UInt8]>
  private let end: AsyncStream<[UInt8]>.Continuation
  private let room: GossipQueueRoom
  private let held = Atomic<Int>(0)

  package init(room: GossipQueueRoom) {
    self.room = room
    (rpcs, end) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.capacity))
  }

  /// What nobody wrote takes no room any longer.
  deinit { room.give(held.load(ordering: .relaxed)) }

  /// False where it was dropped.
  @discardableResult
  package func add(_ rpc: [UInt8]) -> Bool {
    let (_, sum) = held.add(rpc.count, ordering: .relaxed)
    if sum <= Self.maximumBytes, room.take(rpc.count) {
      if case .enqueued = end.yield(rpc) { return true }
      room.give(rpc.count)
    }
    held.subtract(rpc.count, ordering: .relaxed)
    return false
  }

  /// An RPC waits no longer.
  package func written(_ rpc: [UInt8]) {
    held.subtract(rpc.count, ordering: .relaxed)
    room.give(rpc.count)
  }

  package func finish() { end.finish() }
}
