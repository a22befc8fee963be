import Foundation
import Logging
import ModelInterface
import Multiformats
import PeerInference
import PeerNetwork
import PeerProtocols
import Testing

/// Answers over TCP, whose streams end at their deadlines whether somebody waits for them or not.
@Suite(.timeLimit(.minutes(2))) struct PatienceTests {
  private func host() throws -> LibP2PHost {
    var options = HostOptions()
    options.listen = [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
    return LibP2PHost(identity: try .generate(), options: options, logger: Logger(label: "host"))
  }

  private func service(
    _ host: LibP2PHost, _ model: ToyModel, serves: Bool, patience: Duration = .seconds(15),
    stallTime: Duration = .seconds(10)
  ) -> InferenceService {
    var options = InferenceService.Options()
    options.serves = serves
    options.serving.patience = patience
    options.asking.stallTime = stallTime
    options.asking.checkShare = 0
    options.auditing.probeInterval = nil
    let offers = serves ? [ModelOffer(name: "toy")] : []
    return InferenceService(
      host: host, local: model, options: options, topics: nil, directory: nil, receipts: nil, catalog: { offers },
      clock: { Int(Date().timeIntervalSince1970 * 1_000) }, log: { _ in })
  }

  /// Runs two connected nodes, of which the second serves, while `body` does its work.
  private func running(
    _ near: LibP2PHost, _ far: LibP2PHost, _ asker: InferenceService, _ giver: InferenceService,
    _ body: @Sendable @escaping () async throws -> Void
  ) async throws {
    try await near.start()
    try await far.start()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for host in [near, far] { group.addTask { await host.run() } }
      for service in [asker, giver] { group.addTask { await service.run() } }
      try await near.connect(to: far.id, addresses: far.listenAddresses, deadline: .now + .seconds(20))
      try await until { !asker.asker.offers.isEmpty }
      try await body()
      group.cancelAll()
    }
    await near.stop()
    await far.stop()
  }

  @Test func `an engine may take longer to begin than the asker to read`() async throws {
    let (near, far) = (try host(), try host())
    let model = ToyModel(.thinking(for: .milliseconds(800)))
    let asker = service(near, ToyModel(), serves: false)
    let giver = service(far, model, serves: true, patience: .milliseconds(200))
    try await running(near, far, asker, giver) {
      let request = toyRequest()
      let answer = try await collected(asker.provider.generate(request))
      #expect(answer.text == ToyModel.answer(request))
      #expect(model.requests == 1)
      #expect(asker.asker.counts.resumed == 0)
    }
  }

  @Test func `that a client reads slowly is not held against the peer`() async throws {
    let (near, far) = (try host(), try host())
    let model = ToyModel(length: 600)
    let asker = service(near, ToyModel(), serves: false, stallTime: .seconds(1))
    let giver = service(far, model, serves: true)
    try await running(near, far, asker, giver) {
      let request = toyRequest()
      let stream = try await asker.provider.generate(request)
      try await Task.sleep(for: .seconds(3))
      let answer = try await collected(stream)
      #expect(answer.text == ToyModel.answer(request, length: 600))
      #expect(model.requests == 1)
      #expect(asker.asker.counts.resumed == 0)
    }
  }
}
