import PeerProtocols
import Testing

@Suite struct YamuxTests {
  @Test(arguments: [
    // As go-yamux writes them: SYN by a window update, data, FIN, ping, its answer, go away.
    ("000100010000000100000000", YamuxHeader(.windowUpdate, flags: .syn, stream: 1, value: 0)),
    ("000000000000000100000005", YamuxHeader(.data, stream: 1, value: 5)),
    ("000000040000000100000000", YamuxHeader(.data, flags: .fin, stream: 1, value: 0)),
    ("000200010000000000000007", YamuxHeader(.ping, flags: .syn, stream: 0, value: 7)),
    ("000200020000000000000007", YamuxHeader(.ping, flags: .ack, stream: 0, value: 7)),
    ("000300000000000000000000", YamuxHeader(.goAway, stream: 0, value: 0)),
    ("000100080000000200000000", YamuxHeader(.windowUpdate, flags: .rst, stream: 2, value: 0)),
  ])
  func recordedHeadersAreReadAndWrittenAlike(text: String, header: YamuxHeader) throws {
    let bytes = hexadecimal(text)
    #expect(try YamuxHeader(decoding: bytes) == header)
    #expect(header.bytes == bytes)
  }

  @Test(arguments: ["010000000000000100000000", "000400000000000100000000", "000000100000000100000000"])
  func otherVersionsTypesAndFlagsAreRefused(text: String) {
    #expect(throws: PeerError.self) { _ = try YamuxHeader(decoding: hexadecimal(text)) }
  }

  @Test func aWindowUpdateIsADeltaAndOnlyDataCounts() throws {
    var dialer = YamuxSession(isInitiator: true)
    var listener = YamuxSession(isInitiator: false)
    let (id, syn) = try dialer.open()
    #expect(id == 1)
    let reaction = try listener.receive(syn)
    #expect(reaction.opened)
    for reply in reaction.replies { _ = try dialer.receive(reply) }
    let first = dialer.takeWindow(id, upTo: .max)
    let second = dialer.takeWindow(id, upTo: 1)
    #expect(first == 256 << 10 && second == 0)
    _ = try listener.receive(YamuxHeader(.data, stream: id, value: 256 << 10))
    #expect(throws: PeerError.self) { _ = try listener.receive(YamuxHeader(.data, stream: id, value: 1)) }
    let consumed = listener.consumed(id, 200_000, now: .now, quick: .zero)
    let update = try #require(consumed)
    #expect(update.value == 200_000)
    let answer = try dialer.receive(update)
    #expect(answer.windowGrew)
    let third = dialer.takeWindow(id, upTo: .max)
    #expect(third == 200_000)
  }

  @Test func theWindowGrowsForAQuickReaderUpToItsBoundAndNoFurther() throws {
    var limits = YamuxLimits()
    limits.maximumWindow = 1 << 20
    var session = YamuxSession(isInitiator: true, limits: limits)
    let (id, _) = try session.open()
    let start = ContinuousClock.now
    var granted = 256 << 10
    for step in 0..<20 {
      _ = try session.receive(YamuxHeader(.data, stream: id, value: 150_000))
      granted -= 150_000
      for _ in 0..<2 {
        if let update = session.consumed(id, 75_000, now: start + .milliseconds(step), quick: .milliseconds(50)) {
          granted += Int(update.value)
        }
      }
      #expect(granted <= 1 << 20)
    }
    #expect(granted > 512 << 10)
  }

  @Test func whatNoCorrectPeerSendsEndsTheSession() throws {
    let frames: [[YamuxHeader]] = [
      // A stream whose ids are the other side's, one opened twice, data on stream 0, ping on a stream.
      [YamuxHeader(.data, flags: .syn, stream: 2, value: 0)],
      [YamuxHeader(.data, flags: .syn, stream: 1, value: 0), YamuxHeader(.data, flags: .syn, stream: 1, value: 0)],
      [YamuxHeader(.data, stream: 0, value: 4)],
      [YamuxHeader(.ping, flags: .syn, stream: 3, value: 0)],
      // A window that overflows, more data than the window, data after the end.
      [YamuxHeader(.windowUpdate, flags: .syn, stream: 1, value: .max)],
      [YamuxHeader(.data, flags: .syn, stream: 1, value: 300_000)],
      [YamuxHeader(.data, flags: [.syn, .fin], stream: 1, value: 0), YamuxHeader(.data, stream: 1, value: 1)],
    ]
    for sequence in frames {
      var session = YamuxSession(isInitiator: false)
      #expect(throws: PeerError.self, "\(sequence)") {
        for frame in sequence { _ = try session.receive(frame) }
      }
    }
  }

  @Test func aPeerThatOpensStreamsWithoutEndIsRefusedAndThenLetGo() throws {
    var limits = YamuxLimits()
    limits.inboundStreams = 8
    limits.refusals = 20
    var session = YamuxSession(isInitiator: false, limits: limits)
    var refused = 0
    var ended = false
    for index in 0..<100 {
      do {
        let reaction = try session.receive(
          YamuxHeader(.windowUpdate, flags: .syn, stream: UInt32(2 * index + 1), value: 0))
        if reaction.replies.contains(where: { $0.flags.contains(.rst) }) { refused += 1 }
      } catch {
        ended = true
        break
      }
    }
    #expect(refused == 20)
    #expect(ended)
    #expect(session.streamCount == 8)
  }

  @Test func streamsThatEndedOnBothSidesAreForgotten() throws {
    var session = YamuxSession(isInitiator: true)
    for _ in 0..<5_000 {
      let (id, _) = try session.open()
      _ = session.close(id)
      _ = try session.receive(YamuxHeader(.data, flags: .fin, stream: id, value: 0))
    }
    #expect(session.streamCount == 0)
  }

  /// Whatever arrives, the session answers or throws, and holds no more than its limits.
  @Test(arguments: 0..<40 as Range<UInt64>)
  func randomFramesNeverTrapNorExceedTheLimits(seed: UInt64) {
    var generator = Seeded(state: seed)
    var limits = YamuxLimits()
    limits.inboundStreams = 16
    var session = YamuxSession(isInitiator: seed % 2 == 0, limits: limits)
    for _ in 0..<4_000 {
      let kinds: [YamuxHeader.Kind] = [.data, .data, .windowUpdate, .windowUpdate, .ping, .goAway]
      let header = YamuxHeader(
        kinds.randomElement(using: &generator) ?? .data,
        flags: .init(rawValue: UInt16.random(in: 0...15, using: &generator)),
        stream: UInt32.random(in: 0...64, using: &generator),
        value: UInt32.random(in: 0...(Bool.random(using: &generator) ? 1_000 : .max), using: &generator))
      _ = try? session.receive(header)
      #expect(session.inboundCount <= 16)
      if Bool.random(using: &generator) {
        let id = UInt32.random(in: 0...64, using: &generator)
        _ = session.takeWindow(id, upTo: 1_000)
        _ = session.close(id)
      }
      _ = try? session.open()
    }
  }
}

/// A generator whose numbers can be had again (SplitMix64).
struct Seeded: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }
}

/// Bytes of a hexadecimal text.
func hexadecimal(_ text: String) -> [UInt8] {
  let digits = text.compactMap(\.hexDigitValue)
  return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}
