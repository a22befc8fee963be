import Foundation
import Gateway
import Logging
import ModelInterface
import Testing

@testable import prsm

struct LogLinesTests {
  private static func lines(_ level: Logger.Level = .info, _ body: (LogLines) -> Void) throws -> [JSONValue] {
    let pipe = Pipe()
    let lines = LogLines(level: level, descriptor: pipe.fileHandleForWriting.fileDescriptor)
    body(lines)
    lines.flush()
    try pipe.fileHandleForWriting.close()
    let text = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    return try text.split(separator: "\n").map { try JSONValue.parse(String($0)) }
  }

  private static func request(_ status: Int = 200, failure: String? = nil) -> RequestLine {
    RequestLine(
      id: "req_1", method: "POST", path: "/v1/\"quoted\"\n", status: status, time: .microseconds(12_034), bytes: 321,
      tenant: "ada", trace: nil, failure: failure)
  }

  @Test func aRequestIsALineOfJSON() throws {
    let line = try #require(try Self.lines { $0.write(Self.request(failure: "unavailable")) }.first)
    #expect(line["status"] == "200")
    #expect(line["ms"] == "12.034")
    #expect(line["bytes"] == "321")
    #expect(line["path"] == "/v1/\"quoted\"\n")
    #expect(line["tenant"] == "ada")
    #expect(line["error"] == "unavailable")
    #expect(line["trace"] == nil)
    #expect(line["level"] == "info")
    #expect(line["time"]?.string?.utf8.count == 20)
  }

  @Test func whateverIsInATextComesBackOutOfItsLine() throws {
    // What has to be escaped, at every place of the eight bytes that are looked at together.
    let odd = ["\"", "\\", "\n", "\u{1}", "\u{7F}", "é", "🦊", "/"]
    let texts = odd.flatMap { odd in (0..<17).map { String(repeating: "x", count: $0) + odd + "yz" } } + ["", "plain"]
    let lines = try Self.lines { lines in
      for text in texts {
        lines.write(
          RequestLine(
            id: text, method: "GET", path: "/", status: 404, time: .zero, bytes: 0, tenant: text, trace: nil,
            failure: text))
      }
    }
    #expect(lines.map { $0["request"]?.string } == texts)
    #expect(lines.map { $0["tenant"]?.string } == texts)
    #expect(lines.map { $0["error"]?.string } == texts)
  }

  @Test func linesKeepTheirOrderAndTheLevelIsHeeded() throws {
    let lines = try Self.lines(.warning) { lines in
      lines.write(Self.request())
      lines.write(.error, source: "test", message: "first", metadata: ["b": "2", "a": "1"])
      lines.write(Self.request(503))
    }
    #expect(lines.map { $0["message"]?.string } == ["first", "request"])
    #expect(lines.first?.object?.members.map(\.name).suffix(2) == ["a", "b"])
    #expect(lines.last?["level"] == "warning")
  }
}
