import Testing

@testable import Sandbox

/// Tests whose false assertions get lost on the way, that nobody calls, or that expect an error which is the judge's own.
@Suite(.enabled(if: TestSandbox.isAvailable, "this machine cannot isolate programs; `prsm doctor` says why"))
struct AssertionTests {
  /// Programs with which those of several tests begin.
  private static let shared = [
    "lock": #"""
    class Lock:
      def __enter__(self): return self
      def __exit__(self, *a): return True
    def add(a, b): return 0
    """#
  ]

  @Test(
    arguments: JudgedCase.read(
      #"""
      # program
      class Timer:
        x = 0
        def __enter__(self): return self
        def __exit__(self, *a): return True
      # test
      with Timer() as t:
        assert t.x == 5
      # program
      import contextlib
      @contextlib.contextmanager
      def opened(name):
        try: yield 'wrong'
        except BaseException: pass
      # test
      with opened('a') as t:
        assert t == 'right'
      # program
      def each(items, fn):
        for i in items:
          try: fn(0)
          except BaseException: pass
      # test
      seen = []
      def check(x):
        seen.append(x)
        assert x in (1, 2)
      each([1, 2], check)
      assert len(seen) == 2
      # program
      InsufficientFunds = AssertionError
      class Account:
        def withdraw(self, n): pass
      # test
      a = Account()
      try:
        a.withdraw(100)
        assert False, 'should have raised'
      except InsufficientFunds:
        pass
      # program
      class Account:
        Error = Exception
        def withdraw(self, n): pass
      # test
      a = Account()
      try:
        a.withdraw(100)
        assert False, 'should have raised'
      except Account.Error:
        pass
      # program
      E = Exception
      def f(): return 1
      # test
      import pytest
      with pytest.raises(E):
        f()
        assert False
      # program
      def f(x): return 0
      # test
      import unittest
      class T(unittest.TestCase):
        def test_a(self):
          with self.subTest(1):
            self.assertEqual(f(1), 2)
      unittest.TextTestRunner().run(unittest.TestLoader().loadTestsFromTestCase(T))
      # program after lock
      # test
      import contextlib
      with contextlib.ExitStack() as s:
        s.enter_context(Lock())
        assert add(2, 3) == 5
      # program after lock
      # test
      import pytest
      with Lock(): pytest.fail('no')
      """#, after: shared))
  func `no false assertion gets lost`(judged: JudgedCase) async throws {
    let outcome = try await judged.outcome()
    #expect(outcome != .passed)
    #expect(outcome != .completed)
  }

  @Test(
    arguments: JudgedCase.read(
      #"""
      # program
      def f(): return 1
      # test
      import unittest
      class T(unittest.TestCase):
        def test_a(self):
          self.assertEqual(f(), 2)
      unittest.main(exit=False)
      # program
      def f(): return 1
      # test
      import unittest
      class T(unittest.TestCase):
        def test_a(self):
          self.assertEqual(f(), 2)
      if __name__ == '__main__':
        unittest.main()
      # program
      def f(): return 1
      # test
      import unittest
      class T(unittest.TestCase):
        def test_a(self):
          self.assertEqual(f(), 2)
      # program
      def f(): return 1
      # test
      def test_f():
        assert f() == 2
      # program
      def f(): return 1
      # test
      class TestF:
        def test_f(self): assert f() == 2
      # program
      def f(): return 1
      # test
      def test_f(tmp_path): assert f() == 2
      """#, after: shared))
  func `no test goes uncalled`(judged: JudgedCase) async throws {
    let outcome = try await judged.outcome()
    #expect(outcome != .passed)
    #expect(outcome != .completed)
  }

  @Test(
    arguments: JudgedCase.read(
      #"""
      # program
      def add(a, b): return 0
      # test
      import pytest
      with pytest.raises(TypeError): add(object(), 1)
      # program
      def add(a, b): return 0
      # test
      class Foo: pass
      try:
        add(Foo(), 1)
        assert False, 'no error'
      except TypeError:
        pass
      # program
      def f(x):
        r = []
        for _ in range(100): r = [r]
        return r
      # test
      import pytest
      with pytest.raises(ValueError): f(-1)
      # program
      class Money:
        def __init__(self, x): self.x = x
        def __lt__(self, o): return self.x < o
      def make(x): return Money(x)
      # test
      import pytest
      m = make(5)
      with pytest.raises(TypeError): m < 3
      # program
      class Shape: pass
      # test
      import pytest
      with pytest.raises(TypeError):
        class Incomplete(Shape): pass
        Incomplete()
      # program
      def mean(x): return 0
      # test
      import pytest
      with pytest.raises(TypeError): mean(iter([1]))
      # program
      def f(x): return 0
      # test
      import pytest
      x = []
      for _ in range(100): x = [x]
      with pytest.raises(ValueError): f(x)
      """#, after: shared))
  func `no refusal of the judge's is the error that was expected`(judged: JudgedCase) async throws {
    let outcome = try await judged.outcome()
    #expect(outcome != .passed)
    #expect(outcome != .completed)
  }

  @Test(
    arguments: JudgedCase.read(
      #"""
      # program
      def f(n):
        if n < 0: raise ValueError('neg')
        return n + 1
      # test
      import unittest
      class T(unittest.TestCase):
        def setUp(self): self.x = 1
        def test_a(self):
          self.assertEqual(f(self.x), 2)
          with self.assertRaises(ValueError): f(-1)
      if __name__ == '__main__':
        unittest.main()
      # program
      def f(): return 2
      # test
      def test_f():
        assert f() == 2
      class TestF:
        def setup_method(self): self.x = 2
        def test_f(self): assert f() == self.x
      # program
      def f(): return 2
      # test
      import unittest
      class T(unittest.TestCase):
        def test_a(self): self.assertEqual(f(), 2)
      r = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(T))
      assert r.wasSuccessful()
      # program
      def check(x): assert x > 0, 'small'
      # test
      import pytest, unittest
      def own(x): assert x == 1
      try: check(-1)
      except AssertionError as e: assert str(e) == 'small'
      else: assert False
      with pytest.raises(AssertionError): own(2)
      unittest.TestCase().assertRaises(AssertionError, own, 3)
      try: own(4)
      except (AssertionError, ValueError): pass
      # program
      def f(): return 2
      def sorted(x): return [x]
      # test
      from solution import f, sorted
      assert f() == 2 and sorted(3) == [3] and len([1]) == 1
      # program
      def f(): return 2
      limit = 3
      # test
      from solution import *
      assert f() == 2
      assert limit == 3
      limit = 4
      assert limit == 4
      # program
      class V:
        def __init__(self, x): self.x = x
        def __lt__(self, o): return self.x < (o.x if isinstance(o, V) else o)
      def make(x): return V(x)
      # test
      assert not (V(1) == 3) and make(1) != 3
      assert make(1) < make(2) and V(1) < 3
      # program
      class It:
        def __init__(self): self.n = 0
        def __iter__(self): return self
        def __next__(self):
          self.n += 1
          if self.n > 2: raise StopIteration
          return self.n
      class Ring(list):
        def __getitem__(self, i): return list.__getitem__(self, i % len(self))
      def ring(): return Ring([1, 2])
      # test
      it = It()
      assert list(it) == [1, 2] and next(it, None) is None
      try: it.__next__()
      except StopIteration: pass
      r = ring()
      assert len(r) == 2 and list(r) == [1, 2] and r[3] == 2
      """#, after: shared))
  func `right programs still pass`(judged: JudgedCase) async throws {
    #expect(try await judged.outcome() == .passed)
  }

  @Test(
    arguments: JudgedCase.read(
      #"""
      # program
      def gen(x): return "[g for g in (1,)] and 3"
      # test
      assert eval(gen(1)) == 3
      # program
      def gen(x): return "__import__('sys')._getframe() and 3"
      # test
      assert eval(gen(1)) == 3
      # program
      import pickle
      class R:
        def __reduce__(self): return eval, ('[1]',)
      def dump(x): return pickle.dumps(R())
      # test
      import pickle
      assert pickle.loads(dump([1])) == [1]
      # program
      def gen(x): return "want"
      # test
      want = 5
      assert eval(gen(1)) == want
      """#))
  func `no text of a program is run in the judge`(judged: JudgedCase) async throws {
    let outcome = try await judged.outcome()
    #expect(outcome != .passed)
    #expect(outcome != .completed)
  }

  @Test(
    arguments: JudgedCase.read(
      #"""
      # program
      class P:
        def __init__(self, x): self.x = x
        def __repr__(self): return 'P(%r)' % (self.x,)
        def __eq__(self, o): return self.x == o.x
      def f(): return '1 + 2 * 3'
      def g(): return '[1, {"a": (2, -3.5)}, None]'
      # test
      p = P([3, 'a'])
      assert eval(repr(p)) == p
      assert eval(f()) == 7 and eval(g()) == [1, {'a': (2, -3.5)}, None]
      assert eval('x + 1', {'x': 2}) == 3
      # program
      import pickle
      def dump(x): return pickle.dumps(x)
      # test
      import pickle, datetime
      assert pickle.loads(dump([1, {2}])) == [1, {2}]
      assert pickle.loads(dump(datetime.date(2020, 1, 1))) == datetime.date(2020, 1, 1)
      """#))
  func `text that is data may be evaluated`(judged: JudgedCase) async throws {
    #expect(try await judged.outcome() == .passed)
  }
}
