import ModelInterface

extension CodePrompt {
  /// The prompt for a task.
  ///
  /// - Throws: ``GenerationError`` where the model's chat template cannot express it.
  init(_ style: PromptStyle, _ task: CodeTask, model: any TokenModel) throws(GenerationError) {
    switch style {
    case .fewShot: self = .fewShot(task)
    case .longCode:
      opening = Self.fence + task.opening
      before = [
        Self.text(
          Self.system + "### Instruction:\n" + Self.question(task) + "\n\n" + Self.smallSteps + "\n")
      ]
      after = [Self.text("### Response:\n")]
      addsStart = true
    case .chat:
      opening = Self.fence + task.opening
      // The template is rendered around two marks, so that the stranger's words can be kept apart from its own.
      let text = try model.formatChat([Message(role: .user, text: Self.firstMark + Self.secondMark)])
      guard let first = text.firstRange(of: Self.firstMark), let second = text.firstRange(of: Self.secondMark) else {
        throw GenerationError(
          .invalidRequest(parameter: "style"), "the chat template of \(model.name) changes what is said; use few-shot")
      }
      before = [
        PromptPiece(text: String(text[..<first.lowerBound]), isTemplate: true),
        Self.text(Self.question(task)),
      ]
      after = [PromptPiece(text: String(text[second.upperBound...]), isTemplate: true)]
      // A template that spells the start token is not given a second one.
      let start = model.tokenize("", addsSpecial: true, parsesSpecial: false)
      addsStart = start.isEmpty || !Self.begins(text, with: start, model)
    }
  }

  /// The prompt of worked examples, for which nothing of the model is needed.
  static func fewShot(_ task: CodeTask) -> CodePrompt {
    CodePrompt(
      before: [text(system + examples + "### Instruction:\n" + question(task) + "\n")],
      after: [text("### Response:\n")], opening: fence + task.opening, addsStart: true)
  }

  private static let fence = "```python\n"
  private static let firstMark = "PRSM-TASK-GOES-HERE"
  private static let secondMark = "PRSM-TRACES-GO-HERE"

  private static func text(_ text: String) -> PromptPiece { PromptPiece(text: text, isTemplate: false) }

  private static func begins(_ text: String, with start: [TokenID], _ model: any TokenModel) -> Bool {
    model.tokenize(String(text.prefix(64)), addsSpecial: false, parsesSpecial: true).starts(with: start)
  }

  /// What is asked, with the tests that the answer has to pass.
  static func question(_ task: CodeTask) -> String {
    var lines = [task.instruction]
    if !task.tests.isEmpty {
      lines.append("Your code should pass \(task.tests.count == 1 ? "this test" : "these tests"):")
      lines += task.tests
    }
    return lines.joined(separator: "\n")
  }

  private static let system =
    "You are a programming assistant who answers with working Python code and nothing else.\n"

  private static let examples = """
    ### Instruction:
    Write a function to count the vowels in a string.
    Your code should pass this test:
    assert count_vowels("banana") == 3

    ### Response:
    ```python
    def count_vowels(text):
        total = 0
        for letter in text.lower():
            if letter in "aeiou":
                total += 1
        return total
    ```

    ### Instruction:
    Write a function to compute the running totals of a list of numbers.
    Your code should pass this test:
    assert running_totals([1, 2, 3]) == [1, 3, 6]

    ### Response:
    ```python
    def running_totals(numbers):
        totals = []
        current = 0
        for number in numbers:
            current += number
            totals.append(current)
        return totals
    ```

    ### Instruction:
    Write a function to find the second largest of the distinct numbers in a tuple.
    Your code should pass this test:
    assert second_largest((4, 9, 9, 7)) == 7

    ### Response:
    ```python
    def second_largest(numbers):
        distinct = sorted(set(numbers))
        return distinct[-2]
    ```


    """

  private static let smallSteps = """
    Write the function as many small statements, one step in each line. Give every intermediate value a name. Avoid
    comprehensions, lambdas, and several operations in one expression. For example, instead of
        return sum(x * x for x in values)
    write
        total = 0
        for x in values:
            square = x * x
            total = total + square
        return total
    and instead of
        return sorted(words, key=len)[-1]
    write
        longest = words[0]
        for word in words:
            if len(word) > len(longest):
                longest = word
        return longest
    """
}
