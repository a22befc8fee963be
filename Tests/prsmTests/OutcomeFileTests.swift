import Foundation
import Testing

@testable import prsm

/// Labelled outcomes, as they come from elsewhere.
@Suite struct OutcomeFileTests {
  private func read(_ text: String) throws -> Int {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("prsm-outcomes-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return try OutcomeFile.read(path).count
  }

  @Test func marksOfByteOrderAndLineEndsAreReadOver() throws {
    let line = #"{"prompt": "a", "weak_correct": true, "strong_correct": 1}"#
    #expect(try read("\u{FEFF}\(line)\r\n\r\n\(line)\r\n  \n\(line)") == 3)
  }

  @Test(arguments: [
    (#""weak_correct": 5, "strong_correct": 1"#, "from 0 to 1"),
    (#""weak_correct": -1, "strong_correct": true"#, "from 0 to 1"),
    (#""weak_correct": true"#, "`strong_correct`"),
    (#""outcomes": {}"#, "at least one model"),
    (#""outcomes": {"": 1}"#, "at least one model"),
    (#""outcomes": {"a": 2}"#, "the quality of `a`"),
    (#""weak_correct": 1, "strong_correct": 1, "embedding": [1e300]"#, "`embedding`"),
    (#""weak_correct": NaN, "strong_correct": 1"#, "not a JSON object"),
  ])
  func whatIsNoLabelIsRefusedWithItsLine(members: String, reason: String) throws {
    let good = #"{"prompt": "a", "weak_correct": true, "strong_correct": false}"#
    let failure = #expect(throws: CommandFailure.self) { try read("\(good)\n{\"prompt\": \"b\", \(members)}\n") }
    let text = failure.map { "\($0)" } ?? ""
    #expect(text.contains(":2: ") && text.contains(reason), "\(text)")
  }
}
