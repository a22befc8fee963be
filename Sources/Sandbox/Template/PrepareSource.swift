extension PythonTemplate {
  /// Services on source text.
  static let preparing = #"""
    # Services on source text: parsed here, inside, because a parser too can be made to fall over.
    def make_executable(source):
        """EG-CFG section 3: the longest beginning of the text that parses, a dangling block closed by `pass`."""
        def parses(lines):
            try:
                ast.parse("\n".join(lines))
                return True
            except (SyntaxError, ValueError, MemoryError, RecursionError):
                return False
        def indentation(line):
            return line[: len(line) - len(line.lstrip())]
        lines = [line for line in source.split("\n") if not line.lstrip().startswith("```")]
        for _ in range(len(lines) + 1):
            if not lines:
                return None
            if parses(lines):
                return "\n".join(lines)
            closed = lines + [indentation(lines[-1]) + "pass"]
            if parses(closed):
                return "\n".join(closed)
            removed = lines.pop()
            if not lines:
                return None
            if parses(lines):
                return "\n".join(lines)
            closed = lines + [indentation(removed) + "pass"]
            if parses(closed):
                return "\n".join(closed)
        return None

    def canonical(source):
        """Comments and docstrings removed, layout normalised; a body left empty becomes `pass`."""
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                body = node.body
                if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) \
                        and isinstance(body[0].value.value, str):
                    del body[0]
                    if not body and not isinstance(node, ast.Module):
                        body.append(ast.Pass())
        return ast.unparse(tree).strip()

    def invocation(test):
        """The call that a test makes: the first call of a name in it that is not a builtin's, else the first call."""
        import builtins
        calls = [node for node in ast.walk(ast.parse(test)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
        own = [node for node in calls if not hasattr(builtins, node.func.id)]
        return ast.unparse((own or calls)[0]) if calls else None

    def prepare(request, send):
        work = {
            "canonicalise": lambda source: None if (fixed := make_executable(source)) is None else canonical(fixed),
            "invocation": invocation,
            "parses": lambda source: None if ast.parse(source) is None else "",
        }[request["kind"]]
        for number, source in enumerate(request["sources"]):
            try:
                result = work(source)
            except Exception:
                result = None
            send(b"P", "%d\x1f%s\x1f%s" % (number, "0" if result is None else "1", result or ""))
        send(b"E", "completed\x1f\x1f\x1f0")
        return 0
    """#
}
