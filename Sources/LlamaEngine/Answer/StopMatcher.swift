/// Finds stop sequences in text that comes in pieces, and holds back what may be the beginning of one.
struct StopMatcher {
  private let stops: [[UInt8]]
  private var held: [UInt8] = []

  init(_ stops: [String]) {
    self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty }
  }

  /// What is certain to be no part of a stop sequence, and the number of the stop sequence that was met, if one was.
  mutating func append(_ bytes: [UInt8]) -> (text: [UInt8], stop: Int?) {
    guard !stops.isEmpty else { return (bytes, nil) }
    held.append(contentsOf: bytes)
    var earliest: (start: Int, stop: Int)?
    for (number, stop) in stops.enumerated() {
      if let start = Self.firstIndex(of: stop, in: held), start < earliest?.start ?? .max {
        earliest = (start, number)
      }
    }
    if let earliest {
      let text = Array(held.prefix(earliest.start))
      held = []
      return (text, earliest.stop)
    }
    let waiting = stops.map { Self.overlap(of: held, with: $0) }.max() ?? 0
    let text = Array(held.dropLast(waiting))
    held.removeFirst(text.count)
    return (text, nil)
  }

  /// What is left when nothing more comes.
  mutating func finish() -> [UInt8] {
    defer { held = [] }
    return held
  }

  /// How many bytes at the end of the text begin the pattern without completing it.
  static func overlap(of text: [UInt8], with pattern: [UInt8]) -> Int {
    var length = min(text.count, pattern.count - 1)
    while length > 0 {
      if text.suffix(length).elementsEqual(pattern.prefix(length)) { return length }
      length -= 1
    }
    return 0
  }

  static func firstIndex(of pattern: [UInt8], in text: [UInt8]) -> Int? {
    guard let first = pattern.first, text.count >= pattern.count else { return nil }
    for start in 0...(text.count - pattern.count)
    where text[start] == first && text[start..<start + pattern.count].elementsEqual(pattern) {
      return start
    }
    return nil
  }
}
