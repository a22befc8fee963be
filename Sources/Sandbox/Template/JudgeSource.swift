extension PythonTemplate {
  /// The judge: a test, run apart from the program it tests.
  static let judging = #"""
    # The judge: runs a test in a sandbox of its own, apart from the program. It sees the program as names whose calls travel
    # over a link; expected values never do.
    class ProgramFailure(Exception):
        """Marks an exception that the program raised."""

    def make_remote(link, kept):
        counter = [0]
        broken = []
        def other(tag, *rest):
            if tag == "h":
                return Handle(int(rest[0]), str(rest[1]))
            raise ValueError("unknown tag %r" % (tag,))
        decode = make_decoder(other)
        def keep(value):
            if type(value) is Handle:
                return ["h", object.__getattribute__(value, "_number")]
            if type(value) is Remote:
                raise TypeError("a function of the program cannot be handed back to it")
            if callable(value):
                kept.append(value)
                return ["k", len(kept) - 1]
            raise TypeError("a value of type %s cannot be handed to the program" % type(value).__name__)
        encode = make_encoder(keep)
        def restore(argument, state):
            new = decode(state)
            if type(argument) is list and type(new) is list:
                argument[:] = new
            elif type(argument) is dict and type(new) is dict:
                argument.clear()
                argument.update(new)
            elif type(argument) is set and type(new) is set:
                argument.clear()
                argument.update(new)
            elif type(argument) is bytearray and type(new) is bytearray:
                argument[:] = new
        def ask(operation, target, arguments=(), named={}):
            counter[0] += 1
            number = counter[0]
            write_link(link, [number, operation, target, [encode(argument) for argument in arguments],
                              {key: encode(argument) for key, argument in named.items()}])
            for _ in range(1000000):
                try:
                    answer = read_link(link)
                    if answer[0] == "k":
                        try:
                            write_link(link, ["v", encode(kept[answer[1]](*[decode(item) for item in answer[2]]))])
                        except LinkClosed:
                            raise
                        except Exception as error:
                            write_link(link, ["x", type(error).__name__])
                        continue
                    if answer[0] == number and answer[1] == "v":
                        result = decode(answer[2])
                        for argument, state in zip(arguments, answer[3]):
                            if state is not None:
                                restore(argument, state)
                        return result
                    if answer[0] == number and answer[1] == "x":
                        kind, name, message, line = [str(part) for part in answer[2:6]]
                        break
                    raise ValueError("an answer out of order")
                except LinkClosed:
                    broken.append(("gone", "", "", "0"))
                    raise
                except Exception:
                    broken.append(("raised", "exception", "ProtocolError", "the program sent what is no answer", "0"))
                    raise ProgramFailure("exception", "ProtocolError", "the program sent what is no answer", "0") from None
            else:
                raise ProgramFailure("exception", "ProtocolError", "more than 1000000 callbacks", "0")
            raised = getattr(__import__("builtins"), name, None)
            if not (isinstance(raised, type) and issubclass(raised, Exception)):
                raised = Exception
            kinds = raises.get(raised)
            if kinds is None:
                kinds = raises[raised] = type(raised.__name__, (raised,), {})
            error = kinds.__new__(kinds)
            error.args = (message,)
            error.report = [kind, name, message, line]
            raise error
        raises = {}
        class Remote:
            __slots__ = ("_name",)
            def __init__(self, name):
                object.__setattr__(self, "_name", name)
            def __call__(self, *arguments, **named):
                return ask("call", object.__getattribute__(self, "_name"), arguments, named)
            def __getattr__(self, attribute):
                return ask("get", object.__getattribute__(self, "_name"), (attribute,))
            def __setattr__(self, attribute, value):
                raise TypeError("the program's objects cannot be changed by a test")
        class Handle:
            __slots__ = ("_number", "_type")
            def __init__(self, number, kind):
                object.__setattr__(self, "_number", number)
                object.__setattr__(self, "_type", kind)
            def __call__(self, *arguments, **named):
                return ask("call", object.__getattribute__(self, "_number"), arguments, named)
            def __getattr__(self, attribute):
                return ask("get", object.__getattribute__(self, "_number"), (attribute,))
            def __setattr__(self, attribute, value):
                raise TypeError("the program's objects cannot be changed by a test")
            def __getitem__(self, key):
                return ask("item", object.__getattribute__(self, "_number"), (key,))
            def __iter__(self):
                return iter(ask("iterate", object.__getattribute__(self, "_number")))
            def __next__(self):
                return ask("next", object.__getattribute__(self, "_number"))
            def __len__(self):
                return int(ask("length", object.__getattribute__(self, "_number")))
            def __bool__(self):
                return ask("truth", object.__getattribute__(self, "_number")) is True
            def __contains__(self, item):
                return ask("contains", object.__getattribute__(self, "_number"), (item,)) is True
            def __str__(self):
                return str(ask("text", object.__getattribute__(self, "_number")))
            def __repr__(self):
                return str(ask("represent", object.__getattribute__(self, "_number")))
            # An object of the program may call itself equal to everything. Only against another of the program's objects is
            # its word taken; against data it is never equal.
            def __eq__(self, another):
                if type(another) is not Handle:
                    return False
                return ask("equal", object.__getattribute__(self, "_number"), (another,)) is True
            def __lt__(self, another):
                if type(another) is not Handle:
                    return NotImplemented
                return ask("less", object.__getattribute__(self, "_number"), (another,)) is True
            __hash__ = None
        return Remote, decode, broken

    def names_read(source):
        """The free names of a test that a program may supply, and those among them that the test uses as modules of the
        standard library, for which a program's own things may not stand in. A builtin's name is supplied by the program only
        where the test has no other: then that is the function under test."""
        import builtins
        nodes = list(ast.walk(ast.parse(source)))
        found = {node.id for node in nodes if isinstance(node, ast.Name)}
        names = sorted(name for name in found if not hasattr(builtins, name))
        if not names:
            names = sorted({node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)})
        known = getattr(sys, "stdlib_module_names", sys.modules)
        modules = {node.value.id for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)}
        return names, {name for name in modules if name in known}

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
        Remote, decode, broken = make_remote(link, [])
        try:
            wanted, modules = names_read(request["setup"] + "\n" + request["source"])
            allowed = set(wanted)
            write_link(link, wanted)
            for name, kind, detail in read_link(link):
                if name not in allowed:
                    continue
                if name in modules:
                    continue
                if kind == "module":
                    if detail.split(".")[0] in getattr(sys, "stdlib_module_names", sys.modules):
                        __import__(detail)
                        namespace[name] = sys.modules[detail]
                elif kind == "callable":
                    namespace[name] = Remote(name)
                else:
                    namespace[name] = decode(detail)
        except LinkClosed:
            return verdict("gone", "", "", "0")
        except Exception:
            return verdict("raised", "exception", "ProtocolError", "the program sent what is no list of names", "0")
        for name in modules:
            # Suites leave such imports to the program; a right program without them is right all the same.
            try:
                namespace[name] = __import__(name)
            except ImportError:
                pass
        try:
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
            report = getattr(error, "report", None)
            if report is not None:
                return verdict("raised", *report)
            fields = describe(error)
            if isinstance(error, AssertionError):
                return verdict("failed", *fields[1:])
            if isinstance(error, (NameError, ImportError, SystemExit)):
                return verdict("broken", *fields[1:])
            return verdict("raised", *fields)
        return verdict("passed", "", "", "0")
    """#
}
