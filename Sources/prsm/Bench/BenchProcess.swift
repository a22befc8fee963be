import Foundation
import Synchronization

/// A program that a benchmark measures: started, watched, and ended with it.
final class BenchProcess: Sendable {
  /// Why a program cannot be measured.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private let process: Mutex<Process>
  let pid: Int32
  private let log: URL

  /// Starts a program with its output in a log file.
  init(_ executable: String, _ arguments: [String], log: URL, environment: [String: String] = [:]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    _ = FileManager.default.createFile(atPath: log.path, contents: nil)
    let output = try FileHandle(forWritingTo: log)
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    do {
      try process.run()
    } catch {
      throw Failure(description: "`\(executable)` cannot be started: \(error.localizedDescription)")
    }
    self.pid = process.processIdentifier
    self.process = Mutex(process)
    self.log = log
  }

  /// The program itself, to be started again as a child.
  static var ourselves: String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
  }

  /// The address that a `prsm` child prints once it answers.
  func listeningAddress(within limit: Duration = .seconds(120)) async throws -> URL {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
      let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
      if let match = text.firstMatch(of: /listening on (http:\/\/[^\s]+)/), let url = URL(string: String(match.1)) {
        return url
      }
      try checkRunning(text)
      try await Task.sleep(for: .milliseconds(50))
    }
    throw Failure(description: "the program did not say where it listens within \(limit); its log is \(log.path)")
  }

  /// Waits until a GET of the path answers 200.
  func waitUntilReady(_ url: URL, within limit: Duration = .seconds(180)) async throws {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
      if Self.answers(url) { return }
      try checkRunning((try? String(contentsOf: log, encoding: .utf8)) ?? "")
      try await Task.sleep(for: .milliseconds(200))
    }
    throw Failure(description: "\(url) did not answer within \(limit); the program's log is \(log.path)")
  }

  private static func answers(_ url: URL) -> Bool {
    do {
      var connection = try HTTPConnection(url, patience: 5)
      return try connection.get(url.path).status == 200
    } catch {
      return false
    }
  }

  /// Waits for a program that ends by itself, and well.
  func waitUntilDone(within limit: Duration = .seconds(120)) async throws {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
      let (isRunning, status) = process.withLock { ($0.isRunning, $0.isRunning ? 0 : $0.terminationStatus) }
      if !isRunning {
        guard status != 0 else { return }
        let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
        throw Failure(description: "the program ended with \(status): \(text.suffix(500))")
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw Failure(description: "the program did not end within \(limit)")
  }

  private func checkRunning(_ text: String) throws {
    guard !process.withLock({ $0.isRunning }) else { return }
    let end = text.split(separator: "\n").suffix(5).joined(separator: "\n")
    throw Failure(description: "the program ended before it answered; its log \(log.path) ends with:\n\(end)")
  }

  /// Its memory now and at most, in MiB, with that of its children.
  var memory: (resident: Double, peak: Double) {
    let all = [pid] + Self.descendants(of: pid)
    return all.map(Self.memory).reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }
  }

  private static func memory(_ pid: Int32) -> (Double, Double) {
    let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
    func mebibytes(_ key: String) -> Double {
      let line = status.split(separator: "\n").first { $0.hasPrefix(key + ":") }
      let number = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Double($0) }
      return (number ?? 0) / 1024
    }
    return (mebibytes("VmRSS"), mebibytes("VmHWM"))
  }

  private static func descendants(of pid: Int32) -> [Int32] {
    let path = "/proc/\(pid)/task/\(pid)/children"
    let children = ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: " ").compactMap {
      Int32($0)
    }
    return children + children.flatMap(descendants)
  }

  /// Asks it to end, and ends it where it does not within ten seconds.
  func stop() {
    let children = Self.descendants(of: pid)
    process.withLock { process in
      guard process.isRunning else { return }
      process.terminate()
      let deadline = ContinuousClock.now + .seconds(10)
      while process.isRunning, ContinuousClock.now < deadline { usleep(20_000) }
      if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }
    for child in children { kill(child, SIGKILL) }
  }

  deinit {
    stop()
  }
}
