internal import NIOCore
internal import PeerProtocols
internal import Synchronization

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Where in a yamux frame the bytes that arrive next belong.
struct IncomingFrame {
  /// The start of a header that came in pieces.
  var header: [UInt8] = []
  /// Bytes of data still to come.
  var remaining = 0
  /// Who takes them; nil where they are dropped.
  var stream: MuxedStream?
  /// Whether the stream ends behind them.
  var finishes = false
}

/// The muxer's part of a connection: frames in, frames out.
extension Connection {
  /// Frames of the session's own that may wait for a peer that does not read.
  private static var maximumControlFrames: Int { 16_384 }
  private static var keepAliveTime: TimeAmount { .seconds(20) }
  /// A ping without an answer for so long ends the connection.
  private static var silenceLimit: Duration { .seconds(60) }

  // MARK: In

  func receivedPlaintext(_ plaintext: Data) throws(PeerError) {
    var offset = plaintext.startIndex
    while offset < plaintext.endIndex, isOpen {
      if incoming.remaining > 0 {
        let count = min(incoming.remaining, plaintext.endIndex - offset)
        incoming.remaining -= count
        let part = plaintext[offset..<(offset + count)]
        // A small part is copied: it must not hold on to a whole frame, of which only its own bytes are counted.
        let isSmall = count < plaintext.count / 4
        try incoming.stream?.received(isSmall ? part.withUnsafeBytes { Data($0) } : part)
        offset += count
        if incoming.remaining == 0 { endFrame() }
        continue
      }
      let missing = YamuxHeader.length - incoming.header.count
      let count = min(missing, plaintext.endIndex - offset)
      plaintext.withUnsafeBytes { bytes in
        let start = offset - plaintext.startIndex
        incoming.header.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[start..<(start + count)]))
      }
      offset += count
      guard incoming.header.count == YamuxHeader.length else { return }
      let header = try YamuxHeader(decoding: incoming.header)
      incoming.header.removeAll(keepingCapacity: true)
      try react(to: try session.receive(header))
    }
  }

  private func react(to reaction: YamuxReaction) throws(PeerError) {
    control.append(contentsOf: reaction.replies)
    guard control.count <= Self.maximumControlFrames else {
      throw PeerError(.violation, "yamux: the peer asks for answers and does not read them")
    }
    if let value = reaction.pong, let sent = pingsUnanswered.removeValue(forKey: value) {
      counters.roundTrip.store(Int64((ContinuousClock.now - sent).nanoseconds), ordering: .relaxed)
    }
    if let reason = reaction.goAway {
      // Streams that are open may end; without any there is nothing to wait for.
      if streams.isEmpty || reason != 0 { close(PeerError(.closed, "the peer goes away, reason \(reason)")) }
      return
    }
    if reaction.opened {
      let stream = MuxedStream(connection: self, id: reaction.stream, isInbound: true)
      streams[reaction.stream] = stream
      counters.streams.store(streams.count, ordering: .relaxed)
      terms.accepted(stream)
    }
    let stream = streams[reaction.stream]
    if reaction.reset {
      forget(reaction.stream)
      stream?.fail(PeerError(.reset, "the peer reset the stream"))
    }
    if reaction.windowGrew, let stream, stream.hasOutput { enqueue(stream) }
    incoming.remaining = reaction.payload
    incoming.stream = reaction.delivers ? stream : nil
    incoming.finishes = reaction.finished
    if reaction.finished, incoming.stream == nil { incoming.stream = stream }
    if reaction.payload == 0 { endFrame() }
  }

  private func endFrame() {
    if incoming.finishes, let stream = incoming.stream {
      stream.ended()
      if stream.isFinished { forget(stream.id) }
    }
    incoming.stream = nil
    incoming.finishes = false
  }

  // MARK: Out

  /// Opens a stream. On the event loop.
  func openStream() throws(PeerError) -> MuxedStream {
    guard isOpen else { throw PeerError(.closed, "the connection is closed") }
    let (id, frame) = try session.open()
    control.append(frame)
    let stream = MuxedStream(connection: self, id: id, isInbound: false)
    streams[id] = stream
    counters.streams.store(streams.count, ordering: .relaxed)
    return stream
  }

  /// The stream has bytes or its end to send. On the event loop.
  func outputReady(_ stream: MuxedStream) {
    guard isOpen, streams[stream.id] === stream else { return }
    enqueue(stream)
    pump()
  }

  /// The application has read bytes of a stream. On the event loop.
  func consumed(_ stream: MuxedStream, _ count: Int) {
    guard isOpen else { return }
    let update = session.consumed(
      stream.id, count, now: .now,
      quick: max(.milliseconds(100), .nanoseconds(4 * counters.roundTrip.load(ordering: .relaxed))))
    guard let update else { return }
    control.append(update)
    pump()
  }

  /// The application gives a stream up. On the event loop.
  func resetStream(_ stream: MuxedStream) {
    guard isOpen, streams[stream.id] === stream else { return }
    if let frame = session.reset(stream.id) { control.append(frame) }
    forget(stream.id)
    pump()
  }

  private func forget(_ id: UInt32) {
    streams[id] = nil
    counters.streams.store(streams.count, ordering: .relaxed)
  }

  private func enqueue(_ stream: MuxedStream) {
    guard !stream.isEnqueued else { return }
    stream.isEnqueued = true
    ready.append(stream)
  }

  /// Writes what there is to write, as far as the transport takes it: the session's own frames first, then the streams in
  /// turn. Small frames share an encrypted one.
  func pump() {
    guard let transport, isOpen else { return }
    var wrote = false
    while transport.isWritable {
      fill()
      guard !plain.isEmpty else { break }
      do throws(PeerError) { try sealPlain() } catch {
        close(error)
        return
      }
      wrote = true
    }
    if wrote { transport.flush() }
  }

  private func fill() {
    let capacity = NoiseCipher.maximumPlaintext
    while plain.count + YamuxHeader.length <= capacity {
      if let header = control.popFirst() {
        header.append(to: &plain)
        continue
      }
      guard let stream = ready.first else { return }
      let room = capacity - plain.count - YamuxHeader.length
      // A sliver at the frame's end is not worth a header of its own.
      if room < 1_024, !plain.isEmpty { return }
      ready.removeFirst()
      stream.isEnqueued = false
      send(stream, upTo: room)
    }
  }

  private func send(_ stream: MuxedStream, upTo room: Int) {
    let count = session.takeWindow(stream.id, upTo: min(room, stream.queuedBytes))
    if count > 0 {
      let start = plain.count
      YamuxHeader(.data, stream: stream.id, value: UInt32(count)).append(to: &plain)
      guard stream.takeOutput(count, into: &plain) else {
        // It was given up meanwhile, on another thread: a header must not announce what does not follow.
        plain.removeLast(plain.count - start)
        return
      }
      if stream.hasOutput { enqueue(stream) }
    } else if stream.takeEnd() {
      if let frame = session.close(stream.id) { control.append(frame) }
      if stream.isFinished { forget(stream.id) }
    }
  }

  // MARK: Keeping alive

  func startKeepAlive() {
    ping()
    keepAlive = eventLoop.scheduleRepeatedTask(initialDelay: Self.keepAliveTime, delay: Self.keepAliveTime) {
      [self] _ in
      ping()
    }
  }

  private func ping() {
    guard isOpen else { return }
    let now = ContinuousClock.now
    if let oldest = pingsUnanswered.values.min(), now - oldest > Self.silenceLimit {
      close(PeerError(.timedOut, "the peer has not answered a ping for \(Self.silenceLimit)"))
      return
    }
    nextPing &+= 1
    pingsUnanswered[nextPing] = now
    control.append(YamuxHeader(.ping, flags: .syn, stream: 0, value: nextPing))
    pump()
  }
}
