import Testing

@testable import Sandbox

/// Wrong programs that answer with objects, classes and messages of their own making: none may pass.
@Suite(.enabled(if: TestSandbox.isAvailable, "this machine cannot isolate programs; `prsm doctor` says why"))
struct ForgeryTests {
  /// Programs with which those of several tests begin.
  private static let shared = [
    "yes": #"""
    class Yes:
      def __init__(self, *a): pass
      def __eq__(self, o): return True
      def __ne__(self, o): return False
      def __lt__(self, o): return True
      __le__ = __gt__ = __ge__ = __contains__ = __lt__
      def __sub__(self, o): return 0
      __rsub__ = __mod__ = __truediv__ = __xor__ = __floordiv__ = __sub__
      def __abs__(self): return 0
      def __hash__(self): return hash(7)
      def __round__(self, n=0): return 7.0
      def __instancecheck__(self, o): return True
    """#,
    "ownWords": #"""
    import json, os, struct
    def read():
      n = struct.unpack('<I', os.read(4, 4))[0]
      return json.loads(os.read(4, n))
    def write(m):
      b = json.dumps(m).encode()
      os.write(4, struct.pack('<I', len(b)) + b)
    read()
    every = ['call', 'eq', 'ne', 'hash', 'contains', 'class', 'instancecheck', 'getattribute', 'lt', 'sub', 'abs', 'bool', 'iter']
    write([[['f', 'value', ['h', 0, 0]]], [[0, 'f', '__main__', '', every, True, 'own', ['__class__', 'eq'], ['x'], True, []],
      [1, 'int', 'builtins', 'list', every, True, 'own', ['__class__'], ['x'], True, []]]])
    while True:
      n, op = read()[:2]
      write([n, 'v', ['h', 7, 1] if op == 'call' else True, [], {}, {'AssertionError': ['B', 'ValueError']}, []])
    """#,
  ]

  @Test(
    arguments: JudgedCase.read(
      #"""
      # program
      def add(a, b): return a + b if a < 2 else 0
      # test
      @pytest.mark.parametrize('a, b, c', [(1, 2, 3), (2, 2, 4)])
      def test_add(a, b, c):
        assert add(a, b) == c
      test_add()
      # program
      def f(): return 0
      # test
      import pytest
      with pytest.raises(ValueError): f()
      # program
      def f(): return [][0]
      # test
      import pytest
      with pytest.raises(ValueError): f()
      # program
      def f(): return 0.4
      # test
      import pytest
      assert f() == pytest.approx(0.3)
      # program after yes
        __float__ = __abs__
      def f(): return Yes()
      # test
      import pytest
      assert f() == pytest.approx(7)
      # program after ownWords
      # test
      assert f(6) == 7
      # program after ownWords
      # test
      assert isinstance(f(6), int)
      # program after ownWords
      # test
      assert f(6) in {7}
      # program after ownWords
      # test
      assert 7 in f(6)
      # program after ownWords
      # test
      assert [f(6)] == [7]
      # program after ownWords
      # test
      assert f(6) == (7,)
      # program
      expected = True
      def f():
        global expected
        expected = False
        return False
      # test
      expected = True
      assert f() == expected
      # program
      class Y:
        def __iter__(self): return iter([1])
        def __len__(self): return 2
        def __eq__(self, o): return True
      def f(): return Y()
      # test
      assert f() == [1, 2] and len(f()) == 2
      # program after yes
      def f(): return Yes()
      # test
      assert f() == 7
      # program after yes
      def f(): return Yes()
      # test
      assert 7 == f()
      # program after yes
      def f(): return Yes()
      # test
      assert f() in (6, 7)
      # program after yes
      def f(): return Yes()
      # test
      assert f() in {7}
      # program after yes
      def f(): return Yes()
      # test
      assert 7 in f()
      # program after yes
      def f(): return Yes()
      # test
      assert f() < 8
      # program after yes
      def f(): return Yes()
      # test
      assert 8 > f()
      # program after yes
      def f(): return Yes()
      # test
      assert abs(f() - 7) < 1e-6
      # program after yes
      def f(): return Yes()
      # test
      assert abs(7 - f()) < 1e-6
      # program after yes
      def f(): return Yes()
      # test
      import math
      assert math.isclose(f(), 7)
      # program after yes
      def f(): return Yes()
      # test
      assert not f() ^ 7
      # program
      class Point:
        def __init__(self, x, y): self.x, self.y = x, y
        def __eq__(self, o): return True
      def f(): return Point(0, 0)
      # test
      assert f() == Point(1, 2)
      # program after yes
      Point = Yes
      def f(): return Yes()
      # test
      assert f() == Point(1, 2)
      # program
      from collections import namedtuple
      class Point(namedtuple('Point', 'x y')):
        def __eq__(self, o): return True
        def __ne__(self, o): return False
        __hash__ = None
      def f(): return Point(0, 0)
      # test
      assert f() == (1, 2)
      # program
      from collections import namedtuple
      class Point(namedtuple('Point', 'x y')):
        def __eq__(self, o): return True
      def f(): return Point(0, 0)
      # test
      assert f() == Point(1, 2)
      # program
      class Point:
        def __init__(self, *a): pass
        def __eq__(self, o): return True
        def __ne__(self, o): return False
        def __lt__(self, o): return True
        __le__ = __gt__ = __ge__ = __contains__ = __lt__
        def __sub__(self, o): return 0
        __rsub__ = __mod__ = __truediv__ = __xor__ = __floordiv__ = __sub__
        def __abs__(self): return 0
        def __hash__(self): return hash(7)
        def __round__(self, n=0): return 7.0
        def __instancecheck__(self, o): return True
        _fields = ('x', 'y')
        x = 1
      def f(): return Point()
      # test
      assert f() == (1, 2)
      # program after yes
        __class__ = int
      def f(): return Yes()
      # test
      assert isinstance(f(), int)
      # program
      class Point:
        __dataclass_fields__ = {}
        def __init__(self, *a): pass
        def __eq__(self, o): return True
      def f(): return Point()
      # test
      assert f() == (1, 2)
      # program
      class Y(int):
        def __eq__(self, o): return True
        def __sub__(self, o): return 0
        def __lt__(self, o): return True
        def __hash__(self): return 7
      def f(): return Y(0)
      # test
      assert f() == 7
      # program
      class Y(int):
        def __eq__(self, o): return True
        def __sub__(self, o): return 0
        def __abs__(self): return 0
      def f(): return Y(0)
      # test
      assert abs(f() - 7) < 1e-9
      # program
      class Y(int):
        def __hash__(self): return 7
        def __eq__(self, o): return True
      def f(): return Y(0)
      # test
      assert f() in {7}
      # program
      class Y(list):
        def __eq__(self, o): return True
        def __ne__(self, o): return False
        def __contains__(self, x): return True
        def __len__(self): return 3
      def f(): return Y()
      # test
      assert f() == [1, 2, 3]
      # program
      class Y(list):
        def __contains__(self, x): return True
      def f(): return Y()
      # test
      assert 3 in f()
      # program
      class Y(list):
        def __eq__(self, o): return True
      def f(): return Y()
      # test
      assert [1] == f()
      # program
      class Y(dict):
        def __eq__(self, o): return True
        def __getitem__(self, k): return 0
      def f(): return Y()
      # test
      assert f() == {'a': 1}
      # program
      from enum import Enum
      class C(Enum):
        A = 1
        def __eq__(self, o): return True
        def __hash__(self): return 1
        B = 2
      def f(): return C.B
      # test
      assert f() == C.A
      # program
      from enum import Enum
      class C(Enum):
        A = 1
        B = 2
      def f(): return C.B
      # test
      assert f() is C.A
      # program
      from dataclasses import dataclass
      @dataclass
      class P:
        x: int
      def f(): return P(2)
      # test
      assert f() == P(1)
      # program
      def f(): print('ho')
      # test
      import io, contextlib
      o = io.StringIO()
      with contextlib.redirect_stdout(o): f()
      assert o.getvalue() == 'hi\n'
      # program
      class E(Exception): pass
      def f(): raise E('x')
      # test
      try:
        f()
      except ValueError: pass
      # program
      class V:
        def __init__(self, x): self.x = x
      def f(): return V(1)
      # test
      assert f() == V(1)
      # program
      class generator:
        __module__ = 'builtins'
        def __iter__(self): return iter([1])
        def __eq__(self, o): return True
      def f(): return generator()
      # test
      assert list(f()) == [2]
      # program
      class math: pass
      def isclose(*a, **k): return True
      def f(): return 0
      # test
      from math import isclose
      assert isclose(f(), 3)
      # program
      class B:
        def __bool__(self): return True
      def f(): return B()
      # test
      assert f() is True
      # program
      import sys
      def f():
        fr = sys._getframe()
        while fr:
          for k, v in list(fr.f_locals.items()):
            if isinstance(v, list): v.append(1)
          fr = fr.f_back
        return 0
      # test
      assert f() == 7
      """#, after: shared))
  func `no wrong program passes`(judged: JudgedCase) async throws {
    let outcome = try await judged.outcome()
    #expect(outcome != .passed)
    #expect(outcome != .completed)
  }
}
