import Content
import ModelInterface
import Multiformats
import PeerInference
import PeerProtocols
import Testing

/// The frames that come for each token are written and read by a shorter way than all others.
@Suite struct TextFrameTests {
  private func piece(_ random: inout SplitMix64) -> GenerationEvent {
    func candidate() -> TokenLogprob.Candidate {
      let logprobs: [Float] = [.nan, 0, -0.25, -1e20, -.infinity, .random(in: -40...0, using: &random)]
      let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      return .init(
        token: [0, 23, 24, 255, 256, 65_535, 65_536, .max, -1, .min].randomElement(using: &random) ?? 0, bytes: bytes,
        logprob: logprobs.randomElement(using: &random) ?? 0)
    }
    let texts = [
      "", "a", "ü", " über \u{1F980}", String(repeating: "x", count: 24), String(repeating: "y", count: 300),
    ]
    let tokens = (0..<Int.random(in: 0...3, using: &random)).map { _ in
      TokenLogprob(
        chosen: candidate(), alternatives: (0..<Int.random(in: 0...2, using: &random)).map { _ in candidate() })
    }
    return .text(TextPiece(texts.randomElement(using: &random) ?? "", tokens: tokens))
  }

  /// What a frame says, with what equality does not know of put into words.
  private func said(_ frame: InferenceFrame) -> String { "\(frame)" }

  @Test func `their bytes are those of the other way, and they say the same`() throws {
    var random = SplitMix64(seed: 3)
    for _ in 0..<500 {
      let events = (0..<Int.random(in: 0...30, using: &random)).map { _ in piece(&random) }
      let bytes = InferenceFrame.events(events).bytes
      // The strict reader takes nothing but the one form of a value.
      #expect(try DagCBOR.encode(DagCBOR.decode(bytes)) == bytes)
      // An event of another kind makes the frame one that is read the long way.
      let mixed = InferenceFrame.events(events + [.reasoning("r")])
      guard case .events(let short) = try InferenceFrame(decoding: bytes),
        case .events(let long) = try InferenceFrame(decoding: mixed.bytes)
      else {
        Issue.record("expected events")
        return
      }
      #expect(said(.events(short)) == said(.events(Array(long.dropLast()))))
      #expect(short.count == events.count)
    }
  }

  @Test func `what the strict reader refuses is refused`() throws {
    var random = SplitMix64(seed: 4)
    var taken = 0
    for _ in 0..<300 {
      let bytes = InferenceFrame.events([piece(&random), piece(&random)]).bytes
      for _ in 0..<100 {
        var damaged = bytes
        let place = Int.random(in: damaged.indices, using: &random)
        switch Int.random(in: 0...2, using: &random) {
        case 0: damaged[place] = UInt8.random(in: 0...255, using: &random)
        case 1: damaged.remove(at: place)
        default: damaged.insert(UInt8.random(in: 0...255, using: &random), at: place)
        }
        guard (try? InferenceFrame(decoding: damaged)) != nil else { continue }
        taken += 1
        #expect(throws: Never.self) { _ = try DagCBOR.decode(damaged) }
      }
    }
    // Damage within texts and numbers leaves a frame that can be read.
    #expect(taken > 0)
  }

  @Test func `lengths beyond the frame are refused`() {
    for head in [[0x9F], [0x9B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0x9A, 0, 1, 0, 0], [0x98, 1]]
      as [[UInt8]]
    {
      let bytes = [0xA2, 0x61, 0x65] + head + [0x61, 0x74, 0x66] + Array("events".utf8)
      #expect(throws: PeerError.self) { _ = try InferenceFrame(decoding: bytes) }
    }
  }
}
