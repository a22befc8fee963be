import ModelInterface
import Testing

@testable import Providers

/// Signed thoughts find their way back to Anthropic although clients of OpenAI's API do not send them.
@Suite struct ThoughtMemoryTests {
  private static let thought: JSONValue = ["type": "thinking", "thinking": "hmm", "signature": "s"]

  private static func answer(_ thoughts: ThoughtMemory) throws {
    var reader = AnthropicAnswerReader(endpoint: "mock", answerTool: nil, thoughts: thoughts)
    _ = try reader.read(
      whole: [
        "content": [thought, ["type": "tool_use", "id": "t1", "name": "f", "input": [:]]], "stop_reason": "tool_use",
      ])
    _ = try reader.finish()
  }

  /// The second request of a conversation with a tool, as the API is sent it.
  private static func body(
    _ thoughts: ThoughtMemory, call: String = "t1", reasoning: String? = nil
  ) throws -> JSONValue {
    var turn = Message(role: .assistant, content: [], toolCalls: [ToolCall(id: call, name: "f", arguments: "{}")])
    turn.reasoning = reasoning
    var request = GenerationRequest(
      model: "m",
      prompt: .messages([
        Message(role: .user, text: "Hi"), turn, Message(role: .tool, content: [.text("1")], toolCallID: call),
      ]), context: RequestContext(requestID: "r"))
    request.tools = [Tool(name: "f")]
    request.reasoningEffort = "high"
    request.maximumOutputTokens = 8_000
    return try JSONValue.parse(AnthropicRequestBody.encode(request, model: .init(name: "m"), thoughts: thoughts).body)
  }

  @Test func aCallBringsItsThoughtsBack() throws {
    let thoughts = ThoughtMemory()
    try Self.answer(thoughts)
    let texts: [String?] = [nil, "hmm", "something else"]
    for reasoning in texts {
      let body = try Self.body(thoughts, reasoning: reasoning)
      let turn = body["messages"]?.array?[1]["content"]?.array
      #expect(turn?.first == Self.thought && turn?.last?["type"] == "tool_use" && turn?.count == 2)
      #expect(body["thinking"]?["type"] == "enabled")
    }
  }

  @Test func whoseThoughtsAreUnknownIsNotAskedToThink() throws {
    let thoughts = ThoughtMemory()
    try Self.answer(thoughts)
    let body = try Self.body(thoughts, call: "t2")
    #expect(body["thinking"] == nil)
    #expect(body["messages"]?.array?[1]["content"]?.array?.count == 1)
  }

  @Test func theOldestAreForgottenFirst() {
    let thoughts = ThoughtMemory()
    for index in 0...ThoughtMemory.limit { thoughts.remember([Self.thought], text: "", call: "\(index)") }
    #expect(thoughts.blocks(of: nil, call: "0").isEmpty)
    #expect(thoughts.blocks(of: nil, call: "1").count == 1)
    #expect(thoughts.blocks(of: nil, call: "\(ThoughtMemory.limit)").count == 1)
  }
}
