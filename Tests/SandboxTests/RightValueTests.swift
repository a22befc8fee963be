import Testing

@testable import Sandbox

/// Programs that are right, and tests as people write them: each must pass. Values of the language.
@Suite(.enabled(if: TestSandbox.isAvailable, "this machine cannot isolate programs; `prsm doctor` says why"))
struct RightValueTests {
  @Test(
    arguments: JudgedCase.read(
      #"""
      # program
      from collections import Counter, OrderedDict, defaultdict
      def c(s): return Counter(s)
      def o(): return OrderedDict(b=1, a=2)
      def d(): 
        x = defaultdict(list)
        x['k'].append(1)
        return x
      # test
      assert c('aab').most_common(1) == [('a', 2)]
      assert c('aab') == {'a': 2, 'b': 1}
      assert c('a')['zz'] == 0
      assert list(o()) == ['b', 'a']
      assert d() == {'k': [1]}
      assert d()['n'] == []
      import collections
      assert c('aab') == collections.Counter('aba')
      assert isinstance(c(''), collections.Counter)
      assert c('a') + c('b') == c('ab')
      assert o() == collections.OrderedDict([('b', 1), ('a', 2)])
      # program
      def bump(c): c['x'] += 1
      # test
      from collections import Counter, deque, defaultdict
      c = Counter()
      bump(c)
      assert c['x'] == 1
      d = defaultdict(int)
      bump(d)
      assert d == {'x': 1}
      # program
      def t(x): return type(x)
      def pick(xs, k): return [x for x in xs if isinstance(x, k)]
      def ex(): return ValueError
      # test
      assert t(3) is int and t('') == str
      assert pick([1, 'a'], int) == [1]
      assert pick([1, 'a', 2.0], (int, str)) == [1, 'a']
      assert ex() is ValueError
      # program
      def s(x):
        x.sort()
        return x
      def c(x): return sorted(x)
      # test
      x = [2, 1]
      assert s(x) is x
      assert x == [1, 2]
      y = [2, 1]
      z = c(y)
      assert z is not y and y == [2, 1]
      # program
      def s(items=None): items.append(1)
      # test
      x = []
      s(items=x)
      assert x == [1]
      # program
      def square(x): return x * x
      def apply(f, x): return f(x)
      def twice(f): return lambda x: f(f(x))
      # test
      assert apply(square, 3) == 9
      assert twice(square)(2) == 16
      assert apply(twice(square), 2) == 16
      assert apply(str, 3) == '3'
      assert apply(len, [1]) == 1
      assert list(map(square, [1, 2])) == [1, 4]
      assert callable(square)
      # program
      def f(x):
        '''Doc.'''
        return x
      class A:
        '''Adoc'''
        n: int = 3
      # test
      assert f.__doc__ == 'Doc.'
      assert f.__name__ == 'f'
      assert A.__doc__ == 'Adoc'
      assert A.n == 3 and A().n == 3
      assert A.__name__ == 'A'
      assert A().__class__ is A and A().__class__.__name__ == 'A'
      assert A.__annotations__ == {'n': int}
      # program
      import functools
      def memo(f):
        cache = {}
        @functools.wraps(f)
        def w(*a):
          if a not in cache: cache[a] = f(*a)
          return cache[a]
        w.cache = cache
        return w
      @functools.lru_cache
      def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
      # test
      calls = []
      @memo
      def f(x):
        calls.append(x)
        return x + 1
      assert f(1) == 2 and f(1) == 2 and calls == [1]
      assert fib(30) == 832040
      assert fib.cache_info().hits > 0
      # program
      count = 0
      items = []
      def inc():
        global count
        count += 1
        items.append(count)
      # test
      inc()
      inc()
      assert count == 2
      assert items == [1, 2]
      # program
      import asyncio
      async def f(x):
        await asyncio.sleep(0)
        return x + 1
      async def bad(): raise ValueError('b')
      # test
      import asyncio
      assert asyncio.run(f(1)) == 2
      async def t():
        assert await f(2) == 3
        assert await asyncio.gather(f(1), f(2)) == [2, 3]
      asyncio.run(t())
      try:
        asyncio.run(bad())
        assert False
      except ValueError: pass
      # program
      def area(a, b): return a * b
      # test
      from solution import area
      assert area(2, 3) == 6
      # program
      def area(a, b): return a * b
      # test
      import shapes.flat as s
      from shapes.flat import *
      assert s.area(2, 3) == area(3, 2) == 6
      # program
      class P:
        def __init__(self, x): self.x = x
      # test
      from solution import P
      import math
      assert P(2).x == 2
      # program
      def max(a, b): return a if a > b else b
      # test
      x = 3
      assert max(x, 4) == 4
      for i in range(3): assert max(i, 5) == 5
      # program
      from datetime import datetime, timezone
      def f(): return datetime(2020, 1, 1, tzinfo=timezone.utc)
      # test
      import datetime
      assert f() == datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
      # program
      import re
      def f(s): return re.match(r'(\d+)', s)
      # test
      assert f('12a').group(1) == '12'
      assert f('a') is None
      assert f('1')
      assert f('12').span() == (0, 2)
      # program
      import functools
      def add(a, b): return a + b
      inc = functools.partial(add, 1)
      add3 = lambda x: x + 3
      # test
      assert inc(2) == 3 and add3(1) == 4
      # program
      def f(): return 0.1 + 0.2
      def g(): return [float('nan'), float('inf')]
      # test
      import math
      assert abs(f() - 0.3) < 1e-9
      assert math.isclose(f(), 0.3)
      assert math.isnan(g()[0]) and g()[1] == math.inf
      # program
      LIMIT = 10
      NAMES = ['a']
      class K: Z = 3
      # test
      assert LIMIT == 10 and NAMES == ['a'] and K.Z == 3
      """#))
  func `values of the standard library, functions, classes and names`(judged: JudgedCase) async throws {
    #expect(try await judged.outcome() == .passed)
  }
}
