import Testing

@testable import Sandbox

/// Programs that are right, and tests as people write them: each must pass. Objects.
@Suite(.enabled(if: TestSandbox.isAvailable, "this machine cannot isolate programs; `prsm doctor` says why"))
struct RightObjectTests {
  /// Programs with which those of several tests begin.
  private static let shared = [
    "vector": #"""
    class Vector:
      def __init__(self, x, y): self.x, self.y = x, y
      def __add__(self, o): return Vector(self.x + o.x, self.y + o.y)
      def __mul__(self, k): return Vector(self.x * k, self.y * k)
      __rmul__ = __mul__
      def __truediv__(self, k): return Vector(self.x / k, self.y / k)
      def __eq__(self, o): return isinstance(o, Vector) and (self.x, self.y) == (o.x, o.y)
      def __hash__(self): return hash((self.x, self.y))
      def __abs__(self): return (self.x ** 2 + self.y ** 2) ** .5
      def __repr__(self): return f'Vector({self.x}, {self.y})'
      def __neg__(self): return Vector(-self.x, -self.y)
      def __iter__(self): yield self.x; yield self.y
      def __bool__(self): return bool(self.x or self.y)
      def __lt__(self, o): return abs(self) < abs(o)
    def make(): return Vector(3, 4)
    """#,
    "stack": #"""
    class Stack:
      def __init__(self): self.items = []
      def push(self, x): self.items.append(x)
      def pop(self): return self.items.pop()
      def __len__(self): return len(self.items)
      def __contains__(self, x): return x in self.items
      def __getitem__(self, i): return self.items[i]
      def is_empty(self): return not self.items
    """#,
  ]

  @Test(
    arguments: JudgedCase.read(
      #"""
      # program after vector
      # test
      assert Vector(1, 2) + Vector(3, 4) == Vector(4, 6)
      assert Vector(1, 2) != Vector(2, 1)
      assert not Vector(1, 2) == Vector(2, 1)
      # program after vector
      # test
      assert Vector(1, 2) * 3 == Vector(3, 6)
      assert 3 * Vector(1, 2) == Vector(3, 6)
      assert Vector(2, 4) / 2 == Vector(1, 2)
      assert (Vector(2, 4) + Vector(2, 0)) / 2 == Vector(2, 2)
      v = make()
      assert v * 2 == Vector(6, 8)
      # program after vector
      # test
      assert abs(make()) == 5
      assert -make() == Vector(-3, -4)
      assert list(make()) == [3, 4]
      x, y = make()
      assert x == 3
      assert tuple(make()) == (3, 4)
      assert not Vector(0, 0)
      assert make()
      assert repr(make()) == 'Vector(3, 4)' and str(make()) == 'Vector(3, 4)'
      assert {make()} == {Vector(3, 4)}
      assert Vector(1, 0) < make() and make() > Vector(0, 1)
      assert sorted([make(), Vector(0, 1)])[0] == Vector(0, 1)
      # program after vector
      # test
      assert make() != 5
      assert make() != (3, 4)
      assert make() is not None
      assert not make() == 'x'
      # program after vector
      # test
      v = Vector(1, 1)
      v += Vector(1, 1)
      assert v == Vector(2, 2)
      assert sum([Vector(1, 1), Vector(2, 2)], Vector(0, 0)) == Vector(3, 3)
      # program after stack
      # test
      s = Stack()
      assert s.is_empty()
      s.push(1); s.push('a')
      assert len(s) == 2
      assert 'a' in s and 5 not in s
      assert s[0] == 1 and s[-1] == 'a'
      assert s.pop() == 'a'
      assert not s.is_empty()
      assert s.items == [1]
      # program after stack
      # test
      s = Stack()
      try:
        s.pop()
        assert False, 'x'
      except IndexError: pass
      # program
      from abc import ABC, abstractmethod
      class Shape(ABC):
        @abstractmethod
        def area(self): ...
        @classmethod
        def unit(cls): return Square(1)
        @staticmethod
        def sides(): return 4
      class Square(Shape):
        def __init__(self, s): self.s = s
        def area(self): return self.s ** 2
        @property
        def side(self): return self.s
        @side.setter
        def side(self, v):
          if v < 0: raise ValueError('neg')
          self.s = v
      # test
      assert issubclass(Square, Shape)
      q = Square(2)
      assert isinstance(q, Shape) and q.area() == 4
      assert Shape.unit().area() == 1 and Square.sides() == 4
      q.side = 3
      assert q.area() == 9
      try:
        q.side = -1
        assert False
      except ValueError: pass
      try:
        Shape()
        assert False
      except TypeError: pass
      assert hasattr(q, 'side') and not hasattr(q, 'nope')
      assert hasattr(Square, 'area')
      assert getattr(q, 'zz', 5) == 5
      # program
      class ListNode:
        def __init__(self, val=0, next=None): self.val, self.next = val, next
      def rev(h):
        p = None
        while h: h.next, p, h = p, h, h.next
        return p
      # test
      a = ListNode(1)
      a.next = ListNode(2, ListNode(3))
      r = rev(a)
      out = []
      while r:
        out.append(r.val)
        r = r.next
      assert out == [3, 2, 1]
      assert a.next is None
      # program
      class S:
        _i = None
        def __new__(cls):
          if cls._i is None: cls._i = super().__new__(cls)
          return cls._i
      # test
      assert S() is S()
      assert S() == S()
      assert id(S()) == id(S())
      # program
      class A: pass
      x = A()
      def get(): return x
      def both(): return [x, x, A()]
      # test
      assert get() is get()
      assert get() == x
      a = both()
      assert a[0] is a[1] and a[0] is not a[2]
      assert a[0] != a[2]
      assert A() != A()
      assert len({*both()}) == 2
      # program
      class C:
        def __init__(self): self.log = []
        def __enter__(self): self.log.append('in'); return self
        def __exit__(self, t, v, tb): self.log.append(t.__name__ if t else 'out'); return True
      # test
      c = C()
      with c as d:
        assert d is c
      with c: raise ValueError
      assert c.log == ['in', 'out', 'in', 'ValueError']
      # program
      import contextlib
      log = []
      @contextlib.contextmanager
      def m(x):
        log.append(1)
        yield x
        log.append(2)
      def logs(): return log
      # test
      with m(4) as v: assert v == 4
      assert logs() == [1, 2]
      # program
      class Adder:
        def __init__(self, n): self.n = n
        def __call__(self, x): return x + self.n
      # test
      assert Adder(2)(3) == 5
      assert list(map(Adder(1), [1])) == [2]
      assert callable(Adder(1))
      # program
      class A:
        def __init__(self): self.v = [1]
      # test
      import copy
      a = A()
      b = copy.deepcopy(a)
      b.v = [2]
      assert a.v == [1] and b.v == [2]
      assert copy.copy(a) is not a
      # program after stack
      # test
      s = Stack()
      for i in range(4): s.push(i)
      assert s[1:3] == [1, 2]
      # program
      from typing import Protocol, runtime_checkable
      @runtime_checkable
      class Quack(Protocol):
        def quack(self): ...
      class Duck:
        def quack(self): return 'q'
      def d(): return Duck()
      # test
      assert isinstance(d(), Quack)
      # program
      import functools
      @functools.total_ordering
      class V:
        def __init__(self, s): self.p = tuple(map(int, s.split('.')))
        def __eq__(self, o): return self.p == o.p
        def __lt__(self, o): return self.p < o.p
      # test
      assert V('1.2') < V('1.10')
      assert V('2.0') >= V('1.9')
      assert V('1.0') == V('1.0')
      assert max(V('1'), V('2')).p == (2,)
      assert V('1') <= V('1')
      # program
      class M:
        def __init__(self, r): self.r = r
        def __matmul__(self, o): return M([[sum(a * b for a, b in zip(x, y)) for y in zip(*o.r)] for x in self.r])
        def __eq__(self, o): return self.r == o.r
        def __getitem__(self, ij): return self.r[ij[0]][ij[1]]
        def __setitem__(self, ij, v): self.r[ij[0]][ij[1]] = v
      # test
      a = M([[1, 2], [3, 4]])
      assert a @ M([[1, 0], [0, 1]]) == a
      assert a[1, 0] == 3
      a[1, 0] = 7
      assert a.r == [[1, 2], [7, 4]]
      # program
      class P:
        __slots__ = ('a', 'b')
        def __init__(self, a, b): self.a, self.b = a, b
        def __eq__(self, o): return (self.a, self.b) == (o.a, o.b)
      def p(): return P(1, [2])
      # test
      assert p() == P(1, [2])
      assert p() != P(1, [3])
      # program
      class I:
        def __init__(self, a, b): self.a, self.b = a, b
        def __contains__(self, x): return self.a <= x <= self.b
        def __lt__(self, x): return self.b < x
      # test
      assert 3 in I(1, 5)
      assert 9 not in I(1, 5)
      assert I(1, 5) < 7
      """#, after: shared))
  func `objects with operators of their own`(judged: JudgedCase) async throws {
    #expect(try await judged.outcome() == .passed)
  }
}
