import ModelInterface
import Testing

@testable import CodeGeneration

@Suite struct DraftTests {
  private func draft(_ text: String, entryPoint: String? = "f") -> CodeDraft {
    var draft = CodeDraft(opening: "", entryPoint: entryPoint)
    for byte in text.utf8 { draft.append(TokenID(byte), bytes: [byte], logprob: -0.5) }
    return draft
  }

  @Test(arguments: [
    ("def f(a):\n    return a\n```\nAnd so on", CodeDraft.Ending.fence, "def f(a):\n    return a\n"),
    ("def f(a):\n    return a\nprint(f(1))\n", .complete, "def f(a):\n    return a\n"),
    ("def f(a):\n    return a\n\n# Test it\n", .complete, "def f(a):\n    return a\n\n"),
    (
      "def f(a):\n    return g(a)\ndef g(a):\n    return a\n```", .fence,
      "def f(a):\n    return g(a)\ndef g(a):\n    return a\n"
    ),
    ("def f(a):\n    return a\ndef other(a):\n", .complete, "def f(a):\n    return a\n"),
    ("import math\nx = 1\ndef f(a):\n    return a\n```", .fence, "import math\nx = 1\ndef f(a):\n    return a\n"),
    (
      "def f(a):\n    \"\"\"Text\nat the margin\n    \"\"\"\n    return a\n```", .fence,
      "def f(a):\n    \"\"\"Text\nat the margin\n    \"\"\"\n    return a\n"
    ),
    (
      "def f(a):\n" + String(repeating: "    a = a\n", count: 9), .repetition,
      "def f(a):\n" + String(repeating: "    a = a\n", count: 6)
    ),
  ]) func endsWhereItShould(_ text: String, _ ending: CodeDraft.Ending, _ code: String) {
    let draft = draft(text)
    #expect(draft.ending == ending)
    #expect(draft.code == code)
  }

  @Test func aBeginningIsWhatItWas() {
    let whole = draft("def f(a):\n    b = a\n    return b\n```")
    let cuts = whole.lineCuts(openingBytes: 0)
    #expect(cuts.map(\.line) == [2, 3, 4])
    let part = whole.prefix(cuts[1].tokens, opening: "")
    #expect(part.code == "def f(a):\n    b = a")
    #expect(part.ending == nil)
    #expect(part.tokens == Array(whole.tokens.prefix(part.tokens.count)))
  }

  @Test func anythingCanBeAppended() {
    var random = SplitMix(seed: 5)
    let pieces = [
      "def f", "(a):", "\n", "    ", "```", "\"\"\"", "return", "\n\n", "é", "# x", "print(", "def g(", "\t",
    ]
    for _ in 0..<500 {
      var draft = CodeDraft(opening: "", entryPoint: "f")
      for _ in 0..<30 {
        let piece = pieces[Int(random.next() % UInt64(pieces.count))]
        draft.append(1, bytes: Array(piece.utf8), logprob: 0)
      }
      #expect(draft.ends.count == draft.tokens.count)
      for cut in draft.lineCuts(openingBytes: 0) { _ = draft.prefix(cut.tokens, opening: "") }
    }
  }
}

@Suite struct PythonTextTests {
  @Test(arguments: [
    ("assert area(2, 3) == 6", "area"), ("assert sorted(common([1])) == [1]", "common"),
    ("assert math.isclose(volume(10), 4188.79, rel_tol=0.001)", "volume"), ("assert sum(10, 15) == 6", "sum"),
    ("assert set(f(\"g(1)\")) == set([1])", "f"), ("assert not is_odd(2)", "is_odd"),
  ]) func theCalledFunctionIsFound(_ test: String, _ name: String) {
    #expect(PythonText.calledFunction(in: test) == name)
  }

  @Test func aComparisonHasTwoSides() {
    let sides = PythonText.comparison(in: "assert f('a == b', [1, (2)])==\"x, y\", 'message'")
    #expect(sides?.left == "f('a == b', [1, (2)])")
    #expect(sides?.right == "\"x, y\"")
    #expect(PythonText.comparison(in: "assert f(1)") == nil)
    #expect(PythonText.comparison(in: "assert f(1) >= 2") == nil)
  }

  @Test func examplesOfADescriptionAreTests() {
    let text = """
      def has_close(numbers, threshold):
          \"\"\" Check for closeness. E.g. `nonsense(1)`
          >>> has_close([1.0, 2.0], 0.5)
          False
          >>> print(has_close([], 1))
          False
          has_close([1.0, 2.8], 0.3) returns True
          has_close([1], 1) ➞ [name]
          For has_close([3], 2) == False
          \"\"\"
      """
    #expect(
      DocstringTests.find(in: text, function: "has_close") == [
        "assert has_close([1.0, 2.0], 0.5) == False", "assert has_close([1.0, 2.8], 0.3) == True",
        "assert has_close([3], 2) == False",
      ])
  }
}
