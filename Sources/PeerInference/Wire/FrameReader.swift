internal import Multiformats
internal import PeerProtocols

/// Takes frames off a stream, many bytes at a time.
struct FrameReader {
  let stream: any PeerStream
  private var buffer: [UInt8] = []
  private var head = 0
  private let share: FrameShare?

  /// - Parameter room: bounds what has come of frames that are not whole; nil for no bound but a frame's.
  init(_ stream: any PeerStream, room: FrameRoom? = nil) {
    self.stream = stream
    share = room.map { FrameShare($0) }
  }

  /// The next frame; nil at the stream's end.
  ///
  /// - Throws: what reading throws; `.closed` where the stream ends inside a frame, `.tooLarge`, `.malformed`, `.exhausted`.
  mutating func next() async throws(PeerError) -> InferenceFrame? {
    while true {
      if let frame = try take() { return frame }
      guard let more = try await stream.read(upTo: 64 << 10) else {
        guard head == buffer.count else {
          throw PeerError(.closed, "\(stream.protocolName): the stream ended inside a frame")
        }
        return nil
      }
      if head > 0 {
        buffer.removeFirst(head)
        head = 0
      }
      try share?.hold(buffer.count + more.count, what: stream.protocolName)
      buffer.append(contentsOf: more)
    }
  }

  /// The next frame where it is whole already.
  mutating func take() throws(PeerError) -> InferenceFrame? {
    let rest = buffer[head...]
    guard let end = rest.prefix(Varint.maximumLength).firstIndex(where: { $0 & 0x80 == 0 }) else {
      guard rest.count < Varint.maximumLength else {
        throw PeerError(.malformed, "\(stream.protocolName): a frame's length of more than 9 bytes")
      }
      return nil
    }
    let length = try MessageFraming.length(
      Array(rest[head...end]), maximum: InferenceFrame.maximumSize, what: stream.protocolName)
    guard buffer.count - end - 1 >= length else { return nil }
    let body = Array(buffer[(end + 1)..<(end + 1 + length)])
    head = end + 1 + length
    if head == buffer.count {
      buffer.removeAll(keepingCapacity: buffer.count <= FrameRoom.free)
      head = 0
      try share?.hold(0, what: stream.protocolName)
    }
    return try InferenceFrame(decoding: body)
  }
}
