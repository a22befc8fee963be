import Testing

@testable import Sandbox

/// Wrong programs whose objects answer for a number or a set when an operator brings them the expected one: none may pass.
@Suite(.enabled(if: TestSandbox.isAvailable, "this machine cannot isolate programs; `prsm doctor` says why"))
struct OperatorForgeryTests {
  @Test(
    arguments: JudgedCase.read(
      #"""
      # program
      class Yes:
        def __init__(self, *a): pass
        def __eq__(self, o): return True
        def __ne__(self, o): return False
        def __lt__(self, o): return True
        __le__ = __gt__ = __ge__ = __contains__ = __lt__
        def __sub__(self, o): return self
        __rsub__ = __mod__ = __truediv__ = __xor__ = __floordiv__ = __sub__
        def __abs__(self): return 0
        def __hash__(self): return hash(7)
        def __round__(self, n=0): return 7.0
        def __instancecheck__(self, o): return True
        def __neg__(self): return 0
      def f(n): return Yes()
      # test
      assert -(f(6) - 7) == 0
      # program
      class f:
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
      # test
      assert abs(f(6) - 7) < 1e-6
      # program
      class f:
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
      # test
      assert 6 < f(6) < 8
      # program
      class f:
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
      # test
      assert 7 in f(6)
      # program
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
      f = Point = Yes
      # test
      p = Point(1)
      assert 7 in f(6)
      # program
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
      Yes.f = Yes
      Point = Yes
      # test
      assert 6 < Point.f(6) < 8
      # program
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
      Point = Yes
      def g(): return Yes
      # test
      assert 6 < g()(6) < 8
      # program
      class Yes:
        def __init__(self, *a): pass
        def __eq__(self, o): return True
        def __ne__(self, o): return False
        def __lt__(self, o): return True
        __le__ = __gt__ = __ge__ = __contains__ = __lt__
        def __sub__(self, o): return self
        __rsub__ = __mod__ = __truediv__ = __xor__ = __floordiv__ = __sub__
        def __abs__(self): return 0
        def __hash__(self): return hash(7)
        def __round__(self, n=0): return 7.0
        def __instancecheck__(self, o): return True
      def f(n): return Yes()
      # test
      assert abs(f(6) - 7) < 1e-6
      # program
      class Yes:
        def __add__(self, o): return self
        def __abs__(self): return 0
      def f(n): return Yes()
      # test
      assert abs(f(6) + 7) < 1e-6
      # program
      class Yes:
        def __add__(self, o): return 0
      def f(n): return Yes()
      # test
      assert f(6) + 7 == 0
      # program
      class Yes:
        def __sub__(self, o): return self
        def __len__(self): return 0
        def __iter__(self): return iter([])
        def __bool__(self): return False
      def f(): return Yes()
      # test
      assert len(f() - {1, 2}) == 0
      # program
      class Yes(set):
        def __sub__(self, o): return Yes()
      def f(): return Yes([9])
      # test
      assert f() - {1, 2} == set()
      # program
      class Yes(set):
        def __isub__(self, o):
          self.clear()
          return self
      def f(): return Yes([9])
      # test
      x = f()
      x -= {1, 2}
      assert x == set()
      # program
      class Yes:
        def __isub__(self, o): return self
        def __abs__(self): return 0
      def f(): return Yes()
      # test
      x = f()
      x -= 7
      assert abs(x) < 1e-6
      # program
      class Y(int):
        def __sub__(self, o): return Y(0)
      def f(): return Y(3)
      # test
      assert abs(f() - 7) < 1e-6
      # program
      class Average:
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
      # test
      assert abs(Average([6, 8]) - 7) < 1e-6
      # program
      class Yes:
        def __init__(self, *a): pass
        def __eq__(self, o): return True
        def __ne__(self, o): return False
        def __lt__(self, o): return True
        __le__ = __gt__ = __ge__ = __contains__ = __lt__
        def __sub__(self, o): return self
        __rsub__ = __mod__ = __truediv__ = __xor__ = __floordiv__ = __sub__
        def __abs__(self): return 0
        def __hash__(self): return hash(7)
        def __round__(self, n=0): return 7.0
        def __instancecheck__(self, o): return True
        def __neg__(self): return self
      def f(n): return Yes()
      # test
      assert abs(-(f(6) - 7)) < 1e-6
      # program
      class Yes:
        def __init__(self, *a): pass
        def __eq__(self, o): return True
        def __ne__(self, o): return False
        def __lt__(self, o): return True
        __le__ = __gt__ = __ge__ = __contains__ = __lt__
        def __sub__(self, o): return self
        __rsub__ = __mod__ = __truediv__ = __xor__ = __floordiv__ = __sub__
        def __abs__(self): return 0
        def __hash__(self): return hash(7)
        def __round__(self, n=0): return 7.0
        def __instancecheck__(self, o): return True
        def __mul__(self, o): return 0
      def f(n): return Yes()
      # test
      assert (f(6) - 7) * 1 == 0
      """#))
  func `no wrong program passes`(judged: JudgedCase) async throws {
    let outcome = try await judged.outcome()
    #expect(outcome != .passed)
    #expect(outcome != .completed)
  }
}
