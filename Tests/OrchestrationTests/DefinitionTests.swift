import ModelInterface
import Orchestration
import Testing

@Suite struct DefinitionTests {
  private func sequence(_ name: String, _ models: String...) -> VirtualModel {
    VirtualModel(
      name,
      .pipeline(
        Pipeline(
          steps: models.enumerated().map { Pipeline.Step(name: "s\($0.offset)", model: $0.element, prompt: nil) })))
  }

  private func problem(_ models: [VirtualModel], known: Set<String>? = nil) -> String? {
    do throws(VirtualModelSet.Problem) {
      _ = try VirtualModelSet(models, known: known)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func circlesAreRefusedWithTheirWay() {
    #expect(problem([sequence("a", "a")]) == "a circle of virtual models: `a` → `a`")
    #expect(
      problem([sequence("a", "b"), sequence("b", "x", "c"), sequence("c", "a")])?.contains("`a` → `b` → `c` → `a`")
        == true)
  }

  @Test func depthIsBounded() {
    let four = [sequence("a", "b"), sequence("b", "c"), sequence("c", "d"), sequence("d", "x")]
    #expect(problem(four) == nil)
    #expect(problem(four.dropLast() + [sequence("d", "e"), sequence("e", "x")])?.contains("deeper than 4") == true)
  }

  @Test func missingMembersAndTakenNamesAreRefused() {
    #expect(problem([sequence("a", "x")], known: ["y"]) == "`a` needs `x`, which is no model here")
    #expect(problem([sequence("x", "x")], known: ["x"])?.contains("is the name of a model already") == true)
    #expect(problem([sequence("a", "x"), sequence("a", "x")])?.contains("twice") == true)
  }

  @Test func whatCannotBeIsRefused() throws {
    var noChecks = AnswerChecks()
    #expect(problem([VirtualModel("c", .cascade(Cascade(models: ["a", "b"], checks: noChecks)))]) != nil)
    noChecks.meanLogprob = -1
    #expect(problem([VirtualModel("c", .cascade(Cascade(models: ["a", "b"], checks: noChecks)))]) == nil)
    #expect(problem([VirtualModel("p", .panel(Panel(models: ["a"])))]) != nil)
    #expect(problem([VirtualModel("p", .panel(Panel(models: ["a", "b"], quorum: 3)))]) != nil)
    #expect(problem([VirtualModel("p", .panel(Panel(models: ["a", "b"], agreement: .judged)))]) != nil)
    #expect(problem([VirtualModel("p", .panel(Panel(models: ["a", "b"], threshold: 1.1)))]) != nil)
    let steps = [
      Pipeline.Step(name: "one", model: "a", prompt: try PromptTemplate("{{two}}")),
      Pipeline.Step(name: "two", model: "a", prompt: nil),
    ]
    #expect(problem([VirtualModel("p", .pipeline(Pipeline(steps: steps)))])?.contains("{{two}}") == true)
    var limits = OrchestrationLimits()
    limits.calls = 3
    #expect(
      problem([VirtualModel("b", .bestOf(BestOf(models: ["a"], samples: 4)), limits: limits)])?.contains("4 calls")
        == true)
  }

  @Test func leavesAreCountedThroughAllLevels() throws {
    let set = try VirtualModelSet([
      VirtualModel("best", .bestOf(BestOf(models: ["a"], samples: 3, score: .judge(Judge(model: "j"))))),
      VirtualModel("jury", .panel(Panel(models: ["best", "best", "a"], escalation: "z"))),
    ])
    #expect(set.leaves(of: "jury") == ["a": 7, "j": 6, "z": 1])
    #expect(set.leaves(of: "x") == ["x": 1])
  }
}
