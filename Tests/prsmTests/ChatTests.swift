import Foundation
import ModelInterface
import Testing

@testable import prsm

@Suite("Chat")
struct ChatTests {
  @Test("commands are told from questions")
  func commands() {
    #expect(ChatCommand("/help") == .help)
    #expect(ChatCommand("/model gemma") == .model("gemma"))
    #expect(ChatCommand("/system   ") == .system(nil))
    #expect(ChatCommand("/sytem x") == .unknown("/sytem", suggestion: "/system"))
    #expect(ChatCommand("/usr/bin is a folder") == nil)
    #expect(ChatCommand("what is /help?") == nil)
    #expect(ChatCommand("/clear\nnow") == nil)
  }

  @Test("commands and models complete")
  func completions() {
    #expect(ChatCommand.completions(of: "/sa", models: []) == ["/save "])
    #expect(ChatCommand.completions(of: "/model g", models: ["gemma", "smol"]) == ["/model gemma"])
    #expect(ChatCommand.completions(of: "hello", models: ["gemma"]).isEmpty)
  }

  @Test("an answer can be asked for again, and a question taken back")
  func conversation() {
    var conversation = Conversation(system: "s", model: "m")
    let nothing = conversation.withdrawAnswer()
    #expect(!nothing)
    conversation.ask("q")
    conversation.answer("a")
    #expect(conversation.messages.map(\.role) == [.system, .user, .assistant])
    let question = conversation.withdrawAnswer()
    #expect(question)
    #expect(conversation.turns.map(\.text) == ["q"])
    conversation.withdrawQuestion()
    #expect(conversation.turns.isEmpty)
  }

  @Test("history is kept for its owner alone, within its limit, with line ends")
  func history() throws {
    let folder = try ScratchFolder()
    let path = folder.path + "/history"
    var history = History(path: path)
    for index in 0..<(History.maximumLines + 5) { history.add("line \(index)") }
    history.add("two\nlines \\n")
    history.add("two\nlines \\n")
    history.add("  ")
    history.save()
    let again = History(path: path)
    #expect(again.lines.count == History.maximumLines)
    #expect(again.lines.last == "two\nlines \\n")
    #expect(again.lines.first == "line 6")
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
  }

  @Test(
    "instants are written in UTC",
    arguments: [(0, "1970-01-01 00:00"), (951_782_400, "2000-02-29 00:00"), (-1, "1969-12-31 23:59")])
  func timestamps(seconds: Int, text: String) {
    #expect(Timestamp.text(seconds) == text)
  }

  @Test("numbers are written with their decimals")
  func decimals() {
    #expect(Decimals.text(3.14159, 2) == "3.14")
    #expect(Decimals.text(-0.004, 2) == "0.00")
    #expect(Decimals.text(9.999, 1) == "10.0")
    #expect(Decimals.text(1.05, 0) == "1")
    #expect(Decimals.text(.nan, 2) == "nan")
  }

  @Test("tables align, also with wide characters")
  func tables() {
    var table = Table(["A", "N"], rightAligned: [1])
    table.add(["語", "1"])
    table.add(["b", "10"])
    #expect(table.text(Style(isEnabled: false)) == "A    N\n語   1\nb   10\n")
  }
}
