import Metering
import Routing
import Testing

@testable import prsm

/// How prices, budgets, rates and policies are written.
@Suite struct CostConfigurationTests {
  private func problems(_ yaml: String) -> [String] {
    do throws(ConfigurationProblems) {
      let file = try ConfigurationFile(name: "prsm.yaml", text: yaml)
      _ = try Configuration(resolving: ConfigurationSources(file: file))
      return []
    } catch {
      return error.problems.map(\.description)
    }
  }

  @Test func pricesAreExact() throws {
    let configuration = try AccountNode.configuration(
      """
      prices:
        a: { input: 0.000001, output: 3000 }
        up/a: { input: 2.50, cached-input: 1.25, output: 10 }
        others: { input: 1, output: 1 }
      """)
    let prices = configuration.cost.prices
    #expect(prices.price(of: "a") == ModelPrice(prompt: 1, completion: 3_000_000_000))
    #expect(
      prices.price(of: "a", provider: "up")
        == ModelPrice(prompt: 2_500_000, cachedPrompt: 1_250_000, completion: 10_000_000))
    #expect(prices.price(of: "b") == ModelPrice(prompt: 1_000_000, completion: 1_000_000))
  }

  @Test func budgetsAndRatesAreReadWithTheirDefaults() throws {
    let configuration = try AccountNode.configuration(
      """
      budgets:
        - { for: organisation, name: acme, per: month, limit: 200, then: [defer, downgrade, refuse] }
        - { for: key, per: request, limit: 0.5 }
      rates:
        - { for: user, requests-per-minute: 60, tokens-per-minute: 1000 }
      """)
    #expect(
      configuration.cost.budgets == [
        Budget(
          .organization, named: "acme", per: .month, limit: Money(micro: 200_000_000),
          whenExceeded: [.deferLowPriority, .downgrade, .refuse]),
        Budget(.key, per: .request, limit: Money(micro: 500_000)),
      ])
    #expect(
      configuration.cost.rates == [
        RateLimit(.user, .requests, perMinute: 60), RateLimit(.user, .tokens, perMinute: 1_000),
      ])
  }

  @Test func policiesAreReadWithWhatMustHold() throws {
    let configuration = try AccountNode.configuration(
      """
      routing:
        exploration: 5%
        models:
          a: { quality: 0.9, region: eu, tools: false, modalities: [text, image], predicted-as: strong }
        policies:
          thrifty: { choose: cheap, quality-floor: 0.95, without: [b], latency-limit: 2s }
          capped: { choose: best, spending-cap: 0.01 }
          mixed: { weights: { quality: 1, cost: 0, latency: 0 } }
          half: { choose: 50% }
      """)
    let routing = configuration.routing
    #expect(routing.exploration == 0.05)
    #expect(routing.models["a"]?.modalities == [.text, .image])
    #expect(routing.policies["thrifty"]?.policy == .costOptimised(qualityFloor: 0.95))
    #expect(routing.policies["thrifty"]?.constraints.deniedModels == ["b"])
    #expect(routing.policies["thrifty"]?.constraints.latencyLimit == 2_000)
    #expect(routing.policies["capped"]?.policy == .qualityFirst(spendingCapMicros: 10_000))
    #expect(routing.policies["mixed"]?.policy == .balanced(.init(quality: 1, cost: 0, latency: 0)))
    #expect(routing.policies["half"]?.policy == .strongShare(0.5))
  }

  @Test(arguments: [
    ("prices:\n  a: { input: 1 }\n", "`a.output`"),
    ("prices:\n  a: { inptu: 1, output: 2 }\n", "did you mean `input`?"),
    ("prices:\n  a: { input: -1, output: 2 }\n", "from 0 to 3000"),
    ("prices:\n  a: { input: 0.0000001, output: 2 }\n", "from 0 to 3000"),
    ("budgets:\n  - { for: key, per: year, limit: 1 }\n", "`request` or `day` or `month`"),
    ("budgets:\n  - { for: key, per: day, limit: much }\n", "such as `12.50`"),
    ("budgets:\n  - { for: key, per: day, limit: 1, then: [beg] }\n", "`refuse`"),
    ("rates:\n  - { for: key }\n", "`requests-per-minute` or `tokens-per-minute`"),
    ("routing:\n  policies:\n    p: { choose: cheap, weights: { cost: 1 } }\n", "`p.weights` only where"),
    ("routing:\n  policies:\n    p: { choose: clever }\n", "balanced, cheap, best, fast"),
    (
      "routing:\n  policies:\n    p: { choose: best }\n  canaries:\n    p: { baseline: a, candidate: b }\n", "same name"
    ),
    ("routing:\n  experiments:\n    e: { models: { a: 1 } }\n", "at least two"),
    ("routing:\n  canaries:\n    c: { baseline: a, candidate: a }\n", "another model"),
    (
      "upstreams:\n  u: { url: \"http://h/v1\", models: [big] }\nrouting:\n  policies:\n    big: { choose: best }\n",
      "`big` is the name of a model already"
    ),
    ("models:\n  aliases: { big: b }\nrouting:\n  experiments:\n    big: { models: { a: 1, b: 1 } }\n", "already"),
    ("virtual-models:\n  \"auto:5%\": { kind: best-of, models: [a], samples: 2, score: logprob }\n", "the node's own"),
    ("cache:\n  similarity: 0.9\n", "cache.embedding-model"),
    ("cache:\n  scope: sometimes\n", "`deterministic` or `all` or `none`"),
  ])
  func aMistakeIsToldWithWhatIsExpected(yaml: String, expected: String) {
    let found = problems(yaml)
    #expect(found.count == 1 && found.first?.contains(expected) == true, "\(found)")
    #expect(found.first?.hasPrefix("prsm.yaml:") == true, "\(found)")
  }
}
