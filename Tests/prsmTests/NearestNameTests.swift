import Testing

@testable import prsm

@Suite("Nearest name")
struct NearestNameTests {
  @Test("distance counts insertions, deletions, replacements and swaps")
  func distance() {
    #expect(NearestName.distance("serve", "serve") == 0)
    #expect(NearestName.distance("sevre", "serve") == 1)
    #expect(NearestName.distance("serv", "serve") == 1)
    #expect(NearestName.distance("kitten", "sitting") == 3)
    #expect(NearestName.distance("", "abc") == 3)
  }

  @Test("a slip finds what was meant, whatever the case")
  func finds() {
    let names = ["serve", "chat", "models", "complete"]
    #expect(NearestName.find("modles", among: names) == "models")
    #expect(NearestName.find("CHAT", among: names) == "chat")
    #expect(NearestName.find("comp", among: names) == "complete")
  }

  @Test("what is nowhere near finds nothing")
  func findsNothing() {
    #expect(NearestName.find("xyzzy", among: ["serve", "chat"]) == nil)
    #expect(NearestName.find("a", among: ["serve"]) == nil)
    #expect(NearestName.find("", among: ["serve"]) == nil)
  }

  @Test("a mistyped command is told the nearest, on every level")
  func commands() {
    #expect(throws: CommandFailure.self) { try CommandName.check(["modles", "list"]) }
    do {
      try CommandName.check(["models", "lst"])
      Issue.record("expected an error")
    } catch {
      #expect("\(error)".contains("did you mean `prsm models list`?"))
    }
  }

  @Test("real commands, aliases and requests for help pass")
  func passes() throws {
    for words in [
      ["models", "ls"], ["models", "rm", "x"], ["help", "chat"], ["--help"], ["complete", "modles"], [],
    ] {
      try CommandName.check(words)
    }
  }
}
