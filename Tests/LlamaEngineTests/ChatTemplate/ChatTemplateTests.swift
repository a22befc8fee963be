import ModelInterface
import Testing

@testable import LlamaEngine

@Suite struct ChatTemplateTests {
  private func render(_ source: String, _ variables: [String: TemplateValue] = [:]) throws -> String {
    try ChatTemplate(source).render(variables)
  }

  private var conversation: TemplateValue {
    .list([
      .dictionary([("role", .string("system")), ("content", .string("Be brief."))]),
      .dictionary([("role", .string("user")), ("content", .string(" Hi "))]),
      .dictionary([("role", .string("assistant")), ("content", .string("Hello."))]),
      .dictionary([("role", .string("user")), ("content", .string("Bye"))]),
    ])
  }

  @Test func `a loop with conditions renders ChatML`() throws {
    let source = """
      {% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
      """
    let text = try render(source, ["messages": conversation, "add_generation_prompt": .bool(true)])
    #expect(text.hasPrefix("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n Hi <|im_end|>\n"))
    #expect(text.hasSuffix("<|im_start|>assistant\n"))
  }

  @Test func `a template in Gemma's manner moves the system's words and checks the order of turns`() throws {
    let source = """
      {{ bos_token }}
      {%- if messages[0]['role'] == 'system' -%}
          {%- if messages[0]['content'] is string -%}
              {%- set first_user_prefix = messages[0]['content'] + '\n\n' -%}
          {%- else -%}
              {%- set first_user_prefix = messages[0]['content'][0]['text'] + '\n\n' -%}
          {%- endif -%}
          {%- set loop_messages = messages[1:] -%}
      {%- else -%}
          {%- set first_user_prefix = "" -%}
          {%- set loop_messages = messages -%}
      {%- endif -%}
      {%- for message in loop_messages -%}
          {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
              {{ raise_exception("Conversation roles must alternate") }}
          {%- endif -%}
          {%- if (message['role'] == 'assistant') -%}
              {%- set role = "model" -%}
          {%- else -%}
              {%- set role = message['role'] -%}
          {%- endif -%}
          {{ '<start_of_turn>' + role + '\n' + (first_user_prefix if loop.first else "") }}
          {%- if message['content'] is string -%}
              {{ message['content'] | trim }}
          {%- endif -%}
          {{ '<end_of_turn>\n' }}
      {%- endfor -%}
      {%- if add_generation_prompt -%}
          {{ '<start_of_turn>model\n' }}
      {%- endif -%}
      """
    let text = try render(
      source, ["messages": conversation, "bos_token": .string("<bos>"), "add_generation_prompt": .bool(true)])
    #expect(
      text == "<bos><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nHello.<end_of_turn>\n"
        + "<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n")
    let wrong: TemplateValue = .list([.dictionary([("role", .string("assistant")), ("content", .string("x"))])])
    #expect(throws: TemplateError("Conversation roles must alternate", isRefusal: true)) {
      try render(source, ["messages": wrong])
    }
  }

  @Test func `tools are written as JSON and calls are looped over`() throws {
    let source = """
      {%- for tool in tools %}
      {{- "\n" }}
      {{- tool | tojson }}
      {%- endfor %}
      {%- for call in calls %}
          {%- if call.function is defined %}
              {%- set call = call.function %}
          {%- endif %}
          {{- '<tool_call>\n{"name": "' }}{{ call.name }}{{- '", "arguments": ' }}{{ call.arguments | tojson }}{{- '}\n</tool_call>' }}
      {%- endfor %}
      """
    let tool = Tool(name: "f", summary: "does", parameters: .object(["type": "object"]))
    let call: TemplateValue = .dictionary([
      ("function", .dictionary([("name", .string("f")), ("arguments", .dictionary([("x", .integer(1))]))]))
    ])
    let text = try render(source, ["tools": .list([ToolPrompt.json(tool)]), "calls": .list([call])])
    #expect(
      text
        == "\n{\"type\": \"function\", \"function\": {\"name\": \"f\", \"description\": \"does\", \"parameters\": "
        + "{\"type\": \"object\"}}}<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call>")
  }

  @Test func `namespaces, macros, slices and methods work as in Jinja`() throws {
    #expect(
      try render(
        "{% set n = namespace(last=-1) %}{% for x in [3, 4] %}{% set n.last = loop.index0 %}{% endfor %}{{ n.last }}")
        == "1")
    #expect(try render("{% macro m(a, b='x') %}{{ a }}{{ b }}{% endmacro %}{{ m('1') }}{{ m(1, b=2) }}") == "1x12")
    #expect(try render("{{ [1, 2, 3][::-1] }}{{ 'abc'[1:] }}{{ 'abc'[-1] }}") == "[3, 2, 1]bcc")
    #expect(try render("{{ 'a</think>b'.split('</think>')[-1].lstrip('\\n') }}") == "b")
    #expect(try render("{{ 'x' if false else 'y' }}{{ not none is defined }}{{ 'a' ~ 1 }}") == "yFalsea1")
    #expect(try render("{{ [{'a': 1}, {'b': 2}] | selectattr('a', 'defined') | list | length }}") == "1")
    #expect(
      try render("{{ missing | default('d') }}{{ ['a', 'b'] | join(', ') }}{{ {'k': 1}.items() | list }}")
        == "da, b[['k', 1]]")
    #expect(try render("{% for x in [1, 2, 3] if x != 2 %}{{ x }}{% if loop.last %}!{% endif %}{% endfor %}") == "13!")
    #expect(
      try render("{# note #}{{ 7 // 2 }}{{ 7 % 2 }}{{ 2 * 3 + 1 }}{{ 'a' in 'cat' }}{{ 1 not in [2] }}")
        == "317TrueTrue")
  }

  @Test func `no template keeps the node busy for ever`() throws {
    #expect(throws: TemplateError.self) {
      try render("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}")
    }
    #expect(throws: TemplateError.self) { try render("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}") }
    #expect(throws: TemplateError.self) { try render(String(repeating: "{% if true %}", count: 200)) }
    #expect(throws: TemplateError.self) { try render("{{ " + String(repeating: "(", count: 500)) }
    #expect(throws: TemplateError.self) { try render("{{ 9223372036854775807 + 1 }}") }
    #expect(throws: TemplateError.self) { try render("{{ 1 // 0 }}") }
  }

  @Test func `spellings of control tokens in what people write become text`() {
    var marks = ControlMarks(spellings: ["<|im_start|>", "<|im_end|>"])
    let guarded = marks.guarded("a<|im_end|>b")
    #expect(!guarded.contains("<|im_end|>"))
    let parts = ControlMarks.parts(of: "<|im_start|>" + guarded, marks.found)
    #expect(parts == [.template("<|im_start|>a"), .written("<|im_end|>"), .template("b")])
  }
}
