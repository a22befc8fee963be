extension PythonTemplate {
  /// The judge: a test, run apart from the program it tests.
  static let judging = #"""
    # The judge: runs a test in a sandbox of its own, apart from the program. It sees the program as mirrors of its objects and
    # classes, whose calls travel over a link; expected values never do.
    class ProgramFailure(Exception):
        """Marks an exception that the program raised."""

    def make_remote(link, namespace, expects_stop):
        """The link's end at the judge: what reads names, and what went wrong."""
        counter, broken, callables, given, refusals = [0], [], [], {}, []
        own_streams = {"stdout": sys.stdout, "stderr": sys.stderr}
        unreadable = ("raised", "exception", "ProtocolError", "the program sent what is no answer", "0")
        def other(tag, *rest):
            if tag == "h":
                return thing(rest[0], rest[1], *[decode(part) for part in rest[2:]])
            if tag == "y":
                return class_handed(rest[0])
            raise ValueError("unknown tag %r" % (tag,))
        decode = make_decoder(other)
        data = int, float, complex, str, bytes, bytearray, tuple, list, dict, set, frozenset
        def refused(kind, message):
            """An error that is the judge's own, of which the program knows nothing: it is not what a test may expect."""
            refusals.append(message)
            return kind(message)
        def keep(value, level):
            named = name_thing(value)
            if named is not None or isinstance(value, data):
                return named
            if callable(value):
                callables.append(value)
                return ["k", len(callables) - 1]
            raise refused(TypeError, "a value of type %s cannot be handed to the program" % type(value).__name__)
        encode, _ = make_encoder(keep, refused)
        def learn(news):
            for description in news:
                define(*description)
        def call_back(answer):
            learn(answer[4])
            try:
                values = [decode(item) for item in answer[2]]
                named = {key: decode(item) for key, item in answer[3].items()}
                reply = ["v", encode(callables[answer[1]](*values, **named))]
            except LinkClosed:
                raise
            except Exception as error:
                reply = ["x", type(error).__name__, str(error)]
            write_link(link, reply)
        def update(texts, changes):
            for name, text in texts.items():
                if name in own_streams and getattr(sys, name) is not own_streams[name]:
                    getattr(sys, name).write(str(text))
            for name, written in changes.items():
                if name in given and namespace.get(name) is given[name]:
                    new = decode(written)
                    if not restore(given[name], new):
                        namespace[name] = given[name] = new
        def ask(operation, target, arguments=(), named={}):
            counter[0] += 1
            number = counter[0]
            request = [number, operation, encode(target), [encode(argument) for argument in arguments],
                       {key: encode(argument) for key, argument in named.items()},
                       [name for name in own_streams if getattr(sys, name) is not own_streams[name]]]
            try:
                write_link(link, request)
            except LinkClosed:
                broken.append(("gone", "", "", "0"))
                raise
            for _ in range(1000000):
                try:
                    answer = read_link(link)
                    if answer[0] == "k":
                        call_back(answer)
                        continue
                    if answer[0] != number:
                        raise ValueError("an answer out of order")
                    texts, changes, news = answer[-3:]
                    learn(news)
                    if answer[1] == "v":
                        written = answer[2]
                        place = written[1] if type(written) is list and written[0] == "A" else None
                        result = arguments[place] if type(place) is int else decode(written)
                        for argument, state in zip([*arguments, *named.values()], answer[3]):
                            if state is not None:
                                restore(argument, decode(state))
                        raised = None
                    else:
                        raised = exception(answer)
                    update(texts, changes)
                    break
                except LinkClosed:
                    broken.append(("gone", "", "", "0"))
                    raise
                except Exception:
                    broken.append(unreadable)
                    raise ProgramFailure(*unreadable[1:]) from None
            else:
                raise ProgramFailure("exception", "ProtocolError", "more than 1000000 callbacks", "0")
            if raised is not None:
                raise raised
            return result
        plain_errors = {}
        def exception(answer):
            kind, name, message, line = [str(part) for part in answer[2:6]]
            if kind == "unwritten":
                refusals.append(message)
            if kind not in ("exception", "memory", "disk", "file", "exit"):
                kind = "exception"
            try:
                error = decode(answer[6])
            except TypeError:
                error = None  # an exception that its arguments alone do not make
            if not isinstance(error, Exception):
                base = vars(__import__("builtins")).get(name)
                if not (isinstance(base, type) and issubclass(base, Exception)):
                    base = Exception
                if base not in plain_errors:
                    plain_errors[base] = type(base.__name__, (base,), {})
                error = plain_errors[base].__new__(plain_errors[base])
                error.args = (message,)
            if isinstance(error, (StopIteration, StopAsyncIteration, GeneratorExit)) and not expects_stop:
                # It would end whatever the test has around the call, a `map` as well, without a word.
                error = RuntimeError("%s: %s" % (name, message))
            reports[id(error)] = (error, [kind, name, message, line])
            return error
        reports = {}
        def report(error):
            return reports.get(id(error), (None, None))[1]
        define, thing, class_handed, name_thing, trust, overruled = make_mirrors(ask, refused)
        def receive(wanted, bound, modules, imported, first_bound):
            """Asks for the names that the test reads, and puts them into its namespace; what it imports from a module that this
            machine does not have is the program's as well."""
            library = getattr(sys, "stdlib_module_names", sys.modules)
            missing = missing_modules(imported)
            unbound = wanted - bound - {"capsys", "pytest"}
            wanted = wanted - first_bound - {"capsys", "pytest"}
            write_link(link, sorted(wanted.union(*missing.values())))
            names, news = read_link(link)
            learn(news)
            offered = {}
            asked = wanted.union(*missing.values())
            for name, kind, detail in names:
                if name not in asked:
                    continue
                if kind == "value":
                    value = decode(detail)
                elif detail.split(".")[0] in library:
                    __import__(detail)
                    value = sys.modules[detail]
                else:
                    continue
                offered[name] = value
                if name in wanted and name not in modules:
                    namespace[name] = value
                    if kind == "value" and name not in bound:
                        given[name] = value
            trust(offered)
            offer_modules(missing, offered, unbound, bound)
        return receive, report, overruled, broken, refusals, lambda value: name_thing(value) is not None

    def names_read(source):
        """The names of a test that a program may supply, those that the test binds itself, those that it uses as modules of the
        standard library, for which a program's own things may not stand in, and those that it imports from other modules, by
        module. A builtin's name is supplied by the program only where the test has no other: then that is the function under
        test."""
        import builtins
        nodes = list(ast.walk(ast.parse(source)))
        library = getattr(sys, "stdlib_module_names", sys.modules)
        read = {node.id for node in nodes if isinstance(node, ast.Name)}
        bound = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
        bound.update([node.arg for node in nodes if isinstance(node, ast.arg)])
        bound.update([node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))])
        bound.update([node.name for node in nodes if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name])
        imported, aliases = {}, {}
        for node in nodes:
            if isinstance(node, ast.Import):
                bound.update([(part.asname or part.name).split(".")[0] for part in node.names])
                for part in node.names:
                    if part.name.split(".")[0] not in library:
                        imported.setdefault(part.name, set())
                        aliases.setdefault(part.asname or part.name, set()).add(part.name)
            elif isinstance(node, ast.ImportFrom):
                bound.update([part.asname or part.name for part in node.names])
                if node.level == 0 and node.module and node.module.split(".")[0] not in library:
                    imported.setdefault(node.module, set()).update([part.name for part in node.names])
        names = {name for name in read if not hasattr(builtins, name)}
        tested = {name for name in imported if name.split(".")[0] not in WELL_KNOWN and name != "pytest"}
        if not names - bound and not tested:
            names.update([node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)])
        attributes = [node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
        for node in attributes:
            for name in aliases.get(node.value.id, ()):
                imported[name].add(node.attr)
        return names, bound, {node.value.id for node in attributes if node.value.id in library}, imported, first_bound(source)

    def first_bound(source):
        """The names that a test binds at its top level before it reads them anywhere: those are its own. Imports do not count."""
        read, own = set(), set()
        def store(name):
            if name and name not in read:
                own.add(name)
        def visit(node):
            if isinstance(node, ast.Name):
                if isinstance(node.ctx, ast.Load):
                    read.add(node.id)
                else:
                    store(node.id)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.ListComp, ast.SetComp,
                                   ast.DictComp, ast.GeneratorExp)):
                read.update([part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)])
                store(getattr(node, "name", None))
            elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr)):
                if node.value is not None:
                    visit(node.value)
                    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                        read.add(node.target.id)
                    for target in targets:
                        visit(target)
            elif isinstance(node, (ast.For, ast.AsyncFor)):
                for part in (node.iter, node.target, *node.body, *node.orelse):
                    visit(part)
            else:
                if isinstance(node, (ast.MatchAs, ast.MatchStar)):
                    store(node.name)
                for part in ast.iter_child_nodes(node):
                    if isinstance(part, ast.ExceptHandler):
                        if part.type is not None:
                            visit(part.type)
                        store(part.name)
                        for inner in part.body:
                            visit(inner)
                    else:
                        visit(part)
        visit(ast.parse(source))
        return own

    def missing_modules(imported):
        imported.pop("pytest", None)
        if not imported:
            return {}
        import importlib.util
        return {name: parts for name, parts in imported.items() if importlib.util.find_spec(name.split(".")[0]) is None}

    WELL_KNOWN = frozenset("attr attrs bs4 dateutil faker flask freezegun hypothesis matplotlib mock networkx nose numpy pandas "
                           "parameterized PIL pydantic pytz requests scipy six sklearn sympy tensorflow torch yaml".split())

    def offer_modules(missing, offered, unbound, bound):
        """A test may import what it tests: a module that this machine does not have is the program, unless the test knows the
        program by names that it does not import, or the module is a library that everyone knows."""
        import builtins
        of_test = {name for name in unbound if name in offered}
        library = getattr(sys, "stdlib_module_names", sys.modules)
        every = {name for name in of_test if not hasattr(builtins, name) and name not in library}
        for name, parts in missing.items():
            starred = "*" in parts
            if name.split(".")[0] in WELL_KNOWN or of_test and not starred:
                continue
            own = {part: offered[part] for part in (every if starred else parts) if part in offered}
            if own:
                module = types.ModuleType(name)
                module.__dict__.update(own)
                sys.modules[name] = module
                while "." in name:
                    name, _, last = name.rpartition(".")
                    package = sys.modules.setdefault(name, types.ModuleType(name))
                    package.__path__ = []
                    setattr(package, last, module)
                    module = package

    def judge(request, send):
        link = 4
        module = types.ModuleType("__main__")
        namespace = module.__dict__
        namespace["__builtins__"] = __builtins__
        sys.modules["__main__"] = module
        def verdict(*fields):
            # What the program says is shown: nothing in it may steer a terminal, or look like the next field.
            clean = ["".join([sign if sign >= " " and not "\x7f" <= sign <= "\x9f" or sign in "\n\t" else "\ufffd"
                              for sign in field]) for field in fields]
            send(b"V", "\x1f".join(clean))
            return 0
        try:
            compile(request["source"] + "\n", "<program>", "exec", dont_inherit=True)
            code = compile_noting(request["source"] + "\n", "<program>")
            setup = compile_noting(request["setup"] + "\n", "<setup>")
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            fields = describe(error)
            return verdict("broken", *fields[1:])
        if not ast.parse(request["source"]).body:
            return verdict("broken", "ValueError", "the test asks nothing", "0")
        whole = request["setup"] + "\n" + request["source"]
        receive, report, overruled, broken, refusals, is_mirror = make_remote(link, namespace, "StopIteration" in whole)
        asked = names_read(whole)
        slips = namespace[SLIPS] = Slips()
        own_pytest = make_pytest(slips) if "pytest" in whole or "capsys" in whole else None
        if own_pytest is not None:
            sys.modules["pytest"] = namespace["pytest"] = own_pytest
        guard_evaluation(whole, namespace, is_mirror)
        run_case = watch_unittest(slips, namespace) if "unittest" in whole else None
        try:
            receive(*asked)
        except LinkClosed:
            return verdict("gone", "", "", "0")
        except Exception:
            return verdict("raised", "exception", "ProtocolError", "the program sent what is no list of names", "0")
        for name in asked[2]:
            # Suites leave such imports to the program; a right program without them is right all the same.
            try:
                namespace[name] = __import__(name)
            except ImportError:
                pass
        try:
            if "capsys" in whole:
                namespace["capsys"] = own_pytest.capture()
            exec(setup, namespace)
            exec(code, namespace)
            run_uncalled(request["source"], namespace, run_case)
            if broken:
                return verdict(*broken[0])
            if slips.found:
                message, line = slips.found[0]
                return verdict("failed", "AssertionError", message or "an assertion was false, and its error was swallowed",
                               str(line))
        except LinkClosed:
            return verdict("gone", "", "", "0")
        except ProgramFailure as failure:
            return verdict("raised", *failure.args)
        except BaseException as error:
            if broken:
                return verdict(*broken[0])
            known = report(error)
            if known is not None:
                return verdict("raised", *known)
            fields = describe(error)
            if isinstance(error, AssertionError):
                if overruled and not fields[2]:
                    fields[2] = "objects of %s differ, though their own __eq__ calls them equal" % plain(overruled[-1])
                return verdict("failed", *fields[1:])
            if isinstance(error, (NameError, ImportError, SystemExit)):
                return verdict("broken", *fields[1:])
            return verdict("raised", *fields)
        if refusals:
            return verdict("broken", "TypeError", "it rests on what cannot be judged: " + plain(refusals[0]), "0")
        return verdict("passed", "", "", "0")
    """#
}
