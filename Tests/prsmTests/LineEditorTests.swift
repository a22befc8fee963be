import Testing

@testable import prsm

@Suite("Line editor")
struct LineEditorTests {
  private func editor(_ keys: [Key], history: [String] = []) -> LineEditor {
    var editor = LineEditor(history: history)
    for key in keys { _ = editor.press(key) }
    return editor
  }

  @Test("text goes in at the cursor")
  func insertion() {
    let editor = editor([.text("ac"), .left, .text("b")])
    #expect(editor.line == "abc")
    #expect(editor.cursor == 2)
  }

  @Test("a character of several code points is one step")
  func graphemes() {
    let editor = editor([.text("a👩‍👩‍👧é"), .left, .backspace])
    #expect(editor.line == "aé")
  }

  @Test("words and lines are killed and yanked")
  func killing() {
    #expect(editor([.text("one two"), .killWord]).line == "one ")
    #expect(editor([.text("one two"), .home, .killToEnd]).line == "")
    #expect(editor([.text("one two"), .killWord, .home, .yank]).line == "twoone ")
    #expect(editor([.text("one two"), .wordLeft, .killToStart]).line == "two")
  }

  @Test("keys at the edges do nothing")
  func edges() {
    var editor = LineEditor()
    for key: Key in [.left, .right, .backspace, .delete, .killWord, .killToEnd, .up, .down, .tab, .yank, .transpose] {
      #expect(editor.press(key) == .nothing)
    }
  }

  @Test("history goes back and returns to what was being typed")
  func history() {
    #expect(editor([.text("new"), .up], history: ["a", "b"]).line == "b")
    #expect(editor([.text("new"), .up, .up, .up], history: ["a", "b"]).line == "a")
    #expect(editor([.text("new"), .up, .up, .down, .down], history: ["a", "b"]).line == "new")
  }

  @Test("a search finds the latest line that holds the words, and Ctrl-C takes it back")
  func search() {
    let lines = ["make tea", "make coffee", "sleep"]
    #expect(editor([.searchHistory, .text("make")], history: lines).line == "make coffee")
    #expect(editor([.searchHistory, .text("make"), .searchHistory], history: lines).line == "make tea")
    #expect(editor([.text("x"), .searchHistory, .text("make"), .interrupt], history: lines).line == "x")
  }

  @Test("Enter, Ctrl-C and Ctrl-D end a line as they should")
  func endings() {
    var editor = LineEditor()
    #expect(editor.press(.endOfInput) == .ended)
    #expect(editor.press(.interrupt) == .interrupted(wasEmpty: true))
    _ = editor.press(.text("ab"))
    #expect(editor.press(.interrupt) == .interrupted(wasEmpty: false))
    _ = editor.press(.text("ab"))
    _ = editor.press(.home)
    #expect(editor.press(.endOfInput) == .redraw)
    #expect(editor.press(.enter) == .accepted("b"))
  }

  @Test("Tab completes what is common, and then shows what could be meant")
  func completion() {
    var editor = LineEditor(completions: { line in ["/save", "/system"].filter { $0.hasPrefix(line) } })
    _ = editor.press(.text("/"))
    #expect(editor.press(.tab) == .redraw)
    #expect(editor.line == "/s")
    #expect(editor.press(.tab) == .candidates(["/save", "/system"]))
    _ = editor.press(.text("a"))
    #expect(editor.press(.tab) == .redraw)
    #expect(editor.line == "/save")
  }

  @Test("control characters in a paste cannot move the cursor of the terminal")
  func paste() {
    #expect(editor([.paste("a\u{1B}[2Jb\nc\td")]).line == "a[2Jb\nc d")
  }

  @Test("random keys never lose the cursor")
  func randomKeys() {
    let keys: [Key] = [
      .text("aé "), .paste("x\ny"), .tab, .backspace, .delete, .left, .right, .up, .down, .home, .end, .wordLeft,
      .wordRight, .killToEnd, .killToStart, .killWord, .killWordForward, .yank, .transpose, .interrupt, .searchHistory,
      .endOfInput, .enter, .ignored,
    ]
    var generator = SplitMix(state: 7)
    for _ in 0..<200 {
      var editor = LineEditor(history: ["one", "two\nthree"], completions: { [$0 + "z"] })
      for _ in 0..<100 {
        _ = editor.press(keys[Int(generator.next() % UInt64(keys.count))])
        #expect((0...editor.text.count).contains(editor.cursor))
      }
    }
  }
}

@Suite("Keys")
struct KeyDecoderTests {
  private func keys(_ text: String) -> [Key] {
    var decoder = KeyDecoder()
    return decoder.read(Array(text.utf8))
  }

  @Test("arrows, control keys and text are told apart")
  func basics() {
    #expect(keys("a\u{1B}[A\u{1B}OB\u{03}é") == [.text("a"), .up, .down, .interrupt, .text("é")])
    #expect(keys("\u{1B}[1;5C\u{1B}b\u{1B}[3~") == [.wordRight, .wordLeft, .delete])
  }

  @Test("a paste comes in one piece, with its line ends")
  func paste() {
    #expect(keys("\u{1B}[200~one\r\ntwo\rthree\u{1B}[201~x") == [.ignored, .paste("one\ntwo\nthree"), .text("x")])
  }

  @Test("a sequence may be cut anywhere")
  func cuts() {
    let bytes = Array("é\u{1B}[A\u{1B}[200~päste\u{1B}[201~\u{1B}[1;5D".utf8)
    for cut in 0...bytes.count {
      var decoder = KeyDecoder()
      let keys = decoder.read(bytes[..<cut]) + decoder.read(bytes[cut...])
      #expect(keys.filter { $0 != .ignored } == [.text("é"), .up, .paste("päste"), .wordLeft])
    }
  }

  @Test("random bytes never stop it")
  func noise() {
    var generator = SplitMix(state: 3)
    for _ in 0..<500 {
      var decoder = KeyDecoder()
      _ = decoder.read((0..<64).map { _ in UInt8(truncatingIfNeeded: generator.next()) })
      decoder.flush()
      _ = decoder.read(Array("\u{1B}[201~".utf8))
      #expect(decoder.read(Array("a".utf8)).last == .text("a"))
    }
  }
}

@Suite("Line layout")
struct LineLayoutTests {
  private func layout(_ text: String, cursor: Int, width: Int = 10) -> LineLayout {
    LineLayout(prompt: "> ", text: Array(text), cursor: cursor, width: width)
  }

  @Test("text wraps at the width, and wide characters do not straddle rows")
  func wrapping() {
    #expect(layout("12345678", cursor: 0).end == .init(row: 1, column: 0))
    #expect(layout("1234567語", cursor: 8).end == .init(row: 1, column: 2))
    #expect(layout("a\nb", cursor: 1).end == .init(row: 1, column: 1))
    #expect(layout("a\nb", cursor: 1).cursor == .init(row: 0, column: 3))
  }
}

@Suite("Multi-line input")
struct MultilineInputTests {
  @Test("a trailing backslash goes on")
  func backslash() {
    var input = MultilineInput()
    #expect(input.read("one\\") == .more)
    #expect(input.isOpen)
    #expect(input.read("two") == .message("one\ntwo"))
    #expect(!input.isOpen)
  }

  @Test("everything between two fences is one message")
  func fence() {
    var input = MultilineInput()
    #expect(input.read("\"\"\"one") == .more)
    #expect(input.read("/exit\\") == .more)
    #expect(input.read("end\"\"\"") == .message("one\n/exit\\\nend"))
    #expect(input.read("\"\"\"x\"\"\"") == .message("x"))
  }
}

/// Sebastiano Vigna's splitmix64, so that a failure can be repeated.
struct SplitMix {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
