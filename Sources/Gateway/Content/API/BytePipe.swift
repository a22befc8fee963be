import Content
import Dispatch
import Synchronization

/// Bytes on their way from a task, which must not block, to a thread, which may: one piece at a time, so that a sender
/// never gets further ahead than that.
final class BytePipe: Sendable {
  private struct State {
    var piece: [UInt8] = []
    var position = 0
    var isEnded = false
    var fault: ContentError?
    var sender: CheckedContinuation<Void, Never>?
  }

  private let state = Mutex(State())
  private let arrival = DispatchSemaphore(value: 0)

  /// Hands over a piece and waits until the reader has taken it.
  ///
  /// - Precondition: one sender at a time.
  func send(_ piece: [UInt8]) async {
    guard !piece.isEmpty else { return }
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        if state.isEnded || state.fault != nil { return true }
        state.piece = piece
        state.position = 0
        state.sender = continuation
        return false
      }
      if isOver { continuation.resume() } else { arrival.signal() }
    }
  }

  /// Says that nothing more comes.
  func end() {
    let sender = state.withLock { state in
      state.isEnded = true
      defer { state.sender = nil }
      return state.sender
    }
    sender?.resume()
    arrival.signal()
  }

  /// Makes the reader fail.
  func fail(_ fault: ContentError) {
    let sender = state.withLock { state in
      state.fault = state.fault ?? fault
      defer { state.sender = nil }
      return state.sender
    }
    sender?.resume()
    arrival.signal()
  }

  /// Takes some bytes, waiting for them; 0 at the end. For threads that may block.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws(ContentError) -> Int {
    while true {
      nonisolated(unsafe) let target = buffer  // Filled within this call only.
      let (count, sender, fault): (Int?, CheckedContinuation<Void, Never>?, ContentError?) = state.withLock { state in
        if let fault = state.fault { return (nil, nil, fault) }
        let left = state.piece.count - state.position
        if left > 0 {
          let count = min(left, target.count)
          target.copyBytes(from: state.piece[state.position..<(state.position + count)])
          state.position += count
          guard state.position == state.piece.count else { return (count, nil, nil) }
          state.piece = []
          state.position = 0
          defer { state.sender = nil }
          return (count, state.sender, nil)
        }
        return (state.isEnded ? 0 : nil, nil, nil)
      }
      sender?.resume()
      if let fault { throw fault }
      if let count { return count }
      arrival.wait()
    }
  }
}
