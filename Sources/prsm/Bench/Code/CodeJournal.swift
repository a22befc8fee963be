import CodeGeneration
import Foundation
import ModelInterface

/// What became of one problem under one method.
struct CodeOutcome {
  var problem: String
  var mode: CodeProtocol
  var method: CodeMethod
  /// Whether the submitted program passes every test that judges.
  var isSolved: Bool
  /// Whether it passes the tests that the method could see.
  var passes: Bool
  /// Whether there is no program that parses.
  var isSyntaxError: Bool
  var tokens: Int
  var executions: Int
  var seconds: Double
  var origin: String
}

/// Outcomes that are kept as they come, one JSON line each, so that a bench that was killed goes on where it was.
final class CodeJournal {
  private let handle: FileHandle
  private(set) var outcomes: [String: CodeOutcome] = [:]

  /// Opens a journal, and reads what it holds of a bench under the same conditions. A last line that was cut off is
  /// dropped.
  init(path: String, conditions: String) throws {
    let manager = FileManager.default
    try manager.createDirectory(
      at: URL(fileURLWithPath: path).deletingLastPathComponent(), withIntermediateDirectories: true)
    var whole = Data()
    if let old = manager.contents(atPath: path) {
      let end = old.lastIndex(of: UInt8(ascii: "\n")).map { old.index(after: $0) } ?? old.startIndex
      whole = old[old.startIndex..<end]
      for line in whole.split(separator: UInt8(ascii: "\n")) {
        guard let value = try? JSONValue.parse(Array(line)), value["conditions"]?.string == conditions,
          let outcome = CodeOutcome(value)
        else { continue }
        outcomes[Self.key(outcome.problem, outcome.mode, outcome.method)] = outcome
      }
    } else {
      _ = manager.createFile(atPath: path, contents: nil)
    }
    self.conditions = conditions
    handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try handle.truncate(atOffset: UInt64(whole.count))
    try handle.seekToEnd()
  }

  private let conditions: String

  func outcome(_ problem: String, _ mode: CodeProtocol, _ method: CodeMethod) -> CodeOutcome? {
    outcomes[Self.key(problem, mode, method)]
  }

  /// Keeps an outcome; on the disk when this returns.
  func add(_ outcome: CodeOutcome) throws {
    outcomes[Self.key(outcome.problem, outcome.mode, outcome.method)] = outcome
    var object = outcome.json
    object["conditions"] = .string(conditions)
    try handle.write(contentsOf: Data(JSONValue.object(object).bytes + Array("\n".utf8)))
    try handle.synchronize()
  }

  private static func key(_ problem: String, _ mode: CodeProtocol, _ method: CodeMethod) -> String {
    "\(mode.rawValue) \(method.rawValue) \(problem)"
  }
}

extension CodeOutcome {
  var json: JSONObject {
    [
      "problem": .string(problem), "protocol": .string(mode.rawValue), "method": .string(method.rawValue),
      "solved": .bool(isSolved), "passes": .bool(passes), "syntax_error": .bool(isSyntaxError),
      "tokens": .integer(tokens), "executions": .integer(executions), "seconds": .rounded(seconds),
      "origin": .string(origin),
    ]
  }

  init?(_ value: JSONValue) {
    guard let problem = value["problem"]?.string, let mode = value["protocol"]?.string.flatMap(CodeProtocol.init),
      let method = value["method"]?.string.flatMap(CodeMethod.init), let isSolved = value["solved"]?.bool,
      let passes = value["passes"]?.bool, let isSyntaxError = value["syntax_error"]?.bool,
      let tokens = value["tokens"]?.integer, let executions = value["executions"]?.integer,
      let seconds = value["seconds"]?.double
    else { return nil }
    self.init(
      problem: problem, mode: mode, method: method, isSolved: isSolved, passes: passes, isSyntaxError: isSyntaxError,
      tokens: tokens, executions: executions, seconds: seconds, origin: value["origin"]?.string ?? "")
  }
}
