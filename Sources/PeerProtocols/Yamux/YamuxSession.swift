/// Bounds of one yamux session.
package struct YamuxLimits: Hashable, Sendable {
  /// The window that every stream begins with, by specification.
  package static let initialWindow: UInt32 = 256 << 10

  /// Streams that the other side may hold open.
  package var inboundStreams = 1_024
  /// Streams that this side may hold open.
  package var outboundStreams = 4_096
  /// The largest window that a stream grows to while its reader keeps up, bytes.
  package var maximumWindow: UInt32 = 16 << 20
  /// Bytes by which all windows of the session together may have grown.
  package var windowGrowth = 64 << 20
  /// Streams refused in one session before it ends.
  package var refusals = 4_096
  /// Pings that may come in a row without other frames before the session ends.
  package var pings = 256

  package init() {}
}

/// What a frame's header means for the streams. Data is not in here: its bytes follow the header.
package struct YamuxReaction: Sendable {
  /// The stream that the frame is about.
  package var stream: UInt32 = 0
  /// The other side opened ``stream``.
  package var opened = false
  /// Bytes that follow.
  package var payload = 0
  /// Whether ``stream`` takes the bytes that follow; otherwise they are dropped.
  package var delivers = false
  /// More may be sent on ``stream``.
  package var windowGrew = false
  /// The other side ends its side of ``stream``, after the bytes that follow.
  package var finished = false
  /// ``stream`` was reset by the other side.
  package var reset = false
  /// The other side answered a ping of this value.
  package var pong: UInt32?
  /// The other side opens no further streams and takes none, for this reason: 0 normal, 1 protocol error, 2 internal error.
  package var goAway: UInt32?
  /// Frames to send in answer.
  package var replies: [YamuxHeader] = []
}

/// The bookkeeping of one yamux session: streams, windows, flags. Pure: headers in, headers out.
package struct YamuxSession: Sendable {
  private struct Stream {
    var sendWindow: UInt32 = YamuxLimits.initialWindow
    /// What the other side may still send.
    var receiveWindow: UInt32 = YamuxLimits.initialWindow
    /// The size that the receive window is topped up to.
    var target: UInt32 = YamuxLimits.initialWindow
    /// Bytes read by the application since the last update.
    var consumed: UInt32 = 0
    var lastUpdate: ContinuousClock.Instant?
    var localClosed = false
    var remoteClosed = false
    var acknowledged = false
  }

  private let isInitiator: Bool
  private let limits: YamuxLimits
  private var streams: [UInt32: Stream] = [:]
  private var nextStream: UInt32
  private var inbound = 0
  private var outbound = 0
  private var refused = 0
  private var pingsInARow = 0
  private var growth = 0
  /// Whether either side has said that it goes.
  package private(set) var isGoingAway = false

  package init(isInitiator: Bool, limits: YamuxLimits = YamuxLimits()) {
    self.isInitiator = isInitiator
    self.limits = limits
    self.nextStream = isInitiator ? 1 : 2
  }

  /// Streams open on either side.
  package var streamCount: Int { streams.count }
  package var inboundCount: Int { inbound }

  private func isInbound(_ stream: UInt32) -> Bool { (stream % 2 == 1) != isInitiator }

  /// Opens a stream: the frame announces it.
  ///
  /// - Throws: `.exhausted` at the limit, `.closed` once either side goes away.
  package mutating func open() throws(PeerError) -> (stream: UInt32, frame: YamuxHeader) {
    guard !isGoingAway else { throw PeerError(.closed, "yamux: the connection is going away") }
    guard outbound < limits.outboundStreams else {
      throw PeerError(.exhausted, "yamux: \(outbound) streams to this peer are open, at most \(limits.outboundStreams)")
    }
    guard nextStream <= UInt32.max - 2 else {
      throw PeerError(.exhausted, "yamux: this connection has no stream ids left")
    }
    let stream = nextStream
    nextStream += 2
    streams[stream] = Stream()
    outbound += 1
    return (stream, YamuxHeader(.windowUpdate, flags: .syn, stream: stream, value: 0))
  }

  /// Takes the header of a frame that arrived.
  ///
  /// - Throws: `.violation` for what no correct peer sends; the session must end with ``goAway(_:)`` of reason 1.
  package mutating func receive(_ header: YamuxHeader) throws(PeerError) -> YamuxReaction {
    if header.kind == .ping { return try receivePing(header) }
    pingsInARow = 0
    if header.kind == .goAway {
      isGoingAway = true
      return YamuxReaction(goAway: header.value)
    }
    guard header.stream != 0 else { throw PeerError(.violation, "yamux: a \(header.kind) frame on stream 0") }
    var reaction = YamuxReaction(stream: header.stream)
    if header.kind == .data { reaction.payload = Int(header.value) }
    if header.flags.contains(.syn), try !accept(header, &reaction) { return reaction }
    guard var stream = streams[header.stream] else {
      // It was closed here while the frame was on its way.
      guard header.value <= limits.maximumWindow || header.kind != .data else {
        throw PeerError(.violation, "yamux: \(header.value) bytes on a stream that is closed")
      }
      return reaction
    }
    if header.flags.contains(.ack) { stream.acknowledged = true }
    switch header.kind {
    case .data:
      guard header.value <= stream.receiveWindow else {
        throw PeerError(
          .violation, "yamux: \(header.value) bytes on stream \(header.stream), its window is \(stream.receiveWindow)")
      }
      guard !stream.remoteClosed || header.value == 0 else {
        throw PeerError(.violation, "yamux: data on stream \(header.stream) after its end")
      }
      stream.receiveWindow -= header.value
      reaction.delivers = header.value > 0
    case .windowUpdate:
      let (sum, overflow) = stream.sendWindow.addingReportingOverflow(header.value)
      guard !overflow else { throw PeerError(.violation, "yamux: the window of stream \(header.stream) overflows") }
      stream.sendWindow = sum
      reaction.windowGrew = header.value > 0
    case .ping, .goAway: break
    }
    streams[header.stream] = stream
    if header.flags.contains(.rst) {
      reaction.reset = true
      remove(header.stream)
    } else if header.flags.contains(.fin), !stream.remoteClosed {
      reaction.finished = true
      streams[header.stream]?.remoteClosed = true
      if stream.localClosed { remove(header.stream) }
    }
    return reaction
  }

  private mutating func receivePing(_ header: YamuxHeader) throws(PeerError) -> YamuxReaction {
    guard header.stream == 0 else { throw PeerError(.violation, "yamux: ping on stream \(header.stream)") }
    if header.flags.contains(.ack) { return YamuxReaction(pong: header.value) }
    pingsInARow += 1
    guard pingsInARow <= limits.pings else { throw PeerError(.violation, "yamux: \(pingsInARow) pings in a row") }
    return YamuxReaction(replies: [YamuxHeader(.ping, flags: .ack, stream: 0, value: header.value)])
  }

  /// Whether a stream that the other side opens is taken.
  private mutating func accept(_ header: YamuxHeader, _ reaction: inout YamuxReaction) throws(PeerError) -> Bool {
    guard isInbound(header.stream) else {
      throw PeerError(.violation, "yamux: the peer opened stream \(header.stream), whose ids are this side's")
    }
    guard streams[header.stream] == nil else {
      throw PeerError(.violation, "yamux: stream \(header.stream) was opened twice")
    }
    guard inbound < limits.inboundStreams, !isGoingAway else {
      refused += 1
      guard refused <= limits.refusals else {
        throw PeerError(
          .violation, "yamux: the peer goes on opening streams beyond the limit of \(limits.inboundStreams)")
      }
      reaction.replies.append(YamuxHeader(.windowUpdate, flags: .rst, stream: header.stream, value: 0))
      return false
    }
    streams[header.stream] = Stream(acknowledged: true)
    inbound += 1
    reaction.opened = true
    reaction.replies.append(YamuxHeader(.windowUpdate, flags: .ack, stream: header.stream, value: 0))
    return true
  }

  /// How many of `wanted` bytes may be sent on a stream now; they are taken off its window.
  package mutating func takeWindow(_ stream: UInt32, upTo wanted: Int) -> Int {
    guard let window = streams[stream]?.sendWindow else { return 0 }
    let count = max(0, min(Int(window), wanted))
    streams[stream]?.sendWindow = window - UInt32(count)
    return count
  }

  /// Notes that the application has read bytes; gives the window update to send, where one is due.
  ///
  /// The window doubles while its reader empties it within `quick`: then the window, not the reader, is what holds the sender
  /// back.
  package mutating func consumed(
    _ id: UInt32, _ count: Int, now: ContinuousClock.Instant, quick: Duration
  ) -> YamuxHeader? {
    guard var stream = streams[id], !stream.remoteClosed else { return nil }
    stream.consumed += UInt32(count)
    guard stream.consumed >= stream.target / 2 else {
      streams[id] = stream
      return nil
    }
    var delta = stream.consumed
    if let last = stream.lastUpdate, now - last < quick {
      let more = min(stream.target, limits.maximumWindow - min(stream.target, limits.maximumWindow))
      if more > 0, growth + Int(more) <= limits.windowGrowth {
        growth += Int(more)
        stream.target += more
        delta += more
      }
    }
    stream.lastUpdate = now
    stream.consumed = 0
    stream.receiveWindow += delta
    streams[id] = stream
    return YamuxHeader(.windowUpdate, stream: id, value: delta)
  }

  /// Ends this side of a stream; nil where it has ended already.
  package mutating func close(_ id: UInt32) -> YamuxHeader? {
    guard let stream = streams[id], !stream.localClosed else { return nil }
    streams[id]?.localClosed = true
    if stream.remoteClosed { remove(id) }
    return YamuxHeader(.data, flags: .fin, stream: id, value: 0)
  }

  /// Ends both sides of a stream at once; nil where both have ended already.
  package mutating func reset(_ id: UInt32) -> YamuxHeader? {
    guard streams[id] != nil else { return nil }
    remove(id)
    return YamuxHeader(.windowUpdate, flags: .rst, stream: id, value: 0)
  }

  /// Says that this side goes.
  package mutating func goAway(_ reason: UInt32) -> YamuxHeader {
    isGoingAway = true
    return YamuxHeader(.goAway, stream: 0, value: reason)
  }

  private mutating func remove(_ id: UInt32) {
    guard let stream = streams.removeValue(forKey: id) else { return }
    growth -= Int(stream.target - YamuxLimits.initialWindow)
    if isInbound(id) { inbound -= 1 } else { outbound -= 1 }
  }
}
