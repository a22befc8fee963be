import Foundation
import Gateway
import ModelInterface
import Testing

@Suite(.timeLimit(.minutes(1))) struct PlaygroundTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Sources/Gateway/Playground").standardizedFileURL

  @Test func everyFileIsServedAsItIsInTheRepository() async throws {
    let files = try FileManager.default.contentsOfDirectory(at: Self.folder, includingPropertiesForKeys: nil)
    #expect(files.count > 10)
    try await TestNode.with { node async throws in
      for file in files where file.lastPathComponent != "page.html" {
        let response = try await node.ask("GET", "/playground/\(file.lastPathComponent)")
        #expect(
          response.status == 200, "\(file.lastPathComponent) is not embedded; run scripts/embed-playground")
        let text = try String(contentsOf: file, encoding: .utf8)
        // A page is put into the frame.
        if file.pathExtension != "html" { #expect(response.body == text, "\(file.lastPathComponent)") }
      }
    }
  }

  @Test func pagesShareOneFrame() async throws {
    try await TestNode.with { node async throws in
      for (page, title) in [
        ("index", "PRSM"), ("code", "Code · PRSM"), ("routing", "Routing · PRSM"), ("cost", "Cost · PRSM"),
        ("peers", "Peers · PRSM"), ("content", "Content · PRSM"),
      ] {
        let body = try await node.ask("GET", page == "index" ? "/" : "/playground/\(page).html").body
        let file = try String(contentsOf: Self.folder.appending(path: "\(page).html"), encoding: .utf8)
        #expect(body.hasPrefix("<!doctype html>\n"))
        #expect(body.contains("<title>\(title)</title>"))
        // Each once, whether it is the frame's or the page's own.
        for part in ["<a class=\"skip\"", "<header class=\"bar\">", "<button id=\"theme\"", "<main ", "</html>"] {
          #expect(body.components(separatedBy: part).count == 2, "\(page): \(part)")
        }
        let own = file.split(separator: "\n").drop { $0 != "-->" }.dropFirst().filter { !$0.hasPrefix("<!-- ") }
        #expect(own.count > 10)
        for line in own { #expect(body.contains(line), "\(page): \(line)") }
        // Whatever a page names is there: the frame's three styles and its script, and what the page adds.
        let names = body.matches(of: /"\/playground\/([a-z-]+\.(css|js))"/).map(\.output.1)
        #expect(names.count >= 6)
        for name in names {
          #expect(try await node.ask("GET", "/playground/\(name)").status == 200, "\(page): \(name)")
        }
        for place in ["title", "description", "styles", "script", "skip", "bar-start", "bar-end", "body"] {
          #expect(!body.contains("{\(place)}"), "\(page): \(place)")
        }
      }
      #expect(try await node.ask("GET", "/playground/page.html").status == 404)
    }
  }

  @Test func thePageIsAtTheRootWithAStrictPolicy() async throws {
    try await TestNode.with { node async throws in
      let page = try await node.ask("GET", "/")
      #expect(page.status == 200)
      #expect(page.header("content-type") == "text/html; charset=utf-8")
      #expect(
        page.header("content-security-policy")
          == "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
          + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
      #expect(page.header("x-content-type-options") == "nosniff")
      let script = try await node.ask("GET", "/playground/main.js")
      #expect(script.header("content-type") == "text/javascript; charset=utf-8")
    }
  }

  @Test func whatTheBrowserHasIsNotSentAgain() async throws {
    try await TestNode.with { node async throws in
      let tag = try #require(try await node.ask("GET", "/").header("etag"))
      let again = try await node.ask("GET", "/", headers: ["if-none-match: \"other\", W/\(tag)"])
      #expect(again.status == 304)
      #expect(again.body.isEmpty)
      #expect(try await node.ask("GET", "/", headers: ["if-none-match: \"other\""]).status == 200)
    }
  }

  @Test(arguments: ["/playground/none.js", "/playground/../main.js", "/playground/%2e%2e%2fmain.js", "/playground/"])
  func nothingElseIsServed(_ path: String) async throws {
    try await TestNode.with { node async throws in #expect(try await node.ask("GET", path).status == 404) }
  }

  @Test(arguments: ["code", "content", "cost", "peers", "routing"])
  func aPageIsFoundByItsName(_ name: String) async throws {
    try await TestNode.with { node async throws in
      let answer = try await node.ask("GET", "/\(name)")
      #expect(answer.status == 308)
      #expect(answer.header("location") == "/playground/\(name).html")
      #expect(try await node.ask("GET", "/playground/\(name).html").status == 200)
    }
  }

  @Test func aNodeCanBeWithoutIt() async throws {
    try await TestNode.with(configure: { configuration, _ in configuration.servesPlayground = false }) {
      node async throws in
      #expect(try await node.ask("GET", "/").status == 404)
    }
  }
}
