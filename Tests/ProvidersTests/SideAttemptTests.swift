import Foundation
import HostileUpstream
import ModelInterface
import Testing

@testable import Providers

/// What upstreams may bill beside the answer is noted for the account.
@Suite(.timeLimit(.minutes(1))) struct SideAttemptTests {
  private static let answer = #"""
    {"choices":[{"message":{"content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}
    """#
  private static let role = #"{"choices":[{"delta":{"role":"assistant"}}]}"#
  private static let word = #"{"choices":[{"delta":{"content":"yes"},"finish_reason":"stop"}]}"#

  private static var policy: ResiliencePolicy {
    var policy = ResiliencePolicy()
    policy.firstPause = .milliseconds(1)
    policy.pauseLimit = .milliseconds(2)
    return policy
  }

  /// Asks once; returns what was answered and what was noted.
  private static func ask(
    _ provider: UpstreamProvider, isStreamed: Bool
  ) async throws -> (text: String, attempts: [SideAttempts.Attempt]) {
    var context = RequestContext(requestID: "r")
    let attempts = SideAttempts()
    context.sideAttempts = attempts
    var request = GenerationRequest(
      model: "m", prompt: .messages([Message(role: .user, text: "Hi")]), context: context)
    request.isStreamed = isStreamed
    var text = ""
    for try await event in try await provider.generate(request) {
      if case .text(let piece) = event { text += piece.text }
    }
    return (text, attempts.take())
  }

  private static func with(
    _ mocks: [MockUpstream], hedges: Bool = false, policy: ResiliencePolicy = policy,
    _ body: (UpstreamProvider) async throws -> Void
  ) async throws {
    var endpoint = UpstreamEndpoint(
      name: "mock", kind: .openAI, baseURLs: mocks.map(\.url), apiKeys: ["k"], models: [.init(name: "m")])
    endpoint.hedges = hedges
    let provider = UpstreamProvider([endpoint], policy: policy, seed: 7)
    var failure: (any Error)?
    do { try await body(provider) } catch { failure = error }
    await provider.shutdown()
    for mock in mocks { await mock.close() }
    if let failure { throw failure }
  }

  @Test func anAttemptThatBrokeOffAfterItsAnswerHadBegunMayBeBilled() async throws {
    let mock = try await MockUpstream.serving(
      MockUpstream.stream([Self.role]), MockUpstream.stream([Self.role, Self.word, "[DONE]"]))
    try await Self.with([mock]) { provider async throws in
      let (text, attempts) = try await Self.ask(provider, isStreamed: true)
      #expect(text == "yes" && mock.requests.count == 2)
      #expect(attempts == [.init(model: "m", provider: "mock", usage: Usage(), isExact: false)])
    }
  }

  @Test(arguments: [
    MockUpstream.response("{}", status: "500 Oops"), MockUpstream.response("<html>garbage</html>"),
    MockUpstream.response(#"{"error":{"message":"no","code":500}}"#), [.close],
    MockUpstream.response("{}", status: "429 Slow Down", headers: "retry-after: 0\r\n"),
  ])
  func whatWasRefusedIsNotBilled(first: [MockUpstream.Step]) async throws {
    let mock = try await MockUpstream.serving(first, MockUpstream.response(Self.answer))
    try await Self.with([mock]) { provider async throws in
      let (text, attempts) = try await Self.ask(provider, isStreamed: false)
      #expect(text == "yes" && attempts.isEmpty, "\(attempts)")
      #expect(mock.requests.count == 2, "the refusal was met")
    }
  }

  @Test func aHedgeThatLostIsBilledAsMuchAsTheAnswer() async throws {
    let fast = MockUpstream.response(Self.answer)
    let slow = try await MockUpstream.serving(fast, fast, fast, fast, [.stall])
    let quick = try await MockUpstream.serving(fast)
    var policy = Self.policy
    policy.hedgeSamples = 4
    policy.hedgeShare = 1
    try await Self.with([slow, quick], hedges: true, policy: policy) { provider async throws in
      var noted: [SideAttempts.Attempt] = []
      for _ in 0..<12 { noted += try await Self.ask(provider, isStreamed: false).attempts }
      let totals = provider.snapshot().totals
      // One that lost before it was sent leaves nothing.
      #expect(!noted.isEmpty && noted.count <= totals.hedges, "each hedge leaves one that lost")
      // One that came to its end all the same told what it took; of others nothing is known.
      #expect(noted.contains(.init(model: "m", provider: "mock", usage: nil, isExact: false)), "\(noted)")
      #expect(noted.allSatisfy { $0.usage == nil || $0.usage?.totalTokens == 5 })
    }
  }
}
