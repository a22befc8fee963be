import Multiformats
import PeerInference
import PeerProtocols
import Testing

/// Questions that are announced and not sent whole.
@Suite(.timeLimit(.minutes(2))) struct QuestionRoomTests {
  private let tests = InferenceTests()

  @Test func `parts of questions are bounded for all together, and whoever asks whole is answered`() async throws {
    let network = MemoryNetwork()
    let asker = try tests.node(1, network, serves: false)
    let giver = try tests.node(2, network) { $0.serving.questionBytes = 300 << 10 }
    try await tests.running(network, [asker, giver]) {
      var slow: [any PeerStream] = []
      for _ in 0..<2 {
        slow.append(
          try await asker.host.openStream(
            to: giver.host.id, protocols: [InferenceFrame.protocolName], deadline: .now + .seconds(20)))
      }
      await withTaskGroup(of: PeerError.Code?.self) { group in
        for stream in slow {
          group.addTask {
            do throws(PeerError) {
              // Some of the 8 MiB that are announced, and then nothing more.
              try await stream.write([0x80, 0x80, 0x80, 0x04] + [UInt8](repeating: 0, count: 300 << 10))
              _ = try await stream.read(upTo: 1)
              return nil
            } catch {
              return error.code
            }
          }
        }
        // There is room for one of them.
        let first: PeerError.Code? = await group.next() ?? nil
        #expect(first == .reset)
        for stream in slow { stream.reset() }
      }
      // What they held is free again.
      let request = toyRequest(String(repeating: "x", count: 250 << 10), limit: 8)
      let answer = try await collected(asker.service.provider.generate(request))
      #expect(answer.text == ToyModel.answer(request))
    }
  }
}
