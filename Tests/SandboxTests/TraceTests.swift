import Testing

@testable import Sandbox

@Suite(.enabled(if: TestSandbox.isAvailable, "this machine cannot isolate programs; `prsm doctor` says why"))
struct TraceTests {
  private func trace(_ source: String, _ options: TraceOptions = TraceOptions()) async throws -> SandboxResult {
    try await TestSandbox.shared().run(
      SandboxProgram(source: source), limits: SandboxLimits(wallMilliseconds: 3_000), trace: options)
  }

  private func lines(_ result: SandboxResult) -> [String] {
    (result.trace?.events ?? []).map { event in
      let changes = event.changes.map { " \($0.name)=\($0.value)" }.joined()
      return "\(event.kind) \(event.line) \(event.function)\(event.value.isEmpty ? "" : " → \(event.value)")\(changes)"
    }
  }

  @Test
  func `each line shows what it changed`() async throws {
    let result = try await trace("def f(n):\n  s = 0\n  for i in range(n):\n    s += i\n  return [s]\nf(2)")
    #expect(
      lines(result).dropFirst(3) == [
        "call 1 f n=2", "line 2 f", "line 3 f s=0", "line 4 f i=0", "line 3 f", "line 4 f i=1", "line 3 f s=1",
        "line 5 f", "return 5 f → [1]", "return 6 <module> → None",
      ])
    #expect(result.trace?.cutBy == nil)
    #expect(result.trace?.events.map(\.depth).max() == 2)
  }

  @Test
  func `exceptions are events, with line and argument`() async throws {
    let result = try await trace("def f(x):\n  return 1 // x\ntry:\n  f(0)\nexcept ZeroDivisionError:\n  y = 1")
    #expect(lines(result).contains("exception 2 f → ZeroDivisionError: 'integer division or modulo by zero'"))
    #expect(!lines(result).contains { $0.hasPrefix("return 2") })
    #expect(result.outcome == .completed)
  }

  @Test
  func `values are written the same way each time, without addresses`() async throws {
    let source = """
      class P:
        def __init__(self): self.x = {'b', 'a', 'c'}
      def f(p, g, s, big, deep): return p
      f(P(), len, 'x' * 500, 10 ** 400, [[[[[[1]]]]]])
      """
    let first = try await trace(source)
    let second = try await trace(source)
    #expect(lines(first) == lines(second))
    let call = try #require(lines(first).first { $0.hasPrefix("call 3 f") })
    #expect(call.contains("p=P(x={'a', 'b', 'c'})"))
    #expect(call.contains("…+380"))
    #expect(call.contains("big=<int of 1329 bits>"))
    #expect(call.contains("deep=[[[[[…]]]]]"))
    #expect(!lines(first).contains { $0.contains("0x") })
  }

  @Test(arguments: [
    "def __repr__(self): return 'forged'", "def __repr__(self):\n    while True: pass",
    "def __repr__(self): raise SystemExit(0)", "def __getattribute__(self, name): raise KeyboardInterrupt",
    "__class__ = int", "def __hash__(self): raise MemoryError",
    "@property\n  def __dict__(self): raise SystemExit(0)", "def __len__(self): return 1 << 80",
  ])
  func `objects cannot lie to the tracer, nor hold it up`(member: String) async throws {
    let result = try await trace("class E:\n  \(member)\ndef f(e):\n  x = [e]\n  return 1\nf(E())")
    #expect(result.outcome == .completed)
    let call = try #require(lines(result).first { $0.contains("f e=") })
    #expect(call.hasSuffix("e=E()") || call.hasSuffix("e=<E>"))
    #expect(lines(result).contains { $0.hasSuffix("f → 1") })
  }

  @Test
  func `a metaclass cannot lie to the tracer either`() async throws {
    let source = """
      class M(type):
        def __hash__(self): raise SystemExit(0)
        def __eq__(self, other): raise SystemExit(0)
        def __repr__(self): raise SystemExit(0)
        __mro__ = property(lambda self: 1 // 0)
        __name__ = property(lambda self: 1 // 0)
      class E(metaclass=M): pass
      def f(e): return 1
      f(E())
      """
    let result = try await trace(source)
    #expect(result.outcome == .completed)
    #expect(lines(result).contains { $0.hasSuffix("f e=E()") })
  }

  @Test
  func `recursive values end`() async throws {
    let result = try await trace("def f(x): return 1\nx = []\nx.append(x)\nd = {}\nd['d'] = d\nf(x)\nf(d)")
    #expect(result.outcome == .completed)
    #expect(lines(result).contains { $0.contains("[[[[[…]]]]]") })
  }

  @Test
  func `caps end the trace and not the run`() async throws {
    let loop = "n = 0\nfor i in range(200000): n += 1\nprint(n)"
    let events = try await trace(loop, TraceOptions(events: 50))
    #expect(events.trace?.events.count == 50)
    #expect(events.trace?.cutBy == "events")
    #expect(events.outcome == .completed)
    #expect(events.standardOutput == Array("200000\n".utf8))
    let bytes = try await trace(loop, TraceOptions(events: 100_000, bytes: 2_000))
    #expect(bytes.trace?.cutBy == "bytes")
    let deep = try await trace("def f(n): return 0 if n == 0 else f(n - 1)\nprint(f(200))", TraceOptions(depth: 5))
    #expect(deep.outcome == .completed)
    #expect(deep.trace?.events.map(\.depth).max() == 5)
  }

  @Test
  func `an endless program still shows what it did`() async throws {
    let result = try await trace("x = 1\nwhile True: x += 1")
    #expect(result.outcome == .timedOut(.wall))
    #expect(result.trace?.events.count == 1_000)
    let asleep = try await trace("import time\nx = 5\ntime.sleep(60)")
    #expect(asleep.outcome == .timedOut(.wall))
    #expect(lines(asleep).contains { $0.hasSuffix("x=5") })
  }

  @Test
  func `endless recursion is the program's exception`() async throws {
    let result = try await trace("def f(n): return f(n + 1)\nf(0)")
    guard case .exception("RecursionError", _, _) = result.outcome else {
      Issue.record("\(result.outcome)")
      return
    }
  }

  @Test(arguments: [
    (
      "import os\nfor d in range(3, 64):\n  try: os.write(d, b'T\\x05\\0\\0\\0forged')\n  except OSError: pass",
      "wrote to the tracer's channel"
    ),
    ("import sys\nsys.settrace(None)", "sys.settrace"),
    ("import sys\nsys.setprofile(print)", "sys.setprofile"),
    ("import gc\ngc.get_objects()", "gc.get_objects"),
    ("import sys\nsys._current_frames()", "sys._current_frames"),
    ("import sys\nsys._getframe().f_trace(sys._getframe(), 'return', 'forged')", "called the tracer"),
    ("import sys\nsys.gettrace()(sys._getframe(), 'call', None)", "called the tracer"),
    ("def f(): pass\nf.__code__ = f.__code__.replace(co_code=b'')", "code.__new__"),
    ("import os\nwhile True: os.write(3, b'x' * 65536)", "flooded the tracer's channel"),
  ])
  func `tampering with the trace is reported as tampering`(source: String, what: String) async throws {
    let result = try await trace(source)
    if what.hasPrefix("flooded"), result.outcome == .tampering("wrote to the tracer's channel") { return }
    #expect(result.outcome == .tampering(what))
    #expect(result.trace?.events.contains { $0.value.contains("forged") } == false)
  }

  /// Ways to call the tracer where the tracer itself is not traced: another thread, a trace function of one's own, an audit
  /// hook, a destructor; and to find it among what is garbage.
  @Test(arguments: [
    """
    import threading
    t = threading.Thread(target=lambda g: g(F, 'call', None), args=(sys.gettrace(),))
    t.start()
    t.join()
    """,
    "sys._getframe().f_trace = lambda *given: None",
    "import types\ntypes.FrameType.__dict__['f_trace'].__get__(sys._getframe())",
    "sys.addaudithook(lambda *given: None)",
    "for name in ('gc', 'sys'):\n  del sys.modules[name]\n  __import__(name)",
    """
    import gc
    gc.set_debug(gc.DEBUG_SAVEALL)
    """,
    """
    class E:
      def __del__(self): sys.gettrace()(F, 'return', 'forged')
    def f(x):
      x = E()
      x = None
      return 1
    f(0)
    """,
    "sys.audit('object.__setattr__', F, '__code__', 1)",
    "sys.audit('import')",
  ])
  func `there is no way round to the tracer`(source: String) async throws {
    let fake = """
      import sys
      class C: co_filename, co_name = '<program>', 'f'
      class F: f_lineno, f_locals, f_code = 77, {'x': 'forged'}, C

      """
    let result = try await trace(fake + source)
    guard case .tampering = result.outcome else {
      Issue.record("\(result.outcome)")
      return
    }
    #expect(result.trace?.events.contains { $0.line == 77 } == false)
  }

  @Test
  func `what a program may ask of the interpreter is no tampering`() async throws {
    let source = """
      import asyncio, gc, logging, sys, threading
      async def main():
        await asyncio.sleep(0)
        return 3
      def work():
        for _ in range(2000): sys._getframe(0)
      threads = [threading.Thread(target=work) for _ in range(2)]
      for thread in threads: thread.start()
      for n in range(2000): last = [n] * 20
      for thread in threads: thread.join()
      gc.set_debug(0)
      try: sys.audit('object.__getattr__')
      except IndexError: pass
      print(asyncio.run(main()))
      """
    let result = try await TestSandbox.shared().run(
      SandboxProgram(source: source), limits: SandboxLimits(wallMilliseconds: 20_000, cpuMilliseconds: 20_000),
      trace: TraceOptions(events: 20_000, milliseconds: 20_000))
    #expect(result.outcome == .completed)
    #expect(result.standardOutput == Array("3\n".utf8))
  }

  @Test(arguments: ["os.close(3)", "os.dup2(1, 3)", "os.close(3)\nos.dup(1)", "os.dup2(os.open('f', 66), 3)"])
  func `a channel that was closed is reported`(closing: String) async throws {
    let result = try await trace("import os\n\(closing)\nx = 1")
    #expect(result.outcome == .tampering("closed the tracer's channel"))
  }

  @Test
  func `the frames under a program hold nothing of the tracer`() async throws {
    let source = """
      import sys
      frame = sys._getframe().f_back
      while frame:
        print(sorted(frame.f_locals), sorted(frame.f_globals))
        frame = frame.f_back
      """
    let result = try await trace(source)
    #expect(
      String(decoding: result.standardOutput, as: UTF8.self)
        == "['box', 'code', 'done', 'namespace'] ['__builtins__']\n")
  }
}
