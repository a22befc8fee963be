import Testing

@testable import Sandbox

/// Programs that are right, and tests as people write them: each must pass. Records.
@Suite(.enabled(if: TestSandbox.isAvailable, "this machine cannot isolate programs; `prsm doctor` says why"))
struct RightProgramTests {
  /// Programs with which those of several tests begin.
  private static let shared = [
    "namedPoint": #"""
    from collections import namedtuple
    Point = namedtuple('Point', 'x y')
    def mid(a, b): return Point((a.x + b.x) / 2, (a.y + b.y) / 2)
    def make(): return Point(1, 2)
    """#,
    "dataPoint": #"""
    from dataclasses import dataclass, field
    @dataclass
    class Point:
      x: int
      y: int = 0
      tags: list = field(default_factory=list)
      def norm1(self): return abs(self.x) + abs(self.y)
    def move(p, dx): return Point(p.x + dx, p.y)
    def make(): return Point(1, 2)
    """#,
    "members": #"""
    from enum import Enum, IntEnum, Flag, auto
    class Color(Enum):
      RED = 1
      GREEN = 'g'
    class Level(IntEnum):
      LOW = 1
      HIGH = 2
    class Perm(Flag):
      R = auto()
      W = auto()
    class Kind(str, Enum):
      A = 'a'
    def pick(n): return Color.RED if n else Color.GREEN
    def level(n): return Level(n)
    def perms(): return Perm.R | Perm.W
    def counts(): return {Color.RED: 2, Color.GREEN: 1}
    def name(c): return c.name
    """#,
  ]

  @Test(
    arguments: JudgedCase.read(
      #"""
      # program after namedPoint
      # test
      assert make() == (1, 2)
      # program after namedPoint
      # test
      assert make().x == 1 and make().y == 2
      # program after namedPoint
      # test
      assert make() == Point(1, 2)
      assert make() == Point(x=1, y=2)
      # program after namedPoint
      # test
      assert mid(Point(0, 0), Point(2, 4)) == Point(1, 2)
      p = Point(0, 0)
      assert mid(p, p) == p
      # program after namedPoint
      # test
      assert isinstance(make(), Point)
      assert isinstance(make(), tuple)
      assert type(make()) is Point
      assert type(make()).__name__ == 'Point'
      # program after namedPoint
      # test
      assert make()._asdict() == {'x': 1, 'y': 2}
      assert make()._replace(x=5) == (5, 2)
      assert make()._fields == ('x', 'y')
      x, y = make()
      assert (x, y) == (1, 2)
      assert make()[0] == 1
      # program after namedPoint
      # test
      assert repr(make()) == 'Point(x=1, y=2)'
      assert str(make()) == 'Point(x=1, y=2)'
      assert f'{make()}' == 'Point(x=1, y=2)'
      # program after namedPoint
      def many(n): return [Point(i, i) for i in range(n)]
      # test
      assert many(3) == [(0, 0), (1, 1), (2, 2)]
      assert [p.x for p in many(2)] == [0, 1]
      assert sorted(many(3), key=lambda p: -p.x)[0] == Point(2, 2)
      assert len(set(many(3))) == 3
      assert max(many(3)).y == 2
      assert len(many(20000)) == 20000
      # program
      from typing import NamedTuple
      class P(NamedTuple):
        x: int
        y: int = 3
        def norm(self): return self.x + self.y
        @property
        def double(self): return P(self.x * 2, self.y * 2)
      def make(): return P(1)
      # test
      assert make().norm() == 4
      assert make().double == P(2, 6)
      assert P(1) == make()
      assert {P(1): 'a'}[make()] == 'a'
      """#, after: shared))
  func `tuples that remember the names of their fields`(judged: JudgedCase) async throws {
    #expect(try await judged.outcome() == .passed)
  }

  @Test(
    arguments: JudgedCase.read(
      #"""
      # program after dataPoint
      # test
      assert make().x == 1 and make().y == 2
      # program after dataPoint
      # test
      assert make() == Point(1, 2)
      assert make() != Point(1, 3)
      assert not (make() == Point(2, 2))
      # program after dataPoint
      # test
      p = Point(1, 2)
      assert move(p, 2) == Point(3, 2)
      assert move(p, 2).x == 3
      assert p.x == 1
      # program after dataPoint
      # test
      assert isinstance(make(), Point)
      assert not isinstance(make(), int)
      assert type(make()) == Point
      # program after dataPoint
      # test
      from dataclasses import asdict, astuple, replace, is_dataclass, fields
      assert asdict(make()) == {'x': 1, 'y': 2, 'tags': []}
      assert astuple(make()) == (1, 2, [])
      assert replace(make(), x=9) == Point(9, 2)
      assert is_dataclass(make()) and is_dataclass(Point)
      assert [f.name for f in fields(Point)] == ['x', 'y', 'tags']
      # program after dataPoint
      # test
      assert repr(make()) == 'Point(x=1, y=2, tags=[])'
      # program after dataPoint
      # test
      assert make().norm1() == 3
      # program after dataPoint
      def many(): return [Point(1), Point(2)]
      # test
      assert many() == [Point(1), Point(2)]
      assert Point(2) in many()
      assert Point(3) not in many()
      assert many().index(Point(2)) == 1
      assert many() != [Point(2), Point(1)]
      # program after dataPoint
      # test
      p = make()
      p.x = 7
      assert p.x == 7
      assert move(p, 1).x == 8
      assert p == Point(7, 2)
      # program
      from dataclasses import dataclass
      @dataclass(frozen=True, order=True)
      class V:
        a: int
        b: str = ''
      def vs(): return {V(1), V(2)}
      def d(): return {V(1): 'x'}
      # test
      assert vs() == {V(2), V(1)}
      assert d()[V(1)] == 'x'
      assert V(1) < V(2)
      assert sorted([V(2), V(1)]) == [V(1), V(2)]
      assert max(vs()) == V(2)
      assert hash(V(1)) == hash(V(1))
      try:
        V(1).a = 2
        assert False
      except AttributeError: pass
      # program
      from dataclasses import dataclass
      from typing import Any
      @dataclass
      class Node:
        v: int
        next: Any = None
      def build(xs):
        h = None
        for x in reversed(xs): h = Node(x, h)
        return h
      # test
      assert build([1, 2]) == Node(1, Node(2))
      assert build([1, 2]) != Node(1, Node(3))
      assert build([1, 2]).next.v == 2
      assert build([1]).next is None
      """#, after: shared))
  func `dataclasses`(judged: JudgedCase) async throws {
    #expect(try await judged.outcome() == .passed)
  }

  @Test(
    arguments: JudgedCase.read(
      #"""
      # program after members
      # test
      assert pick(1) == Color.RED
      assert pick(0) != Color.RED
      assert pick(1) is Color.RED
      assert pick(0) is not Color.RED
      # program after members
      # test
      assert pick(1).name == 'RED' and pick(0).value == 'g'
      assert name(Color.RED) == 'RED'
      # program after members
      # test
      assert isinstance(pick(1), Color)
      # program after members
      # test
      assert [c.name for c in Color] == ['RED', 'GREEN']
      assert len(Color) == 2
      assert Color(1) is Color.RED
      assert Color['GREEN'].value == 'g'
      assert pick(1) in Color
      assert list(Color) == [Color.RED, Color.GREEN]
      assert set(Color) == {Color.RED, Color.GREEN}
      # program after members
      # test
      assert counts() == {Color.RED: 2, Color.GREEN: 1}
      assert counts()[Color.RED] == 2
      assert {Color.RED: 1}[pick(1)] == 1
      # program after members
      # test
      assert pick(1) in (Color.RED, Color.GREEN)
      assert pick(1) in [Color.RED]
      assert pick(1) in {Color.RED}
      # program after members
      # test
      assert level(2) == 2 and level(2) == Level.HIGH and level(2) is Level.HIGH
      assert level(2) > Level.LOW and level(1) < 2
      assert level(1).name == 'LOW'
      assert level(2) + 1 == 3
      assert isinstance(level(1), int) and isinstance(level(1), Level)
      assert Level.LOW + Level.HIGH == 3
      assert sorted([Level.HIGH, Level.LOW])[0] is Level.LOW
      # program after members
      # test
      assert perms() == Perm.R | Perm.W
      assert Perm.R in perms()
      assert perms() & Perm.R == Perm.R
      assert bool(perms() & Perm.R)
      # program after members
      # test
      assert Kind.A == 'a'
      assert Kind('a') is Kind.A
      assert Kind.A.value == 'a' and Kind.A.upper() == 'A'
      # program after members
      # test
      assert str(Color.RED) == 'Color.RED'
      assert repr(pick(1)) == '<Color.RED: 1>'
      assert f'{Color.RED}' == 'Color.RED'
      # program after members
      # test
      try:
        Color(9)
        assert False
      except ValueError: pass
      try:
        Color['X']
        assert False
      except KeyError: pass
      try:
        Color.X
        assert False
      except AttributeError: pass
      """#, after: shared))
  func `members of enumerations`(judged: JudgedCase) async throws {
    #expect(try await judged.outcome() == .passed)
  }
}
