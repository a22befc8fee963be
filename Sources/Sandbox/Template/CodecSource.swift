extension PythonTemplate {
  /// Values between a judged program and its judge.
  static let codec = #"""
    # Values on the wire between a judged program and its judge: data alone. What is not data stays where it is and is named
    # by a number.
    def named_types_of_language():
        """The types that are the same on both sides."""
        import collections, datetime, decimal, fractions
        found = {name: kind for name, kind in vars(__import__("builtins")).items() if type(kind) is type}
        for module, names in ((collections, "Counter OrderedDict defaultdict deque"), (decimal, "Decimal"), (fractions, "Fraction"),
                              (datetime, "date datetime time timedelta timezone")):
            found.update([(module.__name__ + "." + name, getattr(module, name)) for name in names.split()])
        return found

    # Made in the template, for all runs.
    TYPES_OF_LANGUAGE = named_types_of_language()
    NAMES_OF_TYPES = {id(kind): name for name, kind in TYPES_OF_LANGUAGE.items()}
    NAMES_OF_ERRORS = {id(kind): name for name, kind in vars(__import__("builtins")).items()
                       if isinstance(kind, type) and issubclass(kind, BaseException)}

    def make_encoder(keep, refused=lambda kind, message: kind(message)):
        """Writes values as data. `keep` names what is not of one of the exact types of data; where it gives None, the data in
        it is taken."""
        from collections import Counter, OrderedDict, defaultdict, deque
        from datetime import date, datetime, time, timedelta, timezone
        from decimal import Decimal
        from fractions import Fraction
        exact = type
        named_types = NAMES_OF_TYPES
        bases = (int, float, str, list, tuple, dict, set, frozenset, bytes, bytearray, complex, deque)
        views = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"}
        factories = {None: "", int: "int", float: "float", str: "str", list: "list", dict: "dict", set: "set", tuple: "tuple"}
        def sequence(iterate, tag):
            return lambda value, level: [tag, [encode(item, level) for item in iterate(value)]]
        def mapping(value, level):
            return ["d", [[encode(key, level), encode(item, level)] for key, item in dict.items(value)]]
        def default(value, level):
            factory = value.default_factory
            known = factories.get(factory) if factory is None or exact(factory) is type else None
            return ["M", "defaultdict", known or "", mapping(value, level)]
        forms = {
            list: sequence(list.__iter__, "l"), tuple: sequence(tuple.__iter__, "t"), dict: mapping,
            set: sequence(set.__iter__, "s"), frozenset: sequence(frozenset.__iter__, "z"),
            deque: lambda value, level: ["q", [encode(item, level) for item in deque.__iter__(value)], value.maxlen],
            bytes: lambda value, level: ["b", bytes(value).decode("latin-1")],
            bytearray: lambda value, level: ["a", bytes(value).decode("latin-1")],
            complex: lambda value, level: ["c", value.real, value.imag],
            Decimal: lambda value, level: ["D", str(value)],
            Fraction: lambda value, level: ["F", "%x" % value.numerator, "%x" % value.denominator],
            range: lambda value, level: ["r", encode(value.start), encode(value.stop), encode(value.step)],
            slice: lambda value, level: ["S", *[encode(part, level) for part in (value.start, value.stop, value.step)]],
            Counter: lambda value, level: ["M", "Counter", "", mapping(value, level)],
            OrderedDict: lambda value, level: ["M", "OrderedDict", "", mapping(value, level)],
            defaultdict: default,
            timedelta: lambda value, level: ["T", "timedelta", [value.days, value.seconds, value.microseconds]],
            type(...): lambda value, level: ["E", "Ellipsis"],
            type(NotImplemented): lambda value, level: ["E", "NotImplemented"],
        }
        for kind, name in views.items():
            forms[kind] = lambda value, level, name=name: ["V", name, [encode(item, level) for item in value]]
        moments = {date, datetime, time}
        form = forms.get
        def encode(value, level=0):
            kind = exact(value)
            if value is None or kind is bool or kind is str or kind is float:
                return value
            if kind is int:
                return value if -(1 << 60) < value < (1 << 60) else ["I", "%x" % value]
            if level > 60:
                raise refused(ValueError, "nested more than 60 deep")
            write = form(kind)
            if write is not None:
                return write(value, level + 1)
            if kind in moments and (kind is date or value.tzinfo is None or exact(value.tzinfo) is timezone):
                return ["T", kind.__name__, value.isoformat()]
            if id(value) in named_types:
                return ["B", named_types[id(value)]]
            named = keep(value, level)
            if named is not None:
                return named
            return plain_data(value, kind, level)
        def plain_data(value, kind, level):
            """The data in an instance of a class that derives from data."""
            for base in type.__dict__["__mro__"].__get__(kind):
                if base is int:
                    return encode(int.__add__(value, 0))
                if base is float:
                    return float.__pos__(value)
                if base is str:
                    return str.__getitem__(value, slice(None)) + ""
                if base is complex:
                    return ["c", complex.real.__get__(value), complex.imag.__get__(value)]
                if base in bases:
                    return forms[base](value, level + 1)
            raise TypeError("a value of type %s cannot be handed over" % type.__dict__["__name__"].__get__(kind))
        return encode, plain_data

    def make_decoder(other):
        from collections import Counter, OrderedDict, defaultdict, deque
        from datetime import date, datetime, time, timedelta
        from decimal import Decimal
        from fractions import Fraction
        moments = {"date": date, "datetime": datetime, "time": time}
        types_of_language = TYPES_OF_LANGUAGE
        def view(name, items):
            if name == "items":
                return dict(items).items()
            return dict.fromkeys(items).keys() if name == "keys" else dict(enumerate(items)).values()
        def mapping(name, factory, items):
            if name == "Counter":
                return Counter(items)
            if name == "OrderedDict":
                return OrderedDict(items)
            made = defaultdict(types_of_language[factory] if factory else None)
            made.update(items)
            return made
        def decode(value, level=0):
            if type(value) is not list:
                return value
            if level > 61:
                raise ValueError("nested more than 60 deep")
            tag, rest = value[0], value[1:]
            if tag == "l":
                return [decode(item, level + 1) for item in rest[0]]
            if tag == "t":
                return tuple([decode(item, level + 1) for item in rest[0]])
            if tag == "d":
                return {decode(key, level + 1): decode(item, level + 1) for key, item in rest[0]}
            if tag == "s":
                return {decode(item, level + 1) for item in rest[0]}
            if tag == "z":
                return frozenset([decode(item, level + 1) for item in rest[0]])
            if tag == "q":
                return deque([decode(item, level + 1) for item in rest[0]], rest[1])
            if tag == "I":
                return int(rest[0], 16)
            if tag == "b":
                return rest[0].encode("latin-1")
            if tag == "a":
                return bytearray(rest[0].encode("latin-1"))
            if tag == "c":
                return complex(rest[0], rest[1])
            if tag == "D":
                return Decimal(rest[0])
            if tag == "F":
                return Fraction(int(rest[0], 16), int(rest[1], 16))
            if tag == "r":
                return range(*[decode(part) for part in rest])
            if tag == "S":
                return slice(*[decode(part, level + 1) for part in rest])
            if tag == "M":
                return mapping(rest[0], rest[1], decode(rest[2], level + 1))
            if tag == "V":
                return view(rest[0], [decode(item, level + 1) for item in rest[1]])
            if tag == "E":
                return NotImplemented if rest[0] == "NotImplemented" else ...
            if tag == "B":
                return types_of_language[rest[0]]
            if tag == "T":
                return timedelta(*rest[1]) if rest[0] == "timedelta" else moments[rest[0]].fromisoformat(rest[1])
            return other(tag, *rest)
        return decode

    def restore(argument, new):
        """Brings what a function has changed in place up to date."""
        kind = type(argument)
        if kind is not type(new) or kind not in changeable_types():
            return False
        if kind is list or kind is bytearray:
            argument[:] = new
        else:
            argument.clear()
            argument.update(new) if hasattr(kind, "update") else argument.extend(new)
        return True

    def changeable_types():
        """The types of data that a function may change in place."""
        from collections import Counter, OrderedDict, defaultdict, deque
        return list, dict, set, bytearray, deque, Counter, OrderedDict, defaultdict

    class LinkClosed(BaseException):
        pass

    MOST_LINK_BYTES = 16 << 20

    def write_link(link, message):
        body = json.dumps(message, separators=(",", ":")).encode()
        if len(body) > MOST_LINK_BYTES:
            raise ValueError("a value of %d bytes is more than %d" % (len(body), MOST_LINK_BYTES))
        frame = struct.pack("<I", len(body)) + body
        try:
            while frame:
                frame = frame[os.write(link, frame):]
        except OSError:
            raise LinkClosed() from None

    def read_link(link):
        def exactly(count):
            parts = []
            while count:
                try:
                    part = os.read(link, min(count, 1 << 20))
                except OSError:
                    part = b""
                if not part:
                    raise LinkClosed()
                parts.append(part)
                count -= len(part)
            return b"".join(parts)
        size = struct.unpack("<I", exactly(4))[0]
        if size > MOST_LINK_BYTES:
            raise ValueError("a message of %d bytes" % size)
        return json.loads(exactly(size))
    """#
}
