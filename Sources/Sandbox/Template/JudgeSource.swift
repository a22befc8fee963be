extension PythonTemplate {
  /// The judge: a test, run apart from the program it tests.
  static let judging = #"""
    # The judge: runs a test in a sandbox of its own, apart from the program. It sees the program as mirrors of its objects and
    # classes, whose calls travel over a link; expected values never do.
    class ProgramFailure(Exception):
        """Marks an exception that the program raised."""

    def make_remote(link, namespace):
        """The link's end at the judge: what reads names, and what went wrong."""
        counter, broken, callables, given = [0], [], [], {}
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
        def keep(value, level):
            named = name_thing(value)
            if named is not None or isinstance(value, data):
                return named
            if callable(value):
                callables.append(value)
                return ["k", len(callables) - 1]
            raise TypeError("a value of type %s cannot be handed to the program" % type(value).__name__)
        encode, _ = make_encoder(keep)
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
            write_link(link, [number, operation, encode(target), [encode(argument) for argument in arguments],
                              {key: encode(argument) for key, argument in named.items()},
                              [name for name in own_streams if getattr(sys, name) is not own_streams[name]]])
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
            reports[id(error)] = (error, [kind, name, message, line])
            return error
        reports = {}
        def report(error):
            return reports.get(id(error), (None, None))[1]
        define, thing, class_handed, name_thing, trust, overruled = make_mirrors(ask)
        def receive(wanted, bound, modules, imported):
            """Asks for the names that the test reads, and puts them into its namespace; what it imports from a module that this
            machine does not have is the program's as well."""
            library = getattr(sys, "stdlib_module_names", sys.modules)
            missing = missing_modules(imported)
            write_link(link, sorted(wanted.union(*missing.values())))
            names, news = read_link(link)
            learn(news)
            offered = {}
            for name, kind, detail in names:
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
            offer_modules(missing, offered)
        return receive, report, overruled, broken

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
        if not names - bound:
            names.update([node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)])
        attributes = [node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
        for node in attributes:
            for name in aliases.get(node.value.id, ()):
                imported[name].add(node.attr)
        return names, bound, {node.value.id for node in attributes if node.value.id in library}, imported

    def missing_modules(imported):
        if imported.pop("pytest", None) is not None:
            sys.modules["pytest"] = make_pytest()
        if not imported:
            return {}
        import importlib.util
        return {name: parts for name, parts in imported.items() if importlib.util.find_spec(name.split(".")[0]) is None}

    def offer_modules(missing, offered):
        """A test may import what it tests: a module that this machine does not have is the program."""
        for name, parts in missing.items():
            own = {part: offered[part] for part in (offered if "*" in parts else parts) if part in offered}
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
            send(b"V", "\x1f".join(fields))
            return 0
        try:
            code = compile(request["source"] + "\n", "<program>", "exec", dont_inherit=True)
            setup = compile(request["setup"] + "\n", "<setup>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            fields = describe(error)
            return verdict("broken", *fields[1:])
        if not ast.parse(request["source"]).body:
            return verdict("broken", "ValueError", "the test asks nothing", "0")
        receive, report, overruled, broken = make_remote(link, namespace)
        asked = names_read(request["setup"] + "\n" + request["source"])
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
            if "capsys" in asked[0] and "capsys" not in namespace:
                namespace["capsys"] = make_pytest().capture()
            exec(setup, namespace)
            exec(code, namespace)
            if broken:
                return verdict(*broken[0])
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
        return verdict("passed", "", "", "0")
    """#
}
