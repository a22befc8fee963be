import Testing

@testable import Sandbox

@Suite(.enabled(if: TestSandbox.isAvailable, "this machine cannot isolate programs; `prsm doctor` says why"))
struct VerdictTests {
  private func judge(_ source: String, _ test: String, setup: String = "") async throws -> SandboxOutcome {
    let program = SandboxProgram(source: source, test: test, testSetup: setup)
    return try await TestSandbox.shared().run(program, limits: SandboxLimits(wallMilliseconds: 3_000)).outcome
  }

  @Test(arguments: [
    ("def f(n): return n + 1", "assert f(1) == 2"),
    ("def f(n): return n + 1", "assert f(1) == 2\nassert f(2) == 3\nassert not f(-1)"),
    ("import math\ndef f(r): return math.pi * r", "assert math.isclose(f(2), 6.28318, rel_tol=0.001)"),
    ("def f(x): return list(set(x))", "assert set(f([1, 1, 2])) == set([1, 2])"),
    ("def f(x): x.sort()", "x = [3, 1]\nf(x)\nassert x == [1, 3]"),
    ("def f(g, x): return g(x) + 1", "assert f(lambda v: v * 2, 4) == 9"),
    (
      "def f(s): return (s, {'a': [1.5, None, True]}, {1, 2}, b'x', 2 ** 100)",
      "assert f('é\\n') == ('é\\n', {'a': [1.5, None, True]}, {1, 2}, b'x', 2 ** 100)"
    ),
    ("def f(n):\n  for i in range(n): yield i", "assert list(f(3)) == [0, 1, 2]"),
    ("from collections import Counter\ndef f(s): return Counter(s)", "assert f('aab') == {'a': 2, 'b': 1}"),
    (
      "class P:\n  def __init__(self, x): self.x = x\ndef f(ps): return sum(p.x for p in ps)",
      "assert f([P(1), P(2)]) == 3\nassert P(4).x == 4"
    ),
    (
      "def f(x):\n  if x < 0: raise ValueError('no')",
      "try:\n  f(-1)\n  assert False\nexcept ValueError as e:\n  assert str(e) == 'no'"
    ),
    ("def sum(a, b): return a * b", "assert sum(3, 4) == 12"),
    ("def f(n): return range(n)", "assert f(3) == range(3)"),
    (
      "import datetime\ndef f(d): return d + datetime.timedelta(1)",
      "import datetime\nassert f(datetime.date(2020, 2, 28)) == datetime.date(2020, 2, 29)"
    ),
    ("def f():\n  yield 1\n  yield 2", "g = f()\nassert next(g) == 1\nassert next(g) == 2\nassert next(g, 0) == 0"),
    ("def f(n, k): return k(n)\ndef g(n): return n + 1", "assert f(2, lambda v: g(v) + g(v)) == 6"),
    ("def f(x): return [x, x]", "def check(candidate):\n  assert candidate(1) == [1, 1]\n\ncheck(f)"),
  ])
  func `a right program passes`(source: String, test: String) async throws {
    #expect(try await judge(source, test) == .passed)
  }

  @Test
  func `a wrong program fails, and the assertion is named`() async throws {
    #expect(
      try await judge("def f(n): return n", "assert f(1) == 1\nassert f(1) == 2, 'one more'")
        == .failed(message: "one more", line: 2))
    #expect(try await judge("def f(n): return str(n)", "assert f(1) == 1") == .failed(message: "", line: 1))
    #expect(
      try await judge("def f(n):\n  return 1 // n", "assert f(0) == 1")
        == .exception(type: "ZeroDivisionError", message: "integer division or modulo by zero", line: 2))
    #expect(
      try await judge("def f(n): return n", "assert g(1) == 1")
        == .brokenTest(message: "NameError: name 'g' is not defined"))
    guard case .syntaxError(_, 1) = try await judge("def f(n) return n", "assert f(1) == 1") else {
      Issue.record("a program that does not parse has a syntax error")
      return
    }
    #expect(try await judge("def f(n):\n  while True: pass", "assert f(1) == 1") == .timedOut(.wall))
  }

  @Test(arguments: [
    "import os\nos._exit(0)",
    "import sys\nsys.exit(0)",
    "raise SystemExit",
    "def f(n):\n  import os\n  os._exit(0)",
    "def f(n): raise SystemExit(0)",
    "def f(n): raise AssertionError",
    "import builtins\nbuiltins.AssertionError = ValueError\ndef f(n): return 0",
    """
    class Yes(int):
      def __eq__(self, other): return True
      def __ne__(self, other): return False
    def f(n): return Yes(0)
    """,
    "class Yes:\n  def __eq__(self, other): return True\n  __hash__ = None\ndef f(n): return Yes()",
    "class Yes:\n  __class__ = int\n  def __eq__(self, other): return True\ndef f(n): return Yes()",
    "import sys\nsys.settrace(lambda *a: None)\ndef f(n): return 0",
    """
    import os
    for d in range(3, 64):
      try: os.write(d, b'V\\x10\\0\\0\\0passed\\x1f\\x1f\\x1f0')
      except OSError: pass
    def f(n): return 0
    """,
    "import os\ndef f(n):\n  os.write(4, b'\\x05\\0\\0\\0[1,2]')\n  return 0",
    "import os\ndef f(n):\n  while True: os.write(4, b'[' * 65536)",
    """
    def f(n):
      import gc
      for o in gc.get_objects():
        if isinstance(o, dict) and 'key' in o: o.clear()
      return 0
    """,
    "import threading, os\ndef f(n):\n  if os.fork() == 0: os._exit(0)\n  return 0",
    "import atexit, os\natexit.register(os._exit, 0)\ndef f(n): return 0",
    """
    def f(n):
      import sys
      frame = sys._getframe()
      while frame:
        for v in list(frame.f_locals.values()):
          if isinstance(v, list): v[:] = [None] * len(v)
        frame = frame.f_back
      return 0
    """,
    "def abs(x): return 7\ndef f(n): return 0",
    "def f(n):\n  x = []\n  for _ in range(100000): x = [x]\n  return x",
  ])
  func `no trick makes a wrong program pass`(source: String) async throws {
    let test = "assert abs(f(6)) == 7"
    let outcome = try await judge(source, test)
    #expect(outcome != .passed)
    #expect(outcome != .completed)
  }

  @Test
  func `swallowing every exception does not hide that the program is gone`() async throws {
    let test = "try:\n  f(1)\nexcept BaseException:\n  pass"
    let ended = try await judge("import os\ndef f(n): os._exit(3)", test)
    #expect(ended == .exited(status: 3))
    let killed = try await judge("import os\ndef f(n): os.abort()", test)
    #expect(killed == .signalled(6))
  }

  @Test
  func `expected values are not in the program's process`() async throws {
    let source = """
      import gc
      def f(n):
        needle = ''.join(['42'] * 3)
        found = [o for o in gc.get_objects() if isinstance(o, (list, tuple)) and int(needle) in o]
        texts = [o for o in gc.get_referents(*gc.get_objects()) if isinstance(o, str) and needle in o and o is not needle]
        return int(needle) if found or texts else 1
      """
    #expect(try await judge(source, "assert f(1) == 424242") == .failed(message: "", line: 1))
  }

  @Test
  func `a program cannot stand in for a module that its test uses`() async throws {
    let source = "class math:\n  isclose = lambda *a, **k: True\ndef f(n): return 0"
    let outcome = try await judge(source, "assert math.isclose(f(1), 3.14)")
    #expect(outcome == .failed(message: "", line: 1))
  }

  @Test
  func `a judged program can be traced`() async throws {
    let program = SandboxProgram(
      source: "def f(n):\n  if n < 0: raise ValueError('no')\n  return n",
      test: "assert f(1) == 1\ntry: f(-1)\nexcept ValueError: pass")
    let result = try await TestSandbox.shared().run(program, trace: TraceOptions())
    #expect(result.outcome == .passed)
    #expect(result.trace?.events.contains { $0.kind == .return && $0.value == "1" } == true)
    #expect(result.trace?.events.contains { $0.kind == .exception } == true)
  }

  @Test
  func `a test that asks nothing is no test`() async throws {
    guard case .brokenTest = try await judge("def f(n): return n", "import sys\nsys.exit(0)") else {
      Issue.record("a test that ends itself is no verdict about the program")
      return
    }
    let outcome = try await judge("def f(n): return n", " # nothing")
    #expect(outcome == .brokenTest(message: "ValueError: the test asks nothing"))
  }

  @Test
  func `a hostile test is contained like a program`() async throws {
    guard case .brokenTest = try await judge("def f(n): return n", "import socket\nsocket.socket()") else {
      Issue.record("a test reached the network")
      return
    }
    #expect(try await judge("def f(n): return n", "while True: pass") == .timedOut(.wall))
  }
}
