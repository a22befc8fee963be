import ModelInterface
import Testing

@testable import LlamaEngine

@Suite struct AnswerTextTests {
  private func read(
    _ pieces: [String], _ reading: AnswerText.Reading
  ) -> (events: [GenerationEvent], answer: AnswerText) {
    read(bytes: pieces.map { Array($0.utf8) }, reading)
  }

  private func read(
    bytes: [[UInt8]], _ reading: AnswerText.Reading
  ) -> (events: [GenerationEvent], answer: AnswerText) {
    var answer = AnswerText(reading)
    var events: [GenerationEvent] = []
    for piece in bytes where answer.stopSequence == nil { events += answer.append(piece, report: nil) }
    events += answer.finish()
    return (events, answer)
  }

  private func text(_ events: [GenerationEvent]) -> String {
    events.map { if case .text(let piece) = $0 { piece.text } else { "" } }.joined()
  }

  @Test func `a stop sequence that spans tokens is never shown`() {
    let reading = AnswerText.Reading(stops: ["STOP", "###"])
    let (events, answer) = read(["one S", "T", "OP two"], reading)
    #expect(text(events) == "one ")
    #expect(answer.stopSequence == "STOP")
    #expect(text(read(["one S", "T", "ART"], reading).events) == "one START")
    #expect(text(read(["a#", "#"], reading).events) == "a##")
  }

  @Test func `characters come whole however their bytes are cut`() {
    let source = "aé漢🦊z"
    let bytes = Array(source.utf8).map { [$0] }
    let (events, _) = read(bytes: bytes, AnswerText.Reading())
    #expect(text(events) == source)
    for case .text(let piece) in events { #expect(!piece.text.contains("\u{FFFD}")) }
    #expect(text(read(bytes: [[0x61], [0xE6, 0xBC]], AnswerText.Reading()).events) == "a\u{FFFD}")
    #expect(text(read(bytes: [[0xFF], [0x62]], AnswerText.Reading()).events) == "\u{FFFD}b")
  }

  @Test func `reasoning is told apart from the answer`() {
    let reading = AnswerText.Reading(hasReasoning: true)
    let (events, answer) = read(["<th", "ink>\nhm", "m</thi", "nk>\n\nYes", "."], reading)
    #expect(text(events) == "Yes.")
    let reasoning = events.map { if case .reasoning(let text) = $0 { text } else { "" } }.joined()
    #expect(reasoning == "\nhmm")
    #expect(answer.reasoningTokens > 0)
    #expect(text(read(["<b>", "bold"], reading).events) == "<b>bold")
    let open = AnswerText.Reading(hasReasoning: true, isReasoningOpen: true)
    #expect(text(read(["hm", "</think>", "Yes"], open).events) == "Yes")
  }

  @Test(
    arguments: [
      ["<tool_", "call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool", "_call>"],
      ["[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {\"x\": 1}}]"],
      ["{\"name\": \"f\", ", "\"parameters\": {\"x\": 1}}"],
      ["<|python_tag|>{\"name\": \"f\", \"parameters\": {\"x\": 1}}"],
    ])
  func `calls are found in every notation`(pieces: [String]) {
    let reader = ToolCallReader(names: ["f"], isSingle: false, makeID: { "call_1" })
    let (events, answer) = read(pieces, AnswerText.Reading(toolCalls: reader))
    #expect(events == [.toolCall(ToolCallPiece(index: 0, id: "call_1", name: "f", arguments: "{\"x\":1}"))])
    #expect(answer.hasToolCalls)
  }

  @Test func `what only looks like a call stays text`() {
    let reader = ToolCallReader(names: ["f"], isSingle: false, makeID: { "call_1" })
    let reading = AnswerText.Reading(toolCalls: reader)
    #expect(text(read(["{\"name\": \"g\"}"], reading).events) == "{\"name\": \"g\"}")
    #expect(text(read(["use <tool", "box>"], reading).events) == "use <toolbox>")
    #expect(text(read(["<tool_call>not json</tool_call>"], reading).events) == "<tool_call>not json</tool_call>")
  }

  @Test func `two calls are two unless one is wanted`() {
    let call = "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>"
    let other = "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": 1}}</tool_call>"
    for isSingle in [false, true] {
      let reader = ToolCallReader(names: ["f"], isSingle: isSingle, makeID: { "id" })
      let (events, answer) = read([call, "\n", other], AnswerText.Reading(toolCalls: reader))
      #expect(events.count == (isSingle ? 1 : 2))
      #expect(answer.hasToolCalls)
      #expect(!answer.repeatsCall)
    }
  }

  @Test(
    arguments: [
      ("<tool_call>\n", nil), ("<tool_call>\n{\"name\": \"f", nil),
      ("<tool_call>\n{\"name\": \"other\", \"arguments\": {", nil),
      ("<tool_call>\n{\"name\": \"f\", \"arguments\": ", ""),
      ("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": \"Par", "{\"x\": \"Par"),
      ("<tool_call>{\"name\":\"f\",\"arguments\":{\"x\":1}}\n</tool", "{\"x\":1}"),
    ] as [(String, String?)])
  func `the first call is given as far as it came, never its notation`(_ cut: String, _ arguments: String?) {
    let reader = ToolCallReader(names: ["f"], isSingle: false, makeID: { "id" })
    let read = read([cut], AnswerText.Reading(toolCalls: reader))
    #expect(text(read.events) == "")
    let calls = read.events.compactMap { event in
      if case .toolCall(let call) = event { call } else { nil }
    }
    #expect(calls.map(\.arguments) == (arguments.map { [$0] } ?? []))
    #expect(read.answer.hasToolCalls == (arguments == "{\"x\":1}"))
  }

  @Test func `a third time the same call ends an answer, and a call that is cut off is left out`() {
    let call = "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": 1}}</tool_call>"
    let other = "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": 2}}</tool_call>"
    let reader = ToolCallReader(names: ["f"], isSingle: false, makeID: { "id" })
    func made(_ values: [Int]) -> [GenerationEvent] {
      values.enumerated().map { index, value in
        .toolCall(ToolCallPiece(index: index, id: "id", name: "f", arguments: "{\"x\":\(value)}"))
      }
    }
    let again = read([call, "\n", call, "\n", call, "\n", call], AnswerText.Reading(toolCalls: reader))
    #expect(again.events == made([1, 1, 1]))
    #expect(again.answer.repeatsCall)
    // Two dice are two rolls.
    let twice = read([call, call, other, call, call], AnswerText.Reading(toolCalls: reader))
    #expect(twice.events == made([1, 1, 2, 1, 1]))
    #expect(!twice.answer.repeatsCall)
    let cut = read([call, "\n<tool_call>\n{\"name\": \"f\", \"argu"], AnswerText.Reading(toolCalls: reader))
    #expect(cut.events == made([1]))
    #expect(!cut.answer.repeatsCall)
  }
}
