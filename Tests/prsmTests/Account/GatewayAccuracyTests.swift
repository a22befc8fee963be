import AsyncHTTPClient
import Foundation
import Metering
import ModelInterface
import NIOCore
import NIOHTTP1
import ScriptedProvider
import Synchronization
import Testing

@testable import prsm

/// Mixed requests of many clients at once through a real gateway, against what a provider billed for them.
///
/// 100,000 requests, as the promise says: `PRSM_ACCURACY_REQUESTS=100000 swift test --filter GatewayAccuracyTests`.
@Suite(.timeLimit(.minutes(10))) struct GatewayAccuracyTests {
  private static let count =
    ProcessInfo.processInfo.environment["PRSM_ACCURACY_REQUESTS"].flatMap { Int($0) } ?? 1_200
  private static let workers = 24

  /// The most that an answer may have, in tokens.
  private static let outputLimit = 16

  /// What is billed, in pico-units, and the most by which one bill went beyond what was reserved for it.
  private final class Bill: Sendable {
    private let amounts = Mutex((billed: Int128(0), asked: 0, excess: Int128(0)))

    var values: (billed: Int128, asked: Int, excess: Int128) { amounts.withLock { $0 } }

    /// - Parameter estimated: what the account takes the prompt for, in tokens.
    func add(_ model: String, _ usage: Usage, estimated: Int) {
      let (fresh, cached, output): (Int128, Int128, Int128) =
        model == "strong" ? (10_000_000, 5_000_000, 30_000_000) : (1_000_000, 1_000_000, 2_000_000)
      let reserved = Int128(estimated) * fresh + Int128(outputLimit) * output
      let amount =
        Int128(usage.promptTokens - usage.cachedPromptTokens) * fresh + Int128(usage.cachedPromptTokens) * cached
        + Int128(usage.completionTokens) * output
      amounts.withLock {
        $0.billed += amount
        $0.excess = max($0.excess, amount - reserved)
      }
    }

    func asked() { amounts.withLock { $0.asked += 1 } }
  }

  /// How requests ended, for their clients.
  private final class Outcomes: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    var values: [String: Int] { counts.withLock { $0 } }

    func add(_ outcome: String) { counts.withLock { $0[outcome, default: 0] += 1 } }
  }

  /// Does as the prompt says: `break` after a word, `hang` after a word until the client is gone (which is
  /// billed as the account estimates it), or answers.
  private static func script(_ bill: Bill, bytesPerToken: Int) -> ScriptedProvider.Script {
    { (request, continuation) async throws(GenerationError) in
      bill.asked()
      guard case .messages(let messages) = request.prompt, let text = messages.last?.text else { return }
      let estimated = PromptEstimate().tokens(request)
      let seen = Usage(promptTokens: estimated, completionTokens: 1)
      if text.hasPrefix("break") {
        bill.add(request.model, seen, estimated: estimated)
        continuation.yield(.text(TextPiece("word ")))
        throw GenerationError(.invalidRequest(parameter: nil), "broke off")
      }
      if text.hasPrefix("hang") {
        bill.add(request.model, seen, estimated: estimated)
        continuation.yield(.text(TextPiece("word ")))
        while !Task.isCancelled { try? await Task.sleep(for: .milliseconds(20)) }
        return
      }
      let length = text.utf8.count / bytesPerToken
      let usage = Usage(promptTokens: length, cachedPromptTokens: length / 3, completionTokens: 3)
      bill.add(request.model, usage, estimated: estimated)
      for word in ["one ", "two ", "three"] { continuation.yield(.text(TextPiece(word))) }
      continuation.yield(.finished(Completion(reason: .stop, usage: usage)))
    }
  }

  /// With two bytes to a token, as the account estimates, no bill goes beyond what was reserved, and then no budget may
  /// be overrun at all; with one, bills do, and the excess of those in flight is the most that may be overrun.
  @Test(arguments: [2, 1]) func theSumOfEventsIsWhatTheProviderBilled(bytesPerToken: Int) async throws {
    let yaml = """
      prices:
        weak: { input: 1, output: 2 }
        strong: { input: 10, cached-input: 5, output: 30 }
      budgets:
        - { for: key, name: poor, per: day, limit: 0.05, then: [downgrade, refuse] }
        - { for: node, per: month, limit: 100 }
      cost: { downgrades: { strong: weak } }
      limits: { output-tokens: \(Self.outputLimit) }
      routing: { exploration: 0 }
      """
    let bill = Bill()
    let folder = AccountFolder()
    try await AccountNode.with(
      yaml, folder: folder, script: Self.script(bill, bytesPerToken: bytesPerToken),
      authenticator: NamedTenants()
    ) {
      node async throws in
      let outcomes = Outcomes()
      await withTaskGroup(of: Void.self) { group in
        for worker in 0..<Self.workers {
          group.addTask {
            var generator = Seeded(state: UInt64(worker) &* 0x9E37_79B9 &+ 3)
            for step in 0..<(Self.count / Self.workers) {
              let outcome = await Self.one(node, worker, step, &generator)
              outcomes.add(outcome)
            }
          }
        }
      }
      // Clients that left are noticed a moment later.
      while node.metering.meter.openCount > 0 { try await Task.sleep(for: .milliseconds(5)) }
      let events = try await node.events()
      let counts = outcomes.values
      let (billed, asked, excess) = bill.values
      #expect(events.reduce(Money.zero) { $0 + $1.cost } == Money(pico: billed), "\(counts)")
      #expect(
        events.count { !$0.isCacheHit && !$0.provider.isEmpty } == asked,
        "every request that reached a model is one event")
      #expect(
        counts["hit", default: 0] > 0 && counts["429", default: 0] > 0 && counts["left", default: 0] > 0, "\(counts)")
      let poor = events.filter { $0.account.key == "poor" }.reduce(Money.zero) { $0 + $1.cost }
      #expect(
        (excess > 0) == (bytesPerToken == 1), "the most that a bill goes beyond what was reserved: \(excess) pico")
      // Every third worker asks as `poor`, one request at a time.
      let inFlight = Int128((Self.workers + 2) / 3) * max(0, excess)
      #expect(
        poor <= Money(micro: 50_000) + Money(pico: inFlight),
        "no budget is overrun by more than the excess of what was in flight")
      #expect(poor > Money(micro: 40_000), "and it was in the way: \(poor.text)")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/usage-journal").isEmpty)
  }

  private static func one(
    _ node: AccountNode, _ worker: Int, _ step: Int, _ generator: inout Seeded
  ) async -> String {
    let tenant = worker % 3 == 0 ? "poor" : "rich\(worker % 4)"
    var model = ["weak", "strong", "auto:best", "auto:cheap"].randomElement(using: &generator) ?? "weak"
    let kind = Int.random(in: 0..<10, using: &generator)
    let headers = [("authorization", "Bearer \(tenant)")]
    var members: [(String, JSONValue)] = [("stream", .bool(Bool.random(using: &generator)))]
    var text = "request \(worker) \(step) " + String(repeating: "x", count: Int.random(in: 0..<300, using: &generator))
    switch kind {
    case 0: model = "none"
    case 1: text = "break \(step)"
    case 2: return await leave(node, model, headers, step)
    case 3, 4:
      members.append(("temperature", 0))
      text = "the same \(step % 5)"
    default: break
    }
    do {
      let answer = try await node.chat(text, model: model, members, headers: headers)
      if answer.headers.first(name: "x-prsm-cache") == "hit" { return "hit" }
      return "\(answer.status)"
    } catch {
      return "broken"
    }
  }

  /// A client that goes away after the first word.
  private static func leave(
    _ node: AccountNode, _ model: String, _ headers: [(String, String)], _ step: Int
  ) async -> String {
    var request = HTTPClientRequest(url: "http://127.0.0.1:\(node.port)/v1/chat/completions")
    request.method = .POST
    for (name, value) in headers { request.headers.add(name: name, value: value) }
    request.headers.add(name: "content-type", value: "application/json")
    let body: JSONValue = [
      "model": .string(model), "stream": true, "messages": [["role": "user", "content": .string("hang \(step)")]],
    ]
    request.body = .bytes(body.bytes)
    do {
      let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
      guard response.status == .ok else { return "\(response.status.code)" }
      var seen = ""
      for try await piece in response.body {
        seen += String(buffer: piece)
        // Letting go of the body closes the connection.
        if seen.contains("word") { return "left" }
      }
      return "ended"
    } catch {
      return "broken"
    }
  }

  /// SplitMix64: the same requests every time.
  private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
      return mixed ^ mixed >> 31
    }
  }
}
