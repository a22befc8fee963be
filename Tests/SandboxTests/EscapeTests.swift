import Foundation
import Testing

@testable import Sandbox

/// Each attempt must fail, and be reported for what it was.
@Suite(.enabled(if: TestSandbox.isAvailable, "this machine cannot isolate programs; `prsm doctor` says why"))
struct EscapeTests {
  private func run(
    _ source: String, limits: SandboxLimits = SandboxLimits(), trace: TraceOptions? = nil
  ) async throws -> SandboxResult {
    try await TestSandbox.shared().run(SandboxProgram(source: source), limits: limits, trace: trace)
  }

  @Test(arguments: [
    "import socket\nsocket.socket()",
    "import socket\nsocket.create_connection(('1.1.1.1', 80), timeout=1)",
    "import socket\nsocket.socket(socket.AF_UNIX, socket.SOCK_STREAM)",
    "import socket\nsocket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "try:\n  import socket\n  socket.socket()\nexcept BaseException:\n  pass\nimport time\ntime.sleep(10)",
  ])
  func `the network is out of reach`(source: String) async throws {
    #expect(try await run(source).outcome == .blockedSystemCall("socket"))
  }

  @Test(arguments: [
    "/proc/self/environ", "/proc/1/mem", "/proc", "/etc/passwd", "/etc/hostname", "/root", "/home", "/sys", "/run",
    "/var", "/dev/mem", "/dev/pts", "/dev/shm", "/dev/tty",
  ])
  func `the host's files are not there`(path: String) async throws {
    // An interpreter that lies there brings its own folders, and only those.
    if TestSandbox.holdsInterpreter(path) { return }
    let result = try await run("import os\nos.stat('\(path)')")
    #expect(
      result.outcome
        == .exception(
          type: "FileNotFoundError", message: "[Errno 2] No such file or directory: '\(path)'", line: 2))
  }

  @Test
  func `symbolic links lead nowhere outside`() async throws {
    let result = try await run("import os\nos.symlink('/etc/passwd', 'x')\nopen('x').read()")
    #expect(
      result.outcome
        == .exception(type: "FileNotFoundError", message: "[Errno 2] No such file or directory: 'x'", line: 3))
  }

  @Test(arguments: ["/x", "/usr/x", "/dev/x", "/lib/x"])
  func `nothing can be written outside of the work folder`(path: String) async throws {
    let result = try await run("open('\(path)', 'w')")
    guard case .exception("OSError", let message, 1) = result.outcome else {
      guard case .exception("FileNotFoundError", _, 1) = result.outcome else {
        Issue.record("\(result.outcome)")
        return
      }
      return
    }
    #expect(message.hasPrefix("[Errno 30] Read-only file system"))
  }

  @Test(arguments: [
    ("import os\nos.kill(1, 9)", "kill"),
    ("import os\nos.kill(os.getppid(), 15)", "kill"),
    ("import os\nos.kill(-1, 9)", "kill"),
    ("import os\nos.kill(0, 15)", "kill"),
    ("import os, signal\nsignal.pidfd_send_signal(os.pidfd_open(1), 9)", "pidfd_send_signal"),
    ("import os\nos.execv('/usr/bin/python3.11', ['python3'])", "execve"),
    ("import subprocess\nsubprocess.run(['/bin/sh'])", "execve"),
    ("import os\nos.setuid(0)", "setuid"),
    ("import os\nos.chroot('/tmp')", "chroot"),
    ("import os\nos.mkfifo('f')", "mknodat"),
    ("import resource\nresource.prlimit(1, resource.RLIMIT_CPU, (1, 1))", "prlimit64"),
  ])
  func `calls that a computation does not need are named`(source: String, name: String) async throws {
    let outcome = try await run(source).outcome
    if name == "execve", outcome == .blockedSystemCall("vfork") { return }
    #expect(outcome == .blockedSystemCall(name))
  }

  @Test
  func `native code cannot be loaded, so the kernel cannot be called by hand`() async throws {
    let result = try await run("import ctypes\nctypes.CDLL(None).ptrace(16, 1, 0, 0)")
    guard case .exception("ImportError", _, 1) = result.outcome else {
      Issue.record("\(result.outcome)")
      return
    }
    #expect(result.refused.contains { $0.hasSuffix("of executable memory") })
  }

  @Test(arguments: [
    "import os\nwhile True: os.fork()",
    "import threading, time\nfor _ in range(1000): threading.Thread(target=time.sleep, args=(9,)).start()",
    "import os\nwhile True:\n  try: os.fork()\n  except BaseException: pass",
  ])
  func `a fork bomb is the process limit`(source: String) async throws {
    #expect(try await run(source).outcome == .processLimit)
  }

  @Test(arguments: [
    "x = []\nwhile True: x.append(' ' * 1000000)",
    "x = bytearray(10 ** 12)",
    "import mmap\nx = [mmap.mmap(-1, 1 << 26) for _ in range(1000)]",
  ])
  func `a memory bomb is the memory limit`(source: String) async throws {
    #expect(try await run(source).outcome == .outOfMemory)
  }

  @Test
  func `filling the disk is reported as such`() async throws {
    let small = SandboxLimits(fileBytes: 1 << 20)
    #expect(try await run("open('x', 'wb').write(b'x' * (2 << 20))", limits: small).outcome == .fileSizeLimit)
    let many = "for n in range(60): open(f'{n}', 'wb').write(b'x' * (1 << 20))"
    #expect(try await run(many).outcome == .diskFull)
    #expect(try await run("for n in range(100000): open(f'{n}', 'w')").outcome == .fileLimit)
    #expect(try await run("import os\nfor n in range(100000): os.mkdir(f'{n}')").outcome == .fileLimit)
  }

  @Test
  func `a print of a gigabyte is cut off`() async throws {
    let result = try await run("while True: print('x' * 100000)")
    #expect(result.outcome == .outputLimit)
    #expect(result.standardOutput.count == SandboxLimits().outputBytes)
    // Making the text takes seconds by itself on a busy machine; it is the output that is to end the run.
    let patient = SandboxLimits(wallMilliseconds: 60_000, cpuMilliseconds: 50_000, memoryBytes: 4 << 30)
    let huge = try await run("print('x' * 10**9)", limits: patient)
    #expect(huge.outcome == .outputLimit)
  }

  @Test
  func `sleeping ends at the wall clock, computing at the processor's`() async throws {
    let limits = SandboxLimits(wallMilliseconds: 1_500, cpuMilliseconds: 300)
    #expect(try await run("import time\ntime.sleep(1000)", limits: limits).outcome == .timedOut(.wall))
    #expect(try await run("while True: pass", limits: limits).outcome == .timedOut(.cpu))
    #expect(try await run("print(len(str(7 ** (10 ** 9))))", limits: limits).outcome == .timedOut(.cpu))
    let deaf = """
      import signal
      for n in range(1, 32):
        try: signal.signal(n, signal.SIG_IGN)
        except: pass
      while True: pass
      """
    #expect(try await run(deaf, limits: limits).outcome == .timedOut(.cpu))
  }

  @Test
  func `what a program leaves behind ends with it`() async throws {
    let source = """
      import os, time
      for _ in range(3):
        if os.fork() == 0:
          os.setsid()
          if os.fork() == 0:
            time.sleep(1000)
          os._exit(0)
      print('done')
      """
    let result = try await run(source)
    #expect(result.outcome == .completed)
    #expect(result.survivors > 0)
    let after = try await run("import os\nprint(os.listdir('/tmp'), os.getpid() > 1)\nos.waitpid(-1, os.WNOHANG)")
    #expect(String(decoding: after.standardOutput, as: UTF8.self) == "[] True\n")
    guard case .exception("ChildProcessError", _, _) = after.outcome else {
      Issue.record("\(after.outcome)")
      return
    }
  }

  @Test
  func `files do not outlive their run`() async throws {
    for _ in 0..<4 {
      let result = try await run("import os\nprint(os.listdir('.'))\nopen('secret', 'w').write('x')")
      #expect(String(decoding: result.standardOutput, as: UTF8.self) == "[]\n")
    }
  }

  @Test(arguments: [
    "os.chmod('/tmp', 0)", "os.chmod('/tmp', 0o555)", "os.utime('/tmp', (1, 1))",
    "os.utime('/tmp', ns=(4 * 10 ** 18, os.stat('/tmp').st_mtime_ns))",
  ])
  func `the work folder is new to each run`(change: String) async throws {
    let look = "import os\ns = os.stat('/tmp')\nprint(oct(s.st_mode), s.st_mtime > 1 and s.st_atime < 3 * 10 ** 9)\n"
    for _ in 0..<3 {
      let result = try await run(look + change)
      #expect(result.outcome == .completed)
      let text = String(decoding: result.standardOutput, as: UTF8.self)
      #expect(text.hasSuffix(" True\n") && text.contains("755"))
    }
  }

  @Test(arguments: ["null", "zero", "random", "urandom"])
  func `the host's devices keep their times`(name: String) async throws {
    for call in ["os.utime('/dev/\(name)')", "os.utime(os.open('/dev/\(name)', os.O_RDWR))"] {
      let result = try await run("import os\n\(call)")
      guard case .exception("PermissionError", _, 2) = result.outcome else {
        Issue.record("\(result.outcome)")
        return
      }
    }
    let own = try await run("import os, pathlib\np = pathlib.Path('x')\np.touch()\np.touch()\nos.utime('x', (1, 1))")
    #expect(own.outcome == .completed)
  }

  @Test
  func `the environment is empty and nobody else is there`() async throws {
    let source = """
      import os, sys, socket
      print(dict(os.environ), os.getuid(), socket.gethostname(), sorted(os.listdir('/')))
      """
    let result = try await run(source)
    let text = String(decoding: result.standardOutput, as: UTF8.self)
    #expect(text.hasPrefix("{} 1000 sandbox ["))
    for name in ["etc", "proc", "root", "home", "sys", "var"] where !TestSandbox.holdsInterpreter("/" + name) {
      #expect(!text.contains("'\(name)'"))
    }
  }

  @Test
  func `a signal of its own ends a program and is named`() async throws {
    #expect(try await run("import os\nos.abort()").outcome == .signalled(6))
    #expect(try await run("import os\nos.kill(os.getpid(), 11)").outcome == .signalled(11))
    #expect(try await run("import os\nos.kill(os.getpid(), 2)").outcome == .signalled(2))
  }
}
