internal import ModelInterface

/// The frame that comes for each token, events of text alone, written and read without a tree of nodes in between.
///
/// The bytes are the same, and what is not such a frame in its one form is left to ``InferenceFrame``, which says what is wrong
/// with it.
enum TextFrame {
  /// The longest that is read here, in bytes; longer ones come when nobody waits for a single token.
  private static let maximumSize = 4_096
  /// A map of two members up to the first one's value, the events: `{"e": `.
  private static let start: [UInt8] = [0xA2, 0x61, 0x65]
  /// What follows it: `, "t": "events"}`.
  private static let end: [UInt8] = [0x61, 0x74, 0x66] + Array("events".utf8)

  // MARK: Writing

  /// The frame of the events; nil where one is something else than text.
  static func bytes(of events: [GenerationEvent]) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(64 * (events.count + 1))
    bytes.append(contentsOf: start)
    append(4, events.count, &bytes)
    for event in events {
      guard case .text(let piece) = event else { return nil }
      append(4, piece.tokens.isEmpty ? 2 : 3, &bytes)
      bytes.append(contentsOf: [0x61, 0x78])
      append(3, piece.text.utf8.count, &bytes)
      bytes.append(contentsOf: piece.text.utf8)
      guard !piece.tokens.isEmpty else { continue }
      append(4, piece.tokens.count, &bytes)
      for token in piece.tokens { append(token, &bytes) }
    }
    bytes.append(contentsOf: end)
    return bytes
  }

  private static func append(_ token: TokenLogprob, _ bytes: inout [UInt8]) {
    append(4, token.alternatives.isEmpty ? 3 : 4, &bytes)
    append(token.chosen, &bytes)
    guard !token.alternatives.isEmpty else { return }
    append(4, token.alternatives.count, &bytes)
    for other in token.alternatives {
      append(4, 3, &bytes)
      append(other, &bytes)
    }
  }

  private static func append(_ candidate: TokenLogprob.Candidate, _ bytes: inout [UInt8]) {
    let token = Int(candidate.token)
    append(token < 0 ? 1 : 0, token < 0 ? -1 - token : token, &bytes)
    if candidate.logprob.isNaN {
      bytes.append(0xF6)
    } else {
      bytes.append(0xFB)
      append(EventCoding.finite(candidate.logprob).bitPattern, width: 8, &bytes)
    }
    append(2, candidate.bytes.count, &bytes)
    bytes.append(contentsOf: candidate.bytes)
  }

  /// The head of a value: its kind, and its length or number in the shortest form.
  private static func append(_ kind: UInt8, _ value: Int, _ bytes: inout [UInt8]) {
    let width = value < 24 ? 0 : value < 0x100 ? 1 : value < 0x1_0000 ? 2 : value < 0x1_0000_0000 ? 4 : 8
    let code: UInt8 =
      switch width {
      case 0: UInt8(truncatingIfNeeded: value)
      case 1: 24
      case 2: 25
      case 4: 26
      default: 27
      }
    bytes.append(kind << 5 | code)
    append(UInt64(value), width: width, &bytes)
  }

  private static func append(_ value: UInt64, width: Int, _ bytes: inout [UInt8]) {
    var shift = 8 * (width - 1)
    while shift >= 0 {
      bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
      shift -= 8
    }
  }

  // MARK: Reading

  /// The events of a frame; nil where it is something else.
  static func events(of bytes: [UInt8]) -> [GenerationEvent]? {
    guard bytes.count <= maximumSize, bytes.starts(with: start) else { return nil }
    var reader = Reader(bytes: bytes, offset: start.count)
    guard let count = reader.length(4) else { return nil }
    var events: [GenerationEvent] = []
    events.reserveCapacity(min(count, 64))
    for _ in 0..<count {
      guard let piece = reader.piece() else { return nil }
      events.append(.text(piece))
    }
    guard reader.skip(end), reader.offset == bytes.count else {
      return nil
    }
    return events
  }

  private struct Reader {
    let bytes: [UInt8]
    var offset: Int

    mutating func skip(_ expected: [UInt8]) -> Bool {
      guard bytes.count - offset >= expected.count,
        expected.indices.allSatisfy({ bytes[offset + $0] == expected[$0] })
      else { return false }
      offset += expected.count
      return true
    }

    private mutating func number(_ width: Int) -> UInt64? {
      guard bytes.count - offset >= width else { return nil }
      var value: UInt64 = 0
      for _ in 0..<width {
        value = value << 8 | UInt64(bytes[offset])
        offset += 1
      }
      return value
    }

    /// The number in a head of that kind, where it is written in its shortest form.
    private mutating func argument(_ kind: UInt8) -> UInt64? {
      guard offset < bytes.count, bytes[offset] >> 5 == kind else { return nil }
      let code = bytes[offset] & 0x1F
      offset += 1
      switch code {
      case 0..<24: return UInt64(code)
      case 24: return number(1).flatMap { $0 >= 24 ? $0 : nil }
      case 25: return number(2).flatMap { $0 >= 0x100 ? $0 : nil }
      case 26: return number(4).flatMap { $0 >= 0x1_0000 ? $0 : nil }
      default: return nil
      }
    }

    /// A length of no more than what is left.
    mutating func length(_ kind: UInt8) -> Int? {
      guard let value = argument(kind), value <= UInt64(bytes.count - offset) else { return nil }
      return Int(value)
    }

    mutating func piece() -> TextPiece? {
      guard let parts = length(4), parts == 2 || parts == 3, skip([0x61, 0x78]), let size = length(3),
        let text = String(validating: bytes[offset..<(offset + size)], as: UTF8.self)
      else { return nil }
      offset += size
      guard parts == 3 else { return TextPiece(text) }
      guard let count = length(4) else { return nil }
      var tokens: [TokenLogprob] = []
      tokens.reserveCapacity(count)
      for _ in 0..<count {
        guard let token = token() else { return nil }
        tokens.append(token)
      }
      return TextPiece(text, tokens: tokens)
    }

    private mutating func token() -> TokenLogprob? {
      guard let parts = length(4), parts == 3 || parts == 4, let chosen = candidate() else { return nil }
      guard parts == 4 else { return TokenLogprob(chosen: chosen) }
      guard let count = length(4), count <= EventCoding.maximumAlternatives else { return nil }
      var alternatives: [TokenLogprob.Candidate] = []
      alternatives.reserveCapacity(count)
      for _ in 0..<count {
        guard length(4) == 3, let other = candidate() else { return nil }
        alternatives.append(other)
      }
      return TokenLogprob(chosen: chosen, alternatives: alternatives)
    }

    private mutating func candidate() -> TokenLogprob.Candidate? {
      guard let token = argument(0).flatMap({ TokenID(exactly: $0) }), offset < bytes.count else { return nil }
      var logprob = Float.nan
      offset += 1
      switch bytes[offset - 1] {
      case 0xF6: break
      case 0xFB:
        guard let value = number(8).map({ Double(bitPattern: $0) }), value.isFinite else { return nil }
        logprob = Float(value)
      default: return nil
      }
      guard let size = length(2) else { return nil }
      defer { offset += size }
      return .init(token: token, bytes: Array(bytes[offset..<(offset + size)]), logprob: logprob)
    }
  }
}
