/// What came over a run's channel: frames that begin with the run's key, a letter and a length. The key is drawn for each
/// run and known to the tracer alone, so bytes without it were written by somebody else.
struct ChannelFrames {
  /// The bytes of a run's key.
  static let keyBytes = 16
  /// The text of the frames of each kind, in order.
  private(set) var texts: [UInt8: [String]] = [:]
  /// Whether something else was written there too.
  private(set) var isForeign = false

  init(_ bytes: [UInt8], key: [UInt8]) {
    var position = 0
    while position < bytes.count {
      let left = bytes.count - position
      let present = min(left, key.count)
      guard bytes[position..<position + present].elementsEqual(key[..<present]) else {
        isForeign = true
        return
      }
      // A frame cut short by the end of its writer is nobody's fault.
      guard left >= key.count + 5 else { return }
      let head = position + key.count
      let length = (0..<4).reduce(0) { $0 | Int(bytes[head + 1 + $1]) << (8 * $1) }
      let start = head + 5
      guard length <= bytes.count - start else { return }
      texts[bytes[head], default: []].append(String(decoding: bytes[start..<start + length], as: UTF8.self))
      position = start + length
    }
  }

  /// The text of the last frame of a kind.
  func last(_ kind: Character) -> String? {
    kind.asciiValue.flatMap { texts[$0]?.last }
  }

  /// The texts of all frames of a kind.
  func all(_ kind: Character) -> [String] {
    kind.asciiValue.flatMap { texts[$0] } ?? []
  }
}
