import Testing

@testable import Metering

/// What embeddings blur, and what decides on an answer all the same.
@Suite struct SimilarityTests {
  @Test(arguments: [
    ("What is two plus two?", "What is two plus three?"), ("What is 2 plus 2?", "What is 2 plus 3?"),
    ("Is it legal?", "Is it illegal?"), ("Can I eat this?", "Can't I eat this?"),
    ("Who wrote Hamlet?", "Who wrote Emma?"),
    ("Capital of France?", "Capital of Spain?"), ("What comes before it?", "What comes after it?"),
    ("Sort ascending", "Sort descending"), ("How do I encode it?", "How do I decode it?"),
    ("Does anybody know it?", "Does nobody know it?"), ("Darf ich das?", "Darf ich das nicht?"),
    ("Gibt es drei davon?", "Gibt es vier davon?"), ("I cannot log in", "I can log in"),
  ])
  func whatDecidesIsNotTheSame(one: String, other: String) {
    #expect(Similarity.decisive(one) != Similarity.decisive(other))
  }

  @Test(arguments: [
    ("What is the capital of France?", "Name France's capital."), ("Who wrote Hamlet?", "Tell me who wrote Hamlet."),
    ("I don't see it", "I do not see it"), ("what does it cost", "How much is it?"),
    ("Please explain photosynthesis.", "Explain photosynthesis, please."),
    ("How do I sort a list in Python?", "In which way are lists sorted in Python?"),
  ])
  func whatOnlySaysItOtherwiseIsTheSame(one: String, other: String) {
    #expect(Similarity.decisive(one) == Similarity.decisive(other))
  }
}
