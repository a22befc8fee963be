import Foundation
import HostileUpstream
import ModelInterface
import Synchronization
import Testing

@testable import Providers

/// Thousands of hedged calls against upstreams that bill whatever they have read: each bill is on the account once.
///
/// What can be known of an attempt that lost: whether its request was given to a connection, and so may be billed; what it
/// reported, where it had come to its end; and else how many pieces of it were seen. Not what the upstream wrote and nobody
/// read: of an answer in one piece that never came, as much is counted as of the one that did.
///
/// More calls: `PRSM_HEDGES=40000 swift test --filter HedgeAccountTests`.
@Suite(.serialized, .timeLimit(.minutes(5))) struct HedgeAccountTests {
  private static let count = ProcessInfo.processInfo.environment["PRSM_HEDGES"].flatMap { Int($0) } ?? 1_200
  private static let workers = 12

  /// What became of one request.
  private struct Account: Sendable {
    var request: String
    /// Of the answer; nil where there was none.
    var usage: Usage?
    var attempts: [SideAttempts.Attempt]
  }

  /// Asks again and again, two upstreams, with as many hedges as there can be.
  ///
  /// - Parameter leaving: after so many microseconds at most a client leaves, one of three; nil for none.
  private static func run(
    seed: UInt64, isStreamed: Bool, varies: Bool, leaving: Int? = nil
  ) async throws -> (accounts: [Account], bills: [BillingUpstream.Bill], hedges: Int) {
    let first = try await BillingUpstream(seed: seed, isStreamed: isStreamed, longest: 900, varies: varies)
    let second = try await BillingUpstream(seed: seed + 1, isStreamed: isStreamed, longest: 900, varies: varies)
    var endpoint = UpstreamEndpoint(
      name: "mock", kind: .openAI, baseURLs: [first.url, second.url], apiKeys: ["k"], models: [.init(name: "m")])
    endpoint.hedges = true
    var policy = ResiliencePolicy()
    policy.hedgeSamples = 8
    policy.hedgeShare = 1
    policy.hedgeQuantile = 0.2
    let provider = UpstreamProvider([endpoint], policy: policy, seed: seed)
    let accounts = await withTaskGroup(of: [Account].self) { group in
      for worker in 0..<workers {
        group.addTask {
          var generator = SplitMix(seed: seed &+ UInt64(worker) &* 77)
          var accounts: [Account] = []
          for step in 0..<(count / workers) {
            let name = "r\(worker)-\(step)"
            let leaves = leaving.flatMap { Int.random(in: 0..<3, using: &generator) == 0 ? $0 : nil }
            let pause = leaves.map { Duration.microseconds(Int.random(in: 0..<$0, using: &generator)) }
            accounts.append(await ask(provider, name, isStreamed: isStreamed, leavingAfter: pause))
          }
          return accounts
        }
      }
      return await group.reduce(into: []) { $0 += $1 }
    }
    // What was given to a connection may not have been read yet.
    let wanted = accounts.reduce(0) { $0 + ($1.usage == nil ? 0 : 1) + $1.attempts.count }
    for _ in 0..<500 where first.bills.count + second.bills.count < wanted {
      try await Task.sleep(for: .milliseconds(5))
    }
    try await Task.sleep(for: .milliseconds(50))
    let hedges = provider.snapshot().totals.hedges
    await provider.shutdown()
    await first.close()
    await second.close()
    return (accounts, first.bills + second.bills, hedges)
  }

  /// Asks once, and settles at the moment of the last event, as the gateway does.
  private static func ask(
    _ provider: UpstreamProvider, _ name: String, isStreamed: Bool, leavingAfter pause: Duration?
  ) async -> Account {
    var context = RequestContext(requestID: name)
    let attempts = SideAttempts()
    context.sideAttempts = attempts
    var request = GenerationRequest(
      model: "m", prompt: .messages([Message(role: .user, text: "Hi")]), context: context)
    request.isStreamed = isStreamed
    let asked = request
    let task = Task { () -> Account in
      var stream: GenerationStream?
      var usage: Usage?
      do {
        let answer = try await provider.generate(asked)
        stream = answer
        for try await event in answer {
          if case .finished(let completion) = event { usage = completion.usage }
        }
      } catch {
        for event in stream?.takeUnread() ?? [] {
          if case .finished(let completion) = event { usage = completion.usage }
        }
      }
      return Account(request: name, usage: usage, attempts: attempts.take())
    }
    if let pause {
      try? await Task.sleep(for: pause)
      task.cancel()
    }
    return await task.value
  }

  private static func grouped(_ bills: [BillingUpstream.Bill]) -> [String: [BillingUpstream.Bill]] {
    Dictionary(grouping: bills, by: \.request)
  }

  @Test(arguments: [1, 2, 3] as [UInt64]) func ofAnswersInOnePieceEveryBillIsOneEvent(seed: UInt64) async throws {
    let (accounts, bills, hedges) = try await Self.run(seed: seed, isStreamed: false, varies: false)
    #expect(accounts.allSatisfy { $0.usage != nil } && hedges > Self.count / 10, "\(hedges) hedges")
    // As the account does it: of what nothing is known, as much as the answer took.
    let counted = accounts.reduce(0) { sum, account in
      let answer = account.usage?.totalTokens ?? 0
      return sum + answer + account.attempts.reduce(0) { $0 + ($1.usage?.totalTokens ?? answer) }
    }
    #expect(counted == bills.reduce(0) { $0 + $1.promptTokens + $1.completionTokens })
    let found = Self.grouped(bills)
    let wrong = accounts.filter { found[$0.request]?.count != 1 + $0.attempts.count }
    #expect(wrong.isEmpty, "\(wrong.count) of \(accounts.count), \(hedges) hedges: \(wrong.prefix(3))")
  }

  @Test(arguments: [true, false]) func whatALoserReportedIsTakenAsItIs(isStreamed: Bool) async throws {
    let (accounts, bills, hedges) = try await Self.run(seed: 4, isStreamed: isStreamed, varies: true)
    #expect(accounts.allSatisfy { $0.usage != nil } && hedges > Self.count / 10)
    let found = Self.grouped(bills)
    var exact = 0
    for account in accounts {
      var left = (found[account.request] ?? []).map { Usage(promptTokens: 11, completionTokens: $0.completionTokens) }
      #expect(left.count == 1 + account.attempts.count, "\(account)")
      for usage in [account.usage] + account.attempts.filter(\.isExact).map(\.usage) {
        guard let index = left.firstIndex(where: { $0 == usage }) else {
          Issue.record("\(account) has what was not billed")
          continue
        }
        left.remove(at: index)
      }
      exact += account.attempts.count(where: \.isExact)
      // What is left was seen in part: never more than was written.
      let most = left.map(\.completionTokens).max() ?? 0
      #expect(account.attempts.filter { !$0.isExact }.allSatisfy { $0.usage?.completionTokens ?? 0 <= most })
    }
    if !isStreamed { #expect(exact > 0, "losers that came to their end in the moment of the winner") }
  }

  @Test(arguments: [true, false]) func clientsThatLeaveAreChargedNothingThatWasNotBilled(isStreamed: Bool) async throws
  {
    let (accounts, bills, _) = try await Self.run(seed: 5, isStreamed: isStreamed, varies: true, leaving: 2_000)
    let found = Self.grouped(bills)
    for account in accounts {
      let known = ([account.usage] + account.attempts.filter(\.isExact).map(\.usage)).compactMap { $0 }
      var left = (found[account.request] ?? []).map { Usage(promptTokens: 11, completionTokens: $0.completionTokens) }
      #expect(left.count >= (account.usage == nil ? 0 : 1) + account.attempts.count, "\(account)")
      for usage in known {
        guard let index = left.firstIndex(of: usage) else {
          Issue.record("\(account) has what was not billed")
          continue
        }
        left.remove(at: index)
      }
    }
    #expect(accounts.contains { $0.usage == nil } && accounts.contains { $0.usage != nil })
  }
}
