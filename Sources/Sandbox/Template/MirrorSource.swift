extension PythonTemplate {
  /// The judge's stand-ins for a program's objects and classes.
  static let mirroring = #"""
    # What the judge has in place of the program's objects and classes. A mirror of a class is a class of the judge's own: it says
    # what derives from what, and passes on calls. A mirror of an object is an instance of it. Neither runs the program's code
    # here, and an object's `__eq__` alone never decides.
    DATA_BASES = {"int": int, "float": float, "str": str, "tuple": tuple, "bytes": bytes, "frozenset": frozenset,
                  "complex": complex}
    KNOWN_TYPES = {kind.__name__: kind for kind in (
        types.GeneratorType, types.FunctionType, types.BuiltinFunctionType, types.MethodType, map, filter, zip, enumerate, reversed,
        memoryview, property, type(iter([])), type(iter({})), type(iter(())), type(iter("")))}
    CHANGEABLE_BASES = ("list", "dict", "set", "bytearray", "deque")

    def make_mirrors(ask, refused):
        import builtins
        things, numbers, classes, overruled, comparing = {}, {}, {}, [], set()
        # Classes that the test knows by name, what it has made of them, and what came of its data meeting an object.
        trusted, made_here, tainted = set(), set(), set()
        def number_of(value):
            return numbers[id(value)]
        def is_thing(value):
            return id(value) in numbers
        def trusts(value):
            """Whether an object is asked how it compares with a test's data. What the program's functions return might answer
            for a number that it is to be compared with; what the test has made itself is asked."""
            return id(value) in made_here and id(value) not in tainted
        def trust(names):
            """Takes as classes what the test calls by names that begin with a capital, and by no other: a program could name
            the function that is tested for a class of its own."""
            kinds = [(name, kind) for name, kind in names.items() if type(kind) is Kind]
            trusted.update([kind for name, kind in kinds if name[:1].isupper()])
            trusted.difference_update([kind for name, kind in kinds if not name[:1].isupper()])

        class Kind(type):
            """Mirrors of classes."""
            def __new__(meta, name, bases, namespace, **named):
                raise refused(TypeError, "a test cannot derive a class from one of the program's")
            def __call__(cls, *arguments, **named):
                result = ask("call", cls, arguments, named)
                if is_thing(result) and cls in trusted:
                    made_here.add(id(result))
                return result
            def __getattr__(cls, name):
                return ask("get", cls, (name,))
            __doc__ = property(lambda cls: ask("get", cls, ("__doc__",)))
            __annotations__ = property(lambda cls: ask("get", cls, ("__annotations__",)))
            def __setattr__(cls, name, value):
                ask("set", cls, (name, value))
            def __delattr__(cls, name):
                ask("delete", cls, (name,))
            def __instancecheck__(cls, value):
                if type.__instancecheck__(cls, value):
                    return True
                return is_thing(value) and cls in asks_instances and ask("instance", cls, (value,)) is True
            def __iter__(cls):
                return iter(ask("clsiter", cls))
            def __len__(cls):
                return ask("clslen", cls)
            def __bool__(cls):
                return True
            def __contains__(cls, item):
                if is_thing(item):
                    return ask("clscontains", cls, (item,)) is True
                return any([found is item or found == item for found in cls])
            def __getitem__(cls, key):
                return ask("clsgetitem", cls, (key,))
            def __eq__(cls, another):
                return True if cls is another else NotImplemented
            __hash__ = type.__hash__

        def same(one, another):
            """Equality of two of the program's objects: their class must call them equal, and what they consist of must be."""
            pair = (number_of(one), number_of(another))
            if pair in comparing:
                return True
            if ask("equal", one, (another,)) is not True or type(one) is not type(another):
                return False
            comparing.add(pair)
            try:
                first, second = ask("state", one), ask("state", another)
                # The first element says whether even an empty state counts.
                if first == second and (first[0] is True or len(first) > 1):
                    return True
            finally:
                comparing.discard(pair)
            overruled.append(type(one).__name__)
            return False

        def get(self, name):
            return ask("get", self, (name,))
        def put(self, name, value):
            if name[:2] == "__" and isinstance(self, BaseException):
                return BaseException.__setattr__(self, name, value)
            ask("set", self, (name, value))
        def remove(self, name):
            ask("delete", self, (name,))
        def equal(self, another):
            if self is another:
                return True
            if not is_thing(another) or not (type(self) in comparable or type(another) in comparable):
                return NotImplemented
            return same(self, another)
        def hashed(self):
            return ask("hash", self)
        def take(self):
            """The iterator's further items: one at a time at first, for who knows what the next one costs."""
            taken = 0
            while True:
                items, state = ask("take", self, (1 if taken < 128 else 1024,))
                for item in items:
                    yield item
                if state == 1:
                    return
                if state != 0:
                    raise state
                taken += len(items)
        flows = {}
        def step(self):
            flow = flows.get(number_of(self))
            if flow is None:
                flow = flows[number_of(self)] = take(self)
            return next(flow)
        def contains(self, item):
            if is_thing(item) or trusts(self):
                return ask("contains", self, (item,)) is True
            if not any(["__iter__" in vars(step) for step in type(self).__mro__]):
                raise refused(TypeError, "a test's data is not handed to an object that the program has returned")
            return any([found is item or found == item for found in self])
        def data(self):
            return ask("data", self)

        documentation = property(lambda self: ask("get", self, ("__doc__",)))
        viewed, comparable, asks_instances = set(), set(), set()
        def is_viewed(value):
            return is_thing(value) and type(value) in viewed
        compares = frozenset(["lt", "le", "gt", "ge"])
        harmless = frozenset("mul rmul imul matmul rmatmul imatmul pow rpow ipow".split())
        unary = frozenset("len iter bool int float index complex abs neg pos invert round trunc floor ceil str repr format bytes "
                          "fspath getitem setitem delitem enter reversed".split())
        telling = frozenset("len iter bool int float index complex abs round trunc floor ceil reversed getitem".split())
        # What instances of the language's own classes that can change do by the data in them, and what they are asked.
        reading = ("__len__ __iter__ __contains__ __reversed__ __add__ __mul__ __rmul__ __or__ __and__ __sub__ __xor__ __lt__ "
                   "__le__ __gt__ __ge__ __eq__ __ne__ __repr__").split()
        changing = "getitem setitem delitem".split()
        def operation(name, by_data=None):
            """An operator. Where an object meets the test's data, which may be what it should have been, there must come an
            object of it, and that one no longer tells a number: `abs(f(3) - 7)` would be what the program likes it to be."""
            def perform(self, *arguments):
                is_tainted = id(self) in tainted
                if name in unary:
                    if is_tainted and name in telling:
                        raise refused(TypeError, "what an object makes of a test's data tells nothing of the object")
                elif is_thing(arguments[0]):
                    is_tainted = is_tainted or id(arguments[0]) in tainted
                elif by_data is not None:
                    return by_data(self, *arguments)
                elif name in compares:
                    if not trusts(self):
                        refused(TypeError, "an object that a function has returned is not compared with a test's data")
                        return NotImplemented
                elif name not in harmless:
                    is_tainted = True
                result = ask(name, self, arguments)
                if is_tainted and result is not NotImplemented:
                    if not is_thing(result):
                        if name in ("str", "repr", "setitem", "delitem"):
                            return result
                        raise refused(TypeError, "a test's data is not handed to an object that makes other data of it")
                    tainted.add(id(result))
                elif id(self) in made_here and is_thing(result):
                    made_here.add(id(result))
                return result
            return perform
        def call(self, *arguments, **named):
            return ask("call", self, arguments, named)
        def leave(self, kind, error, trace):
            # The exception stays here: the program is told of its type alone.
            return ask("exit", self, (kind, None, None))
        special_forms = {"call": call, "exit": leave, "contains": contains, "next": step}
        def snapshot(name, own):
            def perform(self, *arguments):
                if id(self) in tainted:
                    raise refused(TypeError, "what an object makes of a test's data tells nothing of the object")
                content = data(self)
                if not isinstance(content, own):
                    raise TypeError("the program sent no %s" % own.__name__)
                return getattr(content, name)(*[data(item) if is_viewed(item) else item for item in arguments])
            return perform

        def counted(perform, plain):
            """What there is in an object that a function has returned goes by the data in it, not by what it says."""
            return lambda self: perform(self) if trusts(self) else plain(self)

        def define(number, name, module, base, operations, has_equal, hashing, fields, compared, asks, bases):
            namespace = {"__slots__": (), "__module__": module or "__main__", "__doc__": documentation}
            parents, own = [], None
            for parent in bases:
                found = classes.get(parent) if type(parent) is int else vars(builtins).get(parent)
                if isinstance(found, type) and (type(found) is Kind or issubclass(found, BaseException)) and found not in parents:
                    parents.append(found)
            is_error = any([issubclass(parent, BaseException) for parent in parents])
            real = DATA_BASES.get(base)
            if real is not None:
                if not any([issubclass(parent, real) for parent in parents]):
                    parents.append(real)
                for special in ("__eq__", "__ne__", "__hash__", "__lt__", "__le__", "__gt__", "__ge__"):
                    namespace[special] = getattr(real, special)
            elif base in CHANGEABLE_BASES:
                own = TYPES_OF_LANGUAGE.get(base) or TYPES_OF_LANGUAGE["collections.deque"]
                for special in reading:
                    if hasattr(own, special):
                        namespace[special] = snapshot(special, own)
                for special in changing:
                    if hasattr(own, "__%s__" % special):
                        namespace["__%s__" % special] = operation(special)
                namespace.update(__hash__=None, __class__=property(lambda self: own))
            else:
                namespace["__eq__"] = equal
                if hashing == "no":
                    namespace["__hash__"] = None
                else:
                    namespace["__hash__"] = object.__hash__ if hashing == "identity" else hashed
                if module == "builtins" and name in KNOWN_TYPES:
                    namespace["__class__"] = property(lambda self: KNOWN_TYPES[name])
            for special in OPERATIONS.intersection(operations):
                # What compares with data goes by the data, where there is any.
                if real is None or special != "contains" and special not in compares:
                    by_data = None
                    if real is not None and special not in harmless:
                        by_data = getattr(real, "__%s__" % special, None)
                    elif own is not None:
                        by_data = snapshot("__%s__" % special, own) if hasattr(own, "__%s__" % special) else None
                    perform = special_forms.get(special) or operation(special, by_data)
                    plain = getattr(real or own, "__%s__" % special, None) if special in ("len", "iter", "reversed") else None
                    if plain is not None:
                        perform = counted(perform, plain if own is None else snapshot("__%s__" % special, own))
                    namespace["__%s__" % special] = perform
            if "next" in operations:
                namespace["__iter__"] = lambda self: self
            namespace.update(__getattr__=get, __setattr__=put, __delattr__=remove)
            if not is_error:
                namespace["__copy__"] = lambda self: ask("copy", self)
                namespace["__deepcopy__"] = lambda self, memory: ask("deepcopy", self)
            if fields is not None:
                for place, field in enumerate(fields):
                    if field.isidentifier() and field[0] != "_":
                        namespace.setdefault(field, property(operator.itemgetter(place)))
                namespace["_fields"] = tuple(fields)
            if compared is not None:
                namespace["__dataclass_fields__"] = dataclass_fields(compared)
            try:
                made = type.__new__(Kind, name or "object", tuple(parents), namespace)
            except TypeError:
                made = type.__new__(Kind, name or "object", () if real is None else (real,), namespace)
            classes[number] = made
            if base in CHANGEABLE_BASES:
                viewed.add(made)
            if has_equal:
                comparable.add(made)
            if asks:
                asks_instances.add(made)
        def dataclass_fields(names):
            import dataclasses
            found = {}
            for name in names:
                field = found[name] = dataclasses.field()
                field.name, field._field_type = name, dataclasses._FIELD
            return found

        def class_named(reference):
            if type(reference) is int:
                return classes[reference]
            kind = vars(builtins)[reference]
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):
                raise ValueError("no exception of the language")
            return kind
        raised = {}
        def thing(number, reference, *content):
            """The mirror of an object, always the same one for the same object."""
            found = things.get(number)
            if found is not None:
                return found
            kind = class_named(reference)
            if type(kind) is not Kind:
                # An exception of the language: with attributes that the program may have given it.
                base, kind = kind, raised.get(kind)
                if kind is None:
                    kind = raised[base] = type.__new__(Kind, base.__name__, (base,), {"__slots__": (), "__getattr__": get,
                                                                                     "__setattr__": put})
            if issubclass(kind, BaseException):
                arguments = content[0] if type(content[0]) is tuple else ()
                made = kind.__new__(kind, *arguments)
                BaseException.args.__set__(made, arguments)
            elif not content:
                made = object.__new__(kind)
            else:
                base = next(base for base in DATA_BASES.values() if issubclass(kind, base))
                made = base.__new__(kind, base(content[0]))
            numbers[id(made)] = number
            things[number] = made
            if kind.__name__ == "coroutine" and kind.__module__ == "builtins":
                return relay(made)
            return made
        async def relay(coroutine):
            return ask("run", coroutine)
        def name_thing(value):
            """How the program knows a value, where it is one of its own."""
            if id(value) in numbers:
                return ["h", numbers[id(value)]]
            if type(value) is Kind:
                for number, kind in classes.items():
                    if kind is value:
                        return ["y", number]
                return ["B", value.__name__]
            return None
        def class_handed(reference):
            """A class that comes as a value: what it makes is no longer taken for what the test has made."""
            kind = class_named(reference)
            trusted.discard(kind)
            return kind
        return define, thing, class_handed, name_thing, trust, overruled
    """#
}
