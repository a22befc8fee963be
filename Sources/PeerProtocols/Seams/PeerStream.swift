package import Multiformats

/// One ordered, flow-controlled, two-way run of bytes to an authenticated peer, on which both sides speak one protocol.
///
/// A stream has one reader and one writer at a time; they may be different tasks. All calls are safe from any thread.
/// Cancelling a task that waits in a call resets the stream. Letting go of the last reference does not: end a stream with
/// ``closeWrite()`` after reading to the end, or with ``reset()``.
package protocol PeerStream: AnyObject, Sendable {
  /// Who is at the other end, proven by its key.
  var peer: PeerID { get }
  /// The protocol that both sides agreed on, such as `/ipfs/ping/1.0.0`.
  var protocolName: String { get }
  /// Whether the other side opened it.
  var isInbound: Bool { get }
  /// Whether it runs over a relay that limits bytes and time.
  var isLimited: Bool { get }

  /// Where the stream's bytes come and go; nil where no place is better than another. A task that does little but pass on
  /// what comes spares two changes of thread for each piece by running there (`withTaskExecutorPreference`); one that
  /// computes, or waits for a disk, holds up every other stream of the connection.
  var executor: (any TaskExecutor)? { get }

  /// Waits for bytes and gives at most `maximum` of them; nil at the other side's end. Never empty.
  ///
  /// - Throws: `.reset`, `.closed`, `.timedOut`, `.cancelled`.
  func read(upTo maximum: Int) async throws(PeerError) -> [UInt8]?

  /// Waits for exactly `count` bytes.
  ///
  /// - Throws: as ``read(upTo:)``; `.closed` where the stream ends before.
  func readExactly(_ count: Int) async throws(PeerError) -> [UInt8]

  /// Waits for exactly `count` bytes and appends them, without an array of their own.
  ///
  /// - Throws: as ``readExactly(_:)``; what came before is in `bytes`.
  func readExactly(_ count: Int, into bytes: inout [UInt8]) async throws(PeerError)

  /// Reads a varint length and that many bytes; nil where the stream ends in front of it.
  ///
  /// - Throws: as ``readExactly(_:)``; `.tooLarge` where more than `maximum` bytes are announced, `.malformed`.
  func readMessage(maximum: Int) async throws(PeerError) -> [UInt8]?

  /// Hands over bytes; waits while more is queued than the stream may hold. Returning says nothing about arrival.
  ///
  /// - Throws: `.reset`, `.closed`, `.timedOut`, `.cancelled`.
  func write(_ bytes: [UInt8]) async throws(PeerError)

  /// Hands over several runs of bytes, one after the other, as one write and without joining them.
  ///
  /// - Throws: as ``write(_:)``.
  func write(pieces: [[UInt8]]) async throws(PeerError)

  /// Hands over bytes as ``write(_:)``; where that has to wait, no longer than `patience`. The deadline stays as it is.
  ///
  /// - Throws: as ``write(_:)``.
  func write(_ bytes: [UInt8], patience: Duration) async throws(PeerError)

  /// Ends this side: the other reads to the end of what was written, then nil.
  func closeWrite() async throws(PeerError)

  /// Ends both sides at once; what is on its way may be lost. Harmless on a stream that has ended.
  func reset()

  /// Every read and write that has not ended by `deadline` resets the stream and throws `.timedOut`. Nil for none.
  func setDeadline(_ deadline: ContinuousClock.Instant?)
}

extension PeerStream {
  package var executor: (any TaskExecutor)? { nil }

  package func readExactly(_ count: Int) async throws(PeerError) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    try await readExactly(count, into: &bytes)
    return bytes
  }

  package func readExactly(_ count: Int, into bytes: inout [UInt8]) async throws(PeerError) {
    let end = bytes.count + count
    while bytes.count < end {
      guard let more = try await read(upTo: end - bytes.count) else {
        throw PeerError(.closed, "\(protocolName): the stream ended \(end - bytes.count) bytes too early")
      }
      bytes.append(contentsOf: more)
    }
  }

  package func write(pieces: [[UInt8]]) async throws(PeerError) { try await write(pieces.flatMap(\.self)) }

  package func readMessage(maximum: Int) async throws(PeerError) -> [UInt8]? {
    var prefix: [UInt8] = []
    while prefix.last.map({ $0 & 0x80 != 0 }) ?? true {
      guard prefix.count < Varint.maximumLength else {
        throw PeerError(.malformed, "\(protocolName): a message length of more than 9 bytes")
      }
      guard let byte = try await read(upTo: 1) else {
        if prefix.isEmpty { return nil }
        throw PeerError(.closed, "\(protocolName): the stream ended inside a message length")
      }
      prefix.append(contentsOf: byte)
    }
    let length = try MessageFraming.length(prefix, maximum: maximum, what: protocolName)
    return try await readExactly(length)
  }

  /// Writes a varint length and the message, as one write.
  package func writeMessage(_ message: [UInt8]) async throws(PeerError) {
    try await write(MessageFraming.framed(message))
  }

  /// The same; where it has to wait, no longer than `patience`.
  package func writeMessage(_ message: [UInt8], patience: Duration) async throws(PeerError) {
    try await write(MessageFraming.framed(message), patience: patience)
  }

  /// Sets the deadline `duration` from now.
  package func setTimeout(_ duration: Duration) { setDeadline(ContinuousClock.now + duration) }
}

/// Messages with a varint length in front.
package enum MessageFraming {
  /// The length that a complete varint announces.
  package static func length(_ prefix: [UInt8], maximum: Int, what: String) throws(PeerError) -> Int {
    var offset = 0
    let length: UInt64
    do { length = try Varint.decode(prefix.span.bytes, at: &offset) } catch {
      throw PeerError(.malformed, "\(what): message length: \(error.detail)")
    }
    guard length <= UInt64(maximum) else {
      throw PeerError(.tooLarge, "\(what): a message of \(length) bytes announced, at most \(maximum)")
    }
    return Int(length)
  }

  /// The message with its length in front.
  package static func framed(_ message: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(message.count + Varint.maximumLength)
    Varint.append(UInt64(message.count), to: &bytes)
    bytes.append(contentsOf: message)
    return bytes
  }
}
