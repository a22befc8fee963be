import ModelInterface
import Orchestration
import Testing

@testable import prsm

@Suite("Virtual models in the configuration")
struct VirtualModelConfigurationTests {
  private func read(_ yaml: String) -> Result<[VirtualModel], ConfigurationProblems> {
    do throws(ConfigurationProblems) {
      let file = try ConfigurationFile(name: "prsm.yaml", text: "virtual-models:\n" + yaml)
      return .success(try Configuration(resolving: ConfigurationSources(file: file)).virtualModels.map(\.model))
    } catch {
      return .failure(error)
    }
  }

  private func problem(_ yaml: String) -> String {
    switch read(yaml) {
    case .success: "none"
    case .failure(let problems): problems.description
    }
  }

  @Test("each kind is read with what it needs")
  func kinds() throws {
    let yaml = """
        frugal:
          kind: cascade
          models: [small, large]
          escalate-on:
            mean-logprob: -0.6
            self-consistency: { samples: 5, share: 0.8, temperature: 0.9 }
            schema: '{"type":"object"}'
            judge: { model: j, least: 7, instruction: Be strict. }
            require: any
          deadline: 30s
          calls: 20
          cost: 0.25
        jury:
          kind: panel
          models: [a, b, c]
          agreement: confidence
          threshold: 0.7
          quorum: 2
          escalate-to: large
          review: { url: "http://127.0.0.1/x", authorization: {env: TOKEN} }
        council: { kind: mixture, models: [a, b], rounds: 2, aggregator: large, quorum: 2 }
        layered: { kind: mixture, layers: [[a, b], [c]], aggregator: large }
        careful: { kind: best-of, models: [a], samples: 4, judge: j }
        valid: { kind: best-of, models: [a], schema: true }
        essay:
          kind: pipeline
          steps:
            - { name: plan, model: a, prompt: "Plan {{input}}", output-tokens: 50 }
            - { model: b, prompt: "{{plan}}" }
        digest: { kind: map-reduce, split: { characters: 4000 }, parts: 6, worker: a, combiner: b, quorum: 0.5 }
        divide: { kind: map-reduce, split: a, worker: a }
      """
    let models = try read(yaml).get()
    #expect(
      models.map(\.name) == ["frugal", "jury", "council", "layered", "careful", "valid", "essay", "digest", "divide"])
    guard case .cascade(let cascade) = models[0].plan, case .panel(let panel) = models[1].plan,
      case .mixture(let mixture) = models[2].plan, case .mixture(let layered) = models[3].plan,
      case .bestOf(let careful) = models[4].plan, case .bestOf(let valid) = models[5].plan,
      case .pipeline(let essay) = models[6].plan, case .mapReduce(let digest) = models[7].plan
    else {
      Issue.record("a kind was read as another")
      return
    }
    #expect(cascade.checks.meanLogprob == -0.6 && cascade.checks.consistency?.samples == 5)
    #expect(cascade.checks.schema == ["type": "object"] && cascade.checks.demand == .any)
    #expect(cascade.checks.judge == Judge(model: "j", least: 7, instruction: "Be strict."))
    #expect(models[0].limits.deadline == .seconds(30) && models[0].limits.cost == 250_000)
    #expect(panel.agreement == .confidence && panel.quorum == 2 && panel.review?.url == "http://127.0.0.1/x")
    #expect(mixture.layers == [["a", "b"], ["a", "b"]] && layered.layers == [["a", "b"], ["c"]])
    #expect(careful.score == .judge(Judge(model: "j")) && careful.samples == 4 && valid.score == .schema(nil))
    #expect(essay.steps.map(\.name) == ["plan", "step2"] && essay.steps[0].outputTokens == 50)
    #expect(digest.split == .text(characters: 4_000) && digest.maximumParts == 6)
  }

  @Test("a mistake is told with its line and what was expected")
  func mistakes() {
    #expect(problem("  a: { kind: casade }").contains("prsm.yaml:2: `virtual-models`: expected `a` to have a `kind`"))
    #expect(
      problem("  a:\n    kind: panel\n    models: [x, y]\n    treshold: 1\n").contains(
        "prsm.yaml:5: `virtual-models`: expected `a` to have only"))
    #expect(
      problem("  a:\n    kind: panel\n    models: [x, y]\n    treshold: 1\n").contains("did you mean `threshold`?"))
    #expect(problem("  a: { kind: panel, models: [x, y], threshold: 2 }").contains("a number from 0.01 to 1"))
    #expect(problem("  a: { kind: cascade, models: [x, y] }").contains("a cascade needs a check to escalate by"))
    #expect(
      problem("  a: { kind: pipeline, steps: [{model: b}] }\n  b: { kind: pipeline, steps: [{model: a}] }").contains(
        "expected parts that fit together, found a circle of virtual models: `a` → `b` → `a`"))
    #expect(problem("  a: { kind: pipeline, steps: [{model: b, prompt: \"{{x\"}] }").contains("`{{` without its `}}`"))
    #expect(problem("  a: { kind: best-of, models: [b], score: judge }").contains("`a.judge`, the name of a model"))
  }
}
