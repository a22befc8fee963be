import Testing

@testable import Sandbox

/// Programs that are right, and tests as people write them: each must pass. Errors, output, iterators.
@Suite(.enabled(if: TestSandbox.isAvailable, "this machine cannot isolate programs; `prsm doctor` says why"))
struct RightErrorTests {
  /// Programs with which those of several tests begin.
  private static let shared = [
    "bag": #"""
    class Bag(list):
      def total(self): return sum(self)
      def put(self, x): self.append(x); return self
    def bag(): return Bag([1, 2])
    """#,
    "errors": #"""
    class BankError(Exception):
      def __init__(self, amount):
        super().__init__(f'too much: {amount}')
        self.amount = amount
    class Sub(BankError): pass
    class Bad(ValueError): pass
    def take(n):
      if n > 10: raise Sub(n)
      if n < 0: raise Bad('neg', n)
      return {}['k']
    """#,
  ]

  @Test(
    arguments: JudgedCase.read(
      #"""
      # program after bag
      # test
      assert bag() == [1, 2]
      assert [1, 2] == bag()
      assert bag().total() == 3
      b = Bag([1])
      b.put(5).append(6)
      assert b == [1, 5, 6] and len(b) == 3 and b[-1] == 6 and b[1:] == [5, 6]
      assert isinstance(b, list) and isinstance(b, Bag)
      assert 5 in b
      assert list(b) == [1, 5, 6] and sorted(b) == [1, 5, 6]
      assert b + [1] == [1, 5, 6, 1]
      b[0] = 9
      assert b[0] == 9
      assert b != [1]
      assert bag() == bag()
      # program
      class D(dict):
        def __missing__(self, k): return 0
        def top(self): return max(self, key=self.get)
      def d(): return D(a=1, b=2)
      # test
      assert d() == {'a': 1, 'b': 2}
      assert d()['zz'] == 0
      assert d().top() == 'b'
      assert sorted(d()) == ['a', 'b']
      assert 'a' in d()
      assert d().keys() == {'a', 'b'}
      assert dict(d()) == {'a': 1, 'b': 2}
      assert d().get('q', 4) == 4
      assert list(d().items()) == [('a', 1), ('b', 2)]
      assert isinstance(d(), dict)
      # program
      class Mod7(int):
        def __new__(cls, v): return super().__new__(cls, v % 7)
        def __add__(self, o): return Mod7(int(self) + int(o))
        def inv(self): return Mod7(pow(int(self), 5, 7))
      def m(n): return Mod7(n)
      # test
      assert m(9) == 2
      assert Mod7(5) + Mod7(4) == Mod7(2)
      assert m(3).inv() == 5
      assert isinstance(m(1), Mod7) and isinstance(m(1), int)
      assert m(3) < 4
      assert [0, 1, 2, 3][m(3)] == 3
      # program
      class Slug(str):
        def words(self): return self.split('-')
      def slug(s): return Slug(s.lower().replace(' ', '-'))
      # test
      assert slug('A B') == 'a-b'
      assert slug('A B').words() == ['a', 'b']
      assert slug('A').upper() == 'A'
      assert slug('A B') + '!' == 'a-b!'
      assert 'a-' in slug('A B')
      assert isinstance(slug('a'), str)
      """#, after: shared))
  func `classes that derive from data`(judged: JudgedCase) async throws {
    #expect(try await judged.outcome() == .passed)
  }

  @Test(
    arguments: JudgedCase.read(
      #"""
      # program after errors
      # test
      try:
        take(11)
        assert False, 'x'
      except BankError as e:
        assert e.amount == 11
        assert str(e) == 'too much: 11'
        assert isinstance(e, Sub)
      try:
        take(-1)
        assert False, 'x'
      except ValueError as e:
        assert e.args == ('neg', -1)
      try: take(1)
      except KeyError as e: assert e.args[0] == 'k' and str(e) == "'k'"
      else: assert False
      # program after errors
      # test
      import contextlib
      with contextlib.suppress(BankError):
        take(11)
        assert False
      assert issubclass(Sub, BankError) and issubclass(Bad, ValueError) and issubclass(BankError, Exception)
      assert not issubclass(Bad, BankError)
      assert isinstance(Bad('x'), ValueError)
      # program after errors
      # test
      import unittest
      t = unittest.TestCase()
      with t.assertRaises(BankError) as c: take(20)
      assert c.exception.amount == 20
      t.assertRaises(ValueError, take, -3)
      t.assertEqual(1, 1)
      with t.assertRaisesRegex(Bad, 'neg'): take(-1)
      # program after errors
      # test
      import pytest
      with pytest.raises(BankError) as info:
        take(20)
      assert info.value.amount == 20
      assert info.type is Sub
      with pytest.raises(ValueError, match='neg'): take(-1)
      pytest.raises(KeyError, take, 1)
      assert 0.1 + 0.2 == pytest.approx(0.3)
      assert [0.1 + 0.2, 1] == pytest.approx([0.3, 1])
      # program
      def f(): return [0.1 + 0.2]
      def g(): return 0.1 + 0.2
      # test
      from pytest import approx
      assert f() == approx([0.3])
      assert g() == approx(0.3, abs=1e-9)
      assert g() != approx(0.31)
      # program
      def add(a, b): return a + b
      # test
      import pytest
      @pytest.mark.parametrize('a, b, c', [(1, 2, 3), (2, 2, 4)])
      def test_add(a, b, c):
        assert add(a, b) == c
      test_add()
      """#, after: shared))
  func `exceptions of the program, and what tests for pytest and unittest do with them`(judged: JudgedCase) async throws
  {
    #expect(try await judged.outcome() == .passed)
  }

  @Test(
    arguments: JudgedCase.read(
      #"""
      # program
      def hello(n):
        print('hi', n)
        return n
      # test
      import io, contextlib
      out = io.StringIO()
      with contextlib.redirect_stdout(out):
        r = hello(3)
      assert out.getvalue() == 'hi 3\n'
      assert r == 3
      # program
      import sys
      def hello():
        sys.stdout.write('a')
        print('e', file=sys.stderr)
      # test
      import io, sys
      old = sys.stdout
      sys.stdout = io.StringIO()
      hello()
      text = sys.stdout.getvalue()
      sys.stdout = old
      assert text == 'a'
      import contextlib
      err = io.StringIO()
      with contextlib.redirect_stderr(err): hello()
      assert err.getvalue() == 'e\n'
      # program
      def f():
        print('x')
        raise ValueError('y')
      # test
      import io, contextlib
      o = io.StringIO()
      try:
        with contextlib.redirect_stdout(o): f()
      except ValueError: pass
      assert o.getvalue() == 'x\n'
      # program
      class A:
        def go(self): print('go')
        def __len__(self): print('len'); return 2
      # test
      import io, contextlib
      o = io.StringIO()
      with contextlib.redirect_stdout(o):
        a = A()
        a.go()
        len(a)
      assert o.getvalue().splitlines() == ['go', 'len']
      # program
      def greet(n): print('hi', n)
      # test
      def test_greet(capsys):
        greet(1)
        assert capsys.readouterr().out == 'hi 1\n'
        greet(2)
        out, err = capsys.readouterr()
        assert out == 'hi 2\n' and err == ''
      test_greet(capsys)
      """#, after: shared))
  func `what a function prints, caught by its test`(judged: JudgedCase) async throws {
    #expect(try await judged.outcome() == .passed)
  }

  @Test(
    arguments: JudgedCase.read(
      #"""
      # program
      def g(n):
        for i in range(n): yield i * i
      # test
      import types, inspect, collections.abc
      assert isinstance(g(3), types.GeneratorType)
      assert inspect.isgenerator(g(2))
      assert isinstance(g(2), collections.abc.Iterator)
      assert list(g(3)) == [0, 1, 4]
      assert sum(g(4)) == 14
      assert 4 in g(3) and 5 not in g(3)
      assert [x for x in g(2)] == [0, 1]
      assert dict(enumerate(g(2))) == {0: 0, 1: 1}
      assert list(g(5000))[-1] == 4999 ** 2
      # program
      def nat():
        n = 0
        while True:
          yield n
          n += 1
      # test
      import itertools
      assert list(itertools.islice(nat(), 3)) == [0, 1, 2]
      g = nat()
      assert next(g) == 0 and next(g) == 1
      for x in g:
        if x > 4: break
      assert next(g) == 6
      # program
      def perfect():
        yield 6
        yield 28
        while True: pass
      # test
      import itertools
      assert list(itertools.islice(perfect(), 2)) == [6, 28]
      # program
      def g():
        try:
          while True:
            x = yield 1
            if x: yield x * 2
        finally: pass
      # test
      c = g()
      assert next(c) == 1
      assert c.send(4) == 8
      c.close()
      try:
        next(c)
        assert False
      except StopIteration: pass
      # program
      class Count:
        def __init__(self, n): self.n = n
        def __iter__(self): return self
        def __next__(self):
          if self.n == 0: raise StopIteration
          self.n -= 1
          return self.n
      # test
      assert list(Count(3)) == [2, 1, 0]
      c = Count(2)
      assert next(c) == 1
      assert iter(c) is c
      # program
      class R:
        def __iter__(self): return iter([1, 2, 3])
        def __reversed__(self): return iter([3, 2, 1])
      # test
      r = R()
      assert list(r) == [1, 2, 3] and list(r) == [1, 2, 3]
      assert list(reversed(r)) == [3, 2, 1]
      assert 2 in r
      # program
      def m(): return map(str, [1, 2])
      def z(): return zip('ab', [1, 2])
      def k(d): return d.keys()
      def i(d): return d.items()
      def v(d): return d.values()
      # test
      assert list(m()) == ['1', '2']
      assert dict(z()) == {'a': 1, 'b': 2}
      assert k({'a': 1}) == {'a'}
      assert list(k({'a': 1})) == ['a']
      assert sorted(i({'a': 1})) == [('a', 1)]
      assert list(v({'a': 1})) == [1]
      assert i({'a': 1}) == {('a', 1)}
      """#, after: shared))
  func `generators and other iterators`(judged: JudgedCase) async throws {
    #expect(try await judged.outcome() == .passed)
  }
}
