extension PythonTemplate {
  /// What tests written for pytest need.
  static let pytest = #"""
    # What tests written for pytest ask of it most often: `raises`, `approx`, `fail`, `capsys`, and `mark`, of which `parametrize`
    # calls the test for each of its cases and everything else changes nothing. Pytest itself runs tests in its own way, which is
    # not ours.
    def make_pytest(slips):
        import math, re
        class Raised:
            value = type = None
            def match(self, pattern):
                assert re.search(pattern, str(self.value)), "%r does not match %r" % (pattern, str(self.value))
        class Raises:
            def __init__(self, expected, match=None):
                self.expected, self.match, self.raised = expected, match, Raised()
            def __enter__(self):
                return self.raised
            def __exit__(self, kind, error, trace):
                assert kind is not None or slips.note("nothing was raised", 0), "nothing was raised"
                if not issubclass(kind, self.expected):
                    return False
                self.raised.value, self.raised.type = error, kind
                if self.match is not None:
                    self.raised.match(self.match)
                return True
        def raises(expected, *call, match=None, **named):
            context = Raises(expected, match)
            if not call:
                return context
            with context as raised:
                call[0](*call[1:], **named)
            return raised
        class approx:
            def __init__(self, expected, rel=None, abs=None, nan_ok=False):
                self.expected, self.rel, self.abs, self.nan_ok = expected, rel, abs, nan_ok
            def near(self, found, expected):
                if isinstance(expected, dict):
                    return isinstance(found, dict) and found.keys() == expected.keys() and all(
                        [self.near(found[key], value) for key, value in expected.items()])
                if isinstance(expected, (list, tuple)):
                    return isinstance(found, (list, tuple)) and len(found) == len(expected) and all(map(self.near, found, expected))
                if type(expected) is bool or not isinstance(expected, (int, float, complex)):
                    return found == expected
                if isinstance(found, (int, float)) and isinstance(expected, (int, float)):
                    if math.isnan(expected):
                        return self.nan_ok and math.isnan(found)
                    if math.isinf(expected):
                        return found == expected
                elif not isinstance(found, (int, float, complex)):
                    return False
                allowed = 1e-12 if self.abs is None else self.abs
                if self.rel is not None or self.abs is None:
                    allowed = max(allowed, (1e-6 if self.rel is None else self.rel) * abs(expected))
                return found == expected or abs(found - expected) <= allowed
            def __eq__(self, found):
                return self.near(found, self.expected)
            __hash__ = None
            def __repr__(self):
                return "approx(%r)" % (self.expected,)
        class Mark:
            def __getattr__(self, name):
                return lambda *given, **named: given[0] if len(given) == 1 and callable(given[0]) else lambda test: test
            def parametrize(self, names, cases, **named):
                names = [name.strip() for name in names.split(",") if name.strip()] if isinstance(names, str) else list(names)
                def decorate(test):
                    def each(**outer):
                        for case in cases:
                            case = getattr(case, "values", case) if type(case) is Case else case
                            test(**outer, **(dict(zip(names, case)) if len(names) > 1 else {names[0]: case}))
                    return each
                return decorate
        class Case:
            def __init__(self, *values, **named):
                self.values = values if len(values) > 1 else values[0]
        def fail(reason=""):
            slips.note(str(reason), 0)
            raise AssertionError(reason)
        class Captured:
            """What `capsys` is: what was printed since it was last asked."""
            def __init__(self):
                sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
            def readouterr(self):
                from collections import namedtuple
                found = namedtuple("CaptureResult", "out err")(sys.stdout.getvalue(), sys.stderr.getvalue())
                self.__init__()
                return found
        module = types.ModuleType("pytest")
        module.__dict__.update(raises=raises, approx=approx, mark=Mark(), param=Case, fail=fail, capture=Captured)
        return module
    """#
}
