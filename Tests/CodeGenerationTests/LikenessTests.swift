import Testing

@testable import CodeGeneration

/// Values, calls near a call, signatures, and which of several programs that pass is chosen.
@Suite struct LikenessTests {
  @Test(arguments: [
    "1", "-2.5", "'a\\'b'", "[1, 2, [3]]", "(1,)", "()", "{}", "{'a': [1], 'b': (2, 3)}", "{1, 2}", "None", "True",
    "set()", "'x\\ny'",
  ]) func valuesAreSpelledAsTheyWereRead(_ text: String) {
    #expect(PythonLiteral(text)?.spelled == text)
  }

  @Test(arguments: ["x", "1 +", "[1", "f(2)", "[1 2]", "{1: }", "'a", "1, 2", "", "lambda: 1", "{1, 2: 3}"])
  func whatIsMoreThanAValueIsNone(_ text: String) {
    #expect(PythonLiteral(text) == nil)
  }

  @Test func aDeepValueIsRefused() {
    #expect(PythonLiteral(String(repeating: "[", count: 4_000) + String(repeating: "]", count: 4_000)) == nil)
  }

  @Test func variantsAreOtherValues() {
    for text in ["3", "2.5", "'abc'", "[1, 2, 3]", "(1, 'a')", "{'a': 1, 'b': 2}", "{1, 2}", "True"] {
      guard let value = PythonLiteral(text) else { continue }
      #expect(value.variants.contains { $0 != value })
    }
  }

  @Test func nearbyCallsDifferInOneArgument() {
    let nearby = NearbyCalls("f('abc', [1, 2], x1)").calls
    #expect(nearby.contains { $0.text == "f('cba', [1, 2], x1)" && $0.argument == 0 })
    #expect(nearby.contains { $0.text == "f('abc', [2, 1], x1)" && $0.argument == 1 })
    #expect(nearby.allSatisfy { $0.text.hasSuffix(", x1)") })
    #expect((4...NearbyCalls.most).contains(nearby.count))
    #expect(NearbyCalls("f(x)").calls.isEmpty)
    #expect(NearbyCalls("nothing").calls.isEmpty)
  }

  @Test func argumentsAreSplitAtTheirOwnCommas() {
    #expect(NearbyCalls.arguments("1, [2, 3], 'a,b', g(4, 5)") == ["1", "[2, 3]", "'a,b'", "g(4, 5)"])
    #expect(NearbyCalls.arguments("").isEmpty)
  }

  @Test func aSignatureKnowsWhatItMayBecome() throws {
    let signature = try #require(Signature("area", calls: ["area(2, 3)"]))
    for line in [
      "", "d", "def", "def ", "def ar", "def area(", "def area(a", "def area(a, b", "def area(a, b):",
      "def area(a: Dict[int, int], b=(1, 2)):", "def area(*sides):", "import math", "# area", "def area(a, b=1):",
    ] {
      #expect(signature.allows(line), "\(line)")
    }
    for line in ["def b", "def area2(", "def area(a):", "def area(a, b,", "def area(a, b, c):", "def area():"] {
      #expect(!signature.allows(line), "\(line)")
    }
    #expect(Signature("area", calls: ["len([1])"]) == nil)
    let open = try #require(Signature("f", calls: ["f(*values)", "f(key=1)"]))
    #expect(open.allows("def f(a, b, c):"))
  }

  private func candidate(_ id: Int, _ origin: Candidate.Origin = .sample) -> Candidate {
    Candidate(
      id: id, origin: origin, source: "\(id)", written: "", isWhole: true, runs: [], passes: true, score: 1, summary: ""
    )
  }

  @Test func whatMostDoIsChosen() {
    let odd = Standing(["1", "2"], value: "0", isRepair: false)
    let same = Standing(["1", "3"], value: "0", isRepair: false)
    let chosen = Agreement.choose(among: [(candidate(0), odd), (candidate(1), same), (candidate(2), same)])
    #expect(chosen?.id == 1)
    #expect(Agreement.choose(among: [(candidate(0), odd), (candidate(1), same)])?.id == 0)
    #expect(Agreement.choose(among: [(candidate(4, .repair), nil), (candidate(5), nil)])?.id == 5)
    #expect(Agreement.choose(among: []) == nil)
  }

  @Test func twoThatAgreeSettleIt() {
    let one = Standing(["1", "2"], value: "0", isRepair: false)
    let two = Standing(["1", "3"], value: "0", isRepair: false)
    #expect(!Agreement.isSettled([(candidate(0), one)]))
    #expect(!Agreement.isSettled([(candidate(0), one), (candidate(1), two)]))
    #expect(Agreement.isSettled([(candidate(0), one), (candidate(1), one)]))
    #expect(Agreement.isSettled([(candidate(0), one), (candidate(1), one), (candidate(2), two)]))
    #expect(
      !Agreement.isSettled([
        (candidate(0), one), (candidate(1), one), (candidate(2), two), (candidate(3), two),
      ]))
    #expect(Agreement.isSettled([(candidate(0), nil)]))
  }

  @Test func whatReturnsTheSameForEverythingCountsLittle() {
    let constant = Standing(["True", "True"], value: "True", isRepair: false)
    let other = Standing(["True", "False"], value: "True", isRepair: false)
    #expect(constant.isConstant && !other.isConstant)
    let pool = [(candidate(0), constant), (candidate(1), constant), (candidate(2), other)]
    #expect(Agreement.choose(among: pool.map { ($0.0, $0.1) })?.id == 2)
    let failing = Standing(["!timeout", "!exception", "1"], value: "0", isRepair: false)
    #expect(failing.weight < other.weight && failing.weight > constant.weight)
  }
}
