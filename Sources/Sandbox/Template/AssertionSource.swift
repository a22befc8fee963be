extension PythonTemplate {
  /// What keeps a test's false assertions from getting lost, and tests that nobody calls from not being run.
  static let asserting = #"""
    # A false assertion fails a test though the error that it raises be swallowed by the program on its way: it is written down
    # before it is raised. Where the test itself expects an AssertionError by that name, it is struck out again.
    class Slips:
        def __init__(self):
            self.found = []
        def note(self, message, line):
            self.found.append((message, line))
            return False
        def count(self):
            return len(self.found)
        def back(self, count):
            del self.found[count:]
        def forgiving(self, context):
            return Forgiving(self, context)
        def forgiven(self, call):
            count = self.count()
            result = call()
            self.back(count)
            return result

    class Forgiving:
        def __init__(self, slips, context):
            self.slips, self.context = slips, context
        def __enter__(self):
            self.mark = self.slips.count()
            return self.context.__enter__()
        def __exit__(self, kind, error, trace):
            swallowed = self.context.__exit__(kind, error, trace)
            if swallowed:
                self.slips.back(self.mark)
            return swallowed

    SLIPS = "__slips__"

    class Noting(ast.NodeTransformer):
        """Rewrites a test so that its false assertions are written down."""
        def __init__(self):
            self.marks = 0
        def names(self, node):
            return any([isinstance(part, ast.Name) and part.id == "AssertionError" for part in ast.walk(node)])
        def ask(self, name, *arguments):
            return ast.Call(ast.Attribute(ast.Name(SLIPS, ast.Load()), name, ast.Load()), list(arguments), [])
        def visit_Assert(self, node):
            self.generic_visit(node)
            note = self.ask("note", ast.Constant(""), ast.Constant(node.lineno))
            node.test = ast.copy_location(ast.BoolOp(ast.Or(), [node.test, note]), node.test)
            return ast.fix_missing_locations(node)
        def visit_Try(self, node):
            self.generic_visit(node)
            wanting = [handler for handler in node.handlers if handler.type is not None and self.names(handler.type)]
            if not wanting:
                return node
            self.marks += 1
            mark = "__mark_%d__" % self.marks
            before = ast.Assign([ast.Name(mark, ast.Store())], self.ask("count"))
            for handler in wanting:
                handler.body.insert(0, ast.Expr(self.ask("back", ast.Name(mark, ast.Load()))))
                ast.copy_location(handler.body[0], handler)
            ast.copy_location(before, node)
            return [ast.fix_missing_locations(before), ast.fix_missing_locations(node)]
        def expects(self, node, most):
            if not isinstance(node, ast.Call) or not node.args or not self.names(node.args[0]):
                return False
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            return name in ("raises", "assertRaises", "assertRaisesRegex", "suppress") and len(node.args) <= most
        def visit_With(self, node):
            for item in node.items:
                if self.expects(item.context_expr, 2):
                    item.context_expr = ast.copy_location(self.ask("forgiving", item.context_expr), item.context_expr)
            self.generic_visit(node)
            return ast.fix_missing_locations(node)
        def visit_Expr(self, node):
            self.generic_visit(node)
            if self.expects(node.value, 100) and len(node.value.args) > 1:
                empty = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
                node.value = ast.copy_location(self.ask("forgiven", ast.Lambda(empty, node.value)), node.value)
            return ast.fix_missing_locations(node)

    def compile_noting(source, name):
        tree = ast.parse(source, name)
        return compile(ast.fix_missing_locations(Noting().visit(tree)), name, "exec", dont_inherit=True)

    def watch_unittest(slips, namespace):
        """Has unittest's assertions written down, and its `main` run the test's classes in place."""
        import unittest
        class Failure(AssertionError):
            def __init__(self, *arguments):
                super().__init__(*arguments)
                slips.note(str(arguments[0]) if arguments else "", 0)
        Failure.__name__ = Failure.__qualname__ = "AssertionError"
        unittest.TestCase.failureException = Failure
        ran = set()
        def noting(name, place):
            plain = getattr(unittest.TestResult, name)
            def perform(self, *arguments):
                trouble = arguments[place] if len(arguments) > place else None
                if trouble is not None:
                    slips.note("%s: %s" % (trouble[0].__name__, trouble[1]), 0)
                return plain(self, *arguments)
            setattr(unittest.TestResult, name, perform)
        noting("addError", 1)
        noting("addFailure", 1)
        noting("addSubTest", 2)
        start = unittest.TestResult.startTest
        def started(self, test):
            ran.add(type(test))
            return start(self, test)
        unittest.TestResult.startTest = started
        def run(kind):
            if kind in ran:
                return
            ran.add(kind)
            kind.setUpClass()
            for name in unittest.TestLoader().getTestCaseNames(kind):
                method = getattr(kind, name)
                if getattr(method, "__unittest_expecting_failure__", False):
                    continue
                if getattr(method, "__unittest_skip__", False) or getattr(kind, "__unittest_skip__", False):
                    continue
                try:
                    kind(name).debug()
                except unittest.SkipTest:
                    pass
            kind.tearDownClass()
        def main(*arguments, **named):
            for kind in [*namespace.values()]:
                if isinstance(kind, type) and issubclass(kind, unittest.TestCase) and kind.__module__ == "__main__":
                    run(kind)
        unittest.main = main
        return run

    PLAIN_NODES = (ast.Expression, ast.Constant, ast.Name, ast.Load, ast.Call, ast.keyword, ast.List, ast.Tuple, ast.Set, ast.Dict,
                   ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.unaryop, ast.operator, ast.boolop, ast.cmpop, ast.Attribute)
    PLAIN_MODULES = "datetime", "decimal", "fractions", "collections"

    def guard_evaluation(whole, namespace, is_mirror):
        """Text that may come from the program is evaluated only where it is data, and calls of the program's own things: none of
        its code runs here."""
        plain = __import__("builtins").eval
        kinds = {id(kind) for kind in TYPES_OF_LANGUAGE.values()} - {id(type)}
        def evaluate(text, spaces=None, local=None):
            known = {**vars(__import__("builtins")), **(namespace if spaces is None else spaces), **(local or {})}
            tree = ast.parse(text.strip() if isinstance(text, str) else "", mode="eval")
            for node in ast.walk(tree):
                found = known.get(node.id) if isinstance(node, ast.Name) else None
                if isinstance(node, ast.Attribute):
                    allowed = node.attr[:1] != "_" and isinstance(node.value, ast.Name) and (
                        "%s.%s" % (node.value.id, node.attr) in TYPES_OF_LANGUAGE)
                elif isinstance(node, ast.Name):
                    given = spaces is not None and node.id in {**spaces, **(local or {})}
                    allowed = given or id(found) in kinds or is_mirror(found) or (
                        node.id in PLAIN_MODULES and isinstance(found, types.ModuleType))
                else:
                    allowed = isinstance(node, PLAIN_NODES) and (
                        not isinstance(node, ast.Call) or isinstance(node.func, (ast.Name, ast.Attribute)))
                if not allowed:
                    raise NameError("a test evaluates no more of a program's text than data and calls of its classes")
            return plain(compile(tree, "<text>", "eval"), {**known, "__builtins__": {}})
        if "eval" in whole:
            namespace["eval"] = evaluate
        if "pickle" in whole:
            import pickle
            class Plain(pickle.Unpickler):
                def find_class(self, module, name):
                    kind = TYPES_OF_LANGUAGE.get(name if module == "builtins" else "%s.%s" % (module, name))
                    if kind is None or kind is type:
                        raise pickle.UnpicklingError("%s.%s is no data" % (module, name))
                    return kind
            pickle.loads = lambda data, **named: Plain(io.BytesIO(data), **named).load()
            pickle.load = lambda file, **named: Plain(file, **named).load()

    def run_uncalled(source, namespace, run_case):
        """Runs the functions and classes of a text that are tests by their names and that it does not name again."""
        tree = ast.parse(source)
        read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        for node in tree.body:
            found = namespace.get(getattr(node, "name", None))
            if found is None or node.name in read:
                continue
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test"):
                wanted = node.args.posonlyargs + node.args.args
                wanted = wanted[:len(wanted) - len(node.args.defaults)]
                if isinstance(node, ast.AsyncFunctionDef) and not wanted:
                    __import__("asyncio").run(found())
                elif [part.arg for part in wanted] == ["capsys"]:
                    found(namespace["capsys"])
                elif not wanted or any(["parametrize" in ast.dump(part) for part in node.decorator_list]):
                    found()
                elif node.name.startswith("test_"):
                    raise NameError("%s needs %s, which nobody gives" % (node.name, wanted[0].arg))
            elif isinstance(node, ast.ClassDef) and isinstance(found, type):
                if run_case is not None and issubclass(found, sys.modules["unittest"].TestCase):
                    run_case(found)
                elif node.name.startswith("Test") and "__init__" not in vars(found):
                    for name in [name for name in vars(found) if name.startswith("test")]:
                        made = found()
                        getattr(made, "setup_method", lambda: None)()
                        getattr(made, name)()
                        getattr(made, "teardown_method", lambda: None)()
    """#
}
