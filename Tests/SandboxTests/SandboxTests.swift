import Foundation
import Testing

@testable import Sandbox

@Suite(.enabled(if: TestSandbox.isAvailable, "this machine cannot isolate programs; `prsm doctor` says why"))
struct SandboxTests {
  @Test
  func `a program reads its input and writes its output`() async throws {
    let program = SandboxProgram(
      source: "import sys\nfor line in sys.stdin: print(line.strip()[::-1])\nprint('e', file=sys.stderr)",
      standardInput: Array("abc\nxyz\n".utf8))
    let result = try await TestSandbox.shared().run(program)
    #expect(result.outcome == .completed)
    #expect(result.standardOutput == Array("cba\nzyx\n".utf8))
    #expect(result.standardError == Array("e\n".utf8))
  }

  @Test
  func `the end of a program is told apart`() async throws {
    func outcome(_ source: String) async throws -> SandboxOutcome {
      try await TestSandbox.shared().run(SandboxProgram(source: source)).outcome
    }
    #expect(try await outcome("x = 1") == .completed)
    #expect(try await outcome("import sys\nsys.exit(3)") == .exited(status: 3))
    #expect(try await outcome("import os\nos._exit(0)") == .exited(status: 0))
    #expect(try await outcome("x = ") == .syntaxError(message: "invalid syntax", line: 1))
    #expect(try await outcome("\n\nraise KeyError('k')") == .exception(type: "KeyError", message: "'k'", line: 3))
  }

  @Test
  func `threads that a program has started are waited for, as by any interpreter`() async throws {
    let source = """
      import threading, time
      def late():
        time.sleep(0.1)
        print('late')
      threading.Thread(target=late).start()
      print(threading.current_thread() is threading.main_thread())
      """
    let result = try await TestSandbox.shared().run(SandboxProgram(source: source))
    #expect(String(decoding: result.standardOutput, as: UTF8.self) == "True\nlate\n")
    let failing = try await TestSandbox.shared().run(SandboxProgram(source: source + "\n1 // 0"))
    #expect(String(decoding: failing.standardOutput, as: UTF8.self) == "True\nlate\n")
  }

  @Test
  func `a byte order mark is no part of a program`() async throws {
    let result = try await TestSandbox.shared().run(SandboxProgram(source: "\u{FEFF}print(1)"))
    #expect(result.outcome == .completed)
  }

  @Test
  func `an exception's traceback is that of the program alone`() async throws {
    let result = try await TestSandbox.shared().run(SandboxProgram(source: "def f():\n  raise ValueError('v')\nf()"))
    let text = String(decoding: result.standardError, as: UTF8.self)
    #expect(text.contains("File \"<program>\", line 2, in f"))
    #expect(text.contains("ValueError: v"))
    #expect(!text.contains("<template>"))
  }

  @Test
  func `many programs keep their order`() async throws {
    let programs = (0..<40).map { SandboxProgram(source: "print(\($0))") }
    let results = try await TestSandbox.shared().run(programs)
    #expect(results.map { String(decoding: $0.standardOutput, as: UTF8.self) } == (0..<40).map { "\($0)\n" })
  }

  @Test
  func `cancelling a task ends its run`() async throws {
    let sandbox = try TestSandbox.shared()
    let clock = ContinuousClock()
    let start = clock.now
    await #expect(throws: CancellationError.self) {
      try await withThrowingTaskGroup(of: SandboxResult.self) { group in
        group.addTask {
          try await sandbox.run(
            SandboxProgram(source: "while True: pass"),
            limits: SandboxLimits(wallMilliseconds: 60_000, cpuMilliseconds: 60_000))
        }
        group.addTask {
          // Long enough that the run has most likely begun; the test holds either way.
          try await Task.sleep(for: .milliseconds(200))
          throw CancellationError()
        }
        while try await group.next() != nil {}
      }
    }
    #expect(clock.now - start < .seconds(50))
  }

  @Test
  func `a full queue and an oversized program are refused by name`() async throws {
    let sandbox = try Sandbox(configuration: SandboxConfiguration(workers: 1, waiting: 1, requestBytes: 1_024))
    await #expect(throws: SandboxError.self) {
      try await sandbox.run(SandboxProgram(source: String(repeating: "#", count: 2_000)))
    }
    let sleeper = SandboxProgram(source: "import time\ntime.sleep(0.5)")
    let refusals = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 {
        group.addTask {
          do {
            _ = try await sandbox.run(sleeper)
            return false
          } catch {
            return (error as? SandboxError)?.code == .queueFull
          }
        }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(refusals >= 5)
    await sandbox.shutdown()
    await #expect(throws: SandboxError.self) { try await sandbox.run(sleeper) }
  }

  @Test
  func `unfinished code is made executable and canonical`() async throws {
    let results = try await TestSandbox.shared().canonicalise([
      "def f(x):\n    # a comment\n    if x:", "def f(x):\n    \"\"\"doc\"\"\"\n    y = 'a' # c\n    return  y",
      "def f(x):", "def f(x):\n    \"\"\"doc\"\"\"", "x = (", "def f(x):\n    try:", "",
      String(repeating: "(", count: 5_000),
    ])
    #expect(
      results == [
        "def f(x):\n    if x:\n        pass".replacingOccurrences(of: "    if x:\n        pass", with: "    pass"),
        "def f(x):\n    y = 'a'\n    return y", nil, "def f(x):\n    pass", nil, "def f(x):\n    pass", "", nil,
      ])
  }

  @Test
  func `the call of a test is found`() async throws {
    let results = try await TestSandbox.shared().invocations(of: [
      "assert f(1, [2]) == 3", "assert set(g('a')) == set(['a'])", "assert 1 == 1", "not python",
    ])
    #expect(results == ["f(1, [2])", "g('a')", nil, nil])
  }

  @Test
  func `what is missing is named, with what to do`() async throws {
    let missing = SandboxConfiguration(bubblewrap: "/nowhere/bwrap")
    let capability = SandboxCapability.probe(configuration: missing)
    #expect(!capability.canIsolate)
    #expect(capability.checks.last?.found.contains("apt install bubblewrap") == true)
    #expect(throws: SandboxError.self) { try Sandbox(configuration: missing) }
    #expect(throws: SandboxError.self) {
      try Sandbox(configuration: SandboxConfiguration(interpreter: "/nowhere/python3"))
    }
  }

  @Test
  func `a sandbox that ends at its start is told at once, with its reason`() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "prsm-sandbox-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let program = folder.appending(path: "bwrap")
    // As bubblewrap does where it may not set a host name: the number of the process is told, what is sent is never read.
    let script = """
      #!/bin/sh
      while [ "$1" != --info-fd ]; do shift; done
      echo '{ "child-pid": '$$' }' >&4
      sleep 0.3
      echo "bwrap: may not do that" >&2
      exit 1
      """
    try script.write(to: program, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path)
    let start = ContinuousClock.now
    let sandbox = try Sandbox(
      configuration: SandboxConfiguration(bubblewrap: program.path, workers: 1, startSeconds: 120))
    let failure = await #expect(throws: SandboxError.self) {
      try await sandbox.run(SandboxProgram(source: "print(1)"))
    }
    #expect(failure?.code == .cannotIsolate)
    #expect(failure?.message == "the sandbox did not start: bwrap: may not do that.")
    #expect(ContinuousClock.now - start < .seconds(60))
    await sandbox.shutdown()
  }

  @Test
  func `a machine that can isolate says how`() {
    let capability = SandboxCapability.probe()
    #expect(
      capability.checks.map(\.name).prefix(5) == ["bubblewrap", "python", "seccomp filter", "namespaces", "trial"])
    #expect(capability.checks.filter { $0.state == .reduced }.allSatisfy { !$0.advice.isEmpty })
  }
}

@Suite
struct ChannelFrameTests {
  private let key: [UInt8] = [1, 2, 3, 4]

  @Test
  func `frames with the key are read, and nothing else is`() {
    let frame = key + [UInt8(ascii: "E"), 2, 0, 0, 0] + Array("ok".utf8)
    #expect(ChannelFrames(frame + frame, key: key).all("E") == ["ok", "ok"])
    #expect(!ChannelFrames(frame, key: key).isForeign)
    #expect(ChannelFrames(frame + [9], key: key).isForeign)
    #expect(ChannelFrames([9] + frame, key: key).all("E").isEmpty)
    #expect(!ChannelFrames(Array(frame.dropLast()), key: key).isForeign)
    let overflowing = key + [UInt8(ascii: "E"), 255, 255, 255, 255] + Array("ok".utf8)
    #expect(ChannelFrames(overflowing, key: key).all("E").isEmpty)
  }

  @Test
  func `records that do not have the form are left out`() {
    let good = ["L", "3", "1", "1", "f", "", "x", "int", "1"].joined(separator: "\u{1F}")
    let text = [good, "L\u{1F}x", "", "Q" + good.dropFirst()].joined(separator: "\u{1E}")
    let trace = ExecutionTrace(records: text[...], cutBy: nil)
    #expect(trace.events.count == 1)
    #expect(trace.events.first?.changes == [.init(name: "x", type: "int", value: "1")])
  }
}
