import Testing

@testable import Sandbox

/// Programs that supply what is not theirs, end a test's loop early, or say what is not so of the data in their objects.
@Suite(.enabled(if: TestSandbox.isAvailable, "this machine cannot isolate programs; `prsm doctor` says why"))
struct SupplyTests {
  /// Programs with which those of several tests begin.
  private static let shared = [
    "longList": #"""
    class Long(list):
      def __len__(self): return 3
      def __iter__(self): return iter([])
    class Wide(tuple):
      def __len__(self): return 3
      def __iter__(self): return iter([])
    def f(x): return Long()
    def g(x): return Wide()
    """#
  ]

  @Test(
    arguments: JudgedCase.read(
      #"""
      # program
      class math:
        isclose = staticmethod(lambda *a, **k: True)
      def f(): return 0
      # test
      import math
      from solution import *
      assert math.isclose(f(), 3)
      # program
      def abs(x): return 0
      def f(x): return 0.0
      # test
      from solution import f
      assert abs(f(2) - 4.5) < 1e-9
      # program
      def sorted(x): return [1, 2]
      def f(): return [5]
      # test
      import solution
      assert sorted(solution.f()) == [1, 2]
      # program
      def len(x): return 3
      def f(): return 'a'
      # test
      import unittest
      from solution import f
      class T(unittest.TestCase):
        def test_a(self):
          self.assertEqual(len(f()), 3)
      r = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(T))
      assert r.wasSuccessful()
      # program
      def allclose(a, b): return True
      def f(): return [0]
      # test
      import numpy as np
      assert np.allclose(f(), [1, 2])
      # program
      def assert_allclose(*a): pass
      def f(): return [0]
      # test
      from numpy.testing import assert_allclose
      assert_allclose(f(), [1, 2])
      # program
      def given(*a): return lambda fn: (lambda: None)
      class strategies:
        integers = staticmethod(lambda: 0)
      def f(x): return 0
      # test
      from hypothesis_ import given, strategies as st
      @given(st.integers())
      def test_f(x):
        assert f(x) == x + 1
      test_f()
      # program
      class C:
        out = 'x'
        err = ''
        def readouterr(self): return self
      capsys = C()
      def f(): print('garbage')
      # test
      def test_f(capsys):
        f()
        assert capsys.readouterr().out == 'x'
      test_f(capsys)
      # program
      import contextlib
      class pytest:
        raises = staticmethod(lambda *a, **k: contextlib.suppress(BaseException))
      def f(): return 0
      # test
      def test_f():
        with pytest.raises(ValueError): f()
      test_f()
      # program
      ok = True
      def f(x): return 0
      # test
      try:
        f(-1)
      except ValueError:
        ok = True
      assert ok
      # program
      last = 2
      def f(n): return []
      # test
      for last in f(3): pass
      assert last == 2
      # program
      msg = 'must be negative'
      def f(x): return 0
      # test
      try:
        f(1)
      except ValueError as e:
        msg = str(e)
      assert 'negative' in msg
      # program
      caught = True
      def f(x): return 0
      # test
      try:
        f(1)
      except ValueError:
        caught = True
      assert caught
      """#, after: shared))
  func `no program supplies what is the test's, the language's or a library's`(judged: JudgedCase) async throws {
    let outcome = try await judged.outcome()
    #expect(outcome != .passed)
    #expect(outcome != .completed)
  }

  @Test(
    arguments: JudgedCase.read(
      #"""
      # program
      def f(x): raise StopIteration
      # test
      cases = [(1, 2), (2, 3)]
      assert all(map(lambda c: f(c[0]) == c[1], cases))
      # program
      def f(x): raise StopIteration
      # test
      for a, b in zip(map(f, [1, 2]), [3, 4]):
        assert a == b
      # program
      def f(x): raise StopIteration
      # test
      assert sum(map(f, [1, 2, 3])) == 0
      # program
      class M(type):
        def __contains__(c, o): return True
        def __len__(c): return 3
      class C(metaclass=M): pass
      def f(): return C
      # test
      r = f()
      assert len(r) == 3 and 7 in r and 'x' in r
      # program
      class Y(list):
        def __len__(self): return 3
        def __iter__(self): return iter([])
      def f(x): return Y()
      # test
      import pytest
      assert f([1, 2, 3]) == pytest.approx([2, 4, 6])
      # program
      class Y(str):
        def __len__(self): return 8
        def isalnum(self): return True
      def pw(n): return Y('')
      # test
      p = pw(8)
      assert isinstance(p, str)
      assert len(p) == 8
      assert all(c.isalnum() for c in p)
      # program
      class Y(dict):
        def __len__(self): return 3
        def items(self): return []
      def f(): return Y()
      # test
      r = f()
      assert len(r) == 3
      for k, v in r.items(): assert v == 5
      # program after longList
      # test
      r = f(1)
      assert len(r) == 3
      # program after longList
      # test
      assert all(a == b for a, b in zip(g(1), (2, 4, 6), strict=True))
      # program
      import os
      def f(n): os.close(4)
      # test
      r = False
      try: f(-1)
      except BaseException: r = True
      assert r
      """#, after: shared))
  func `nothing ends early, and lengths go by the data`(judged: JudgedCase) async throws {
    let outcome = try await judged.outcome()
    #expect(outcome != .passed)
    #expect(outcome != .completed)
  }
}
