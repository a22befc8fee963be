internal import PeerProtocols
internal import Synchronization

/// Room for frames that have come in part, shared by streams: a bound for those who announce much and send it slowly.
final class FrameRoom: Sendable {
  /// What each stream may hold besides, in bytes.
  static let free = 64 << 10

  /// Bytes of all streams together.
  let limit: Int
  private let used = Mutex(0)

  init(limit: Int) { self.limit = limit }

  fileprivate func change(by count: Int) -> Bool {
    used.withLock { used in
      guard count <= 0 || used + count <= limit else { return false }
      used += count
      return true
    }
  }
}

/// What one stream has of a ``FrameRoom``; given back with it.
final class FrameShare: Sendable {
  private let room: FrameRoom
  private let held = Mutex(0)

  init(_ room: FrameRoom) { self.room = room }

  deinit { _ = room.change(by: -held.withLock { $0 }) }

  /// Holds so many bytes from now on, more or fewer than before.
  ///
  /// - Throws: `.exhausted`.
  func hold(_ count: Int, what: String) throws(PeerError) {
    let isHeld = held.withLock { held in
      let wanted = max(0, count - FrameRoom.free)
      guard room.change(by: wanted - held) else { return false }
      held = wanted
      return true
    }
    guard isHeld else {
      throw PeerError(.exhausted, "\(what): \(room.limit) bytes of messages that are not whole are held already")
    }
  }
}
