extension PythonTemplate {
  /// Values between a judged program and its judge, and the program's side of the link.
  static let codec = #"""
    # Values on the wire between a judged program and its judge: data alone. What is not data stays where it is and is named
    # by a number.
    def make_encoder(keep):
        from collections import deque
        from datetime import date, datetime, time, timedelta
        from decimal import Decimal
        from fractions import Fraction
        exact = type
        def encode(value, level=0):
            kind = exact(value)
            if value is None or kind is bool or kind is str or kind is float:
                return value
            if kind is int:
                return value if -(1 << 60) < value < (1 << 60) else ["I", "%x" % value]
            if level > 60:
                raise ValueError("nested more than 60 deep")
            if isinstance(value, bool):
                return True if value else False
            base = kind
            for candidate in type.__dict__["__mro__"].__get__(kind):
                if candidate in (int, float, str, list, tuple, dict, set, frozenset, bytes, bytearray, complex, deque,
                                 Decimal, Fraction):
                    base = candidate
                    break
            if base is int:
                return encode(int.__add__(value, 0))
            if base is float:
                return float.__pos__(value)
            if base is str:
                return str.__getitem__(value, slice(None)) + ""
            if base is list:
                return ["l", [encode(item, level + 1) for item in list.__iter__(value)]]
            if base is tuple:
                return ["t", [encode(item, level + 1) for item in tuple.__iter__(value)]]
            if base is dict:
                return ["d", [[encode(key, level + 1), encode(item, level + 1)] for key, item in dict.items(value)]]
            if base is set:
                return ["s", [encode(item, level + 1) for item in set.__iter__(value)]]
            if base is frozenset:
                return ["z", [encode(item, level + 1) for item in frozenset.__iter__(value)]]
            if base is deque:
                return ["q", [encode(item, level + 1) for item in deque.__iter__(value)]]
            if base is bytes or base is bytearray:
                return ["b" if base is bytes else "a", bytes(value).decode("latin-1")]
            if base is complex:
                return ["c", value.real, value.imag]
            if kind is Decimal:
                return ["D", str(value)]
            if kind is Fraction:
                return ["F", "%x" % value.numerator, "%x" % value.denominator]
            if kind is range:
                return ["r", encode(value.start), encode(value.stop), encode(value.step)]
            if kind is timedelta:
                return ["T", "timedelta", [value.days, value.seconds, value.microseconds]]
            if kind is date or (kind is datetime or kind is time) and value.tzinfo is None:
                return ["T", kind.__name__, value.isoformat()]
            return keep(value)
        return encode

    def make_decoder(other):
        from collections import deque
        from datetime import date, datetime, time, timedelta
        from decimal import Decimal
        from fractions import Fraction
        moments = {"date": date, "datetime": datetime, "time": time}
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
                return deque([decode(item, level + 1) for item in rest[0]])
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
            if tag == "T":
                return timedelta(*rest[1]) if rest[0] == "timedelta" else moments[rest[0]].fromisoformat(rest[1])
            return other(tag, *rest)
        return decode

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

    def make_service(link):
        """In the program's process: answers the judge's calls until it hangs up."""
        kept = []
        space = {}
        def keep(value):
            for number, known in enumerate(kept):
                if known is value:
                    return ["h", number, type(value).__name__]
            kept.append(value)
            if len(kept) > 10000:
                raise ValueError("more than 10000 objects handed out")
            return ["h", len(kept) - 1, type(value).__name__]
        def other(tag, *rest):
            if tag == "h":
                return kept[rest[0]]
            if tag == "k":
                def callback(*arguments):
                    write_link(link, ["k", rest[0], [encode(argument) for argument in arguments]])
                    while True:
                        answer = read_link(link)
                        if answer[0] == "v":
                            return decode(answer[1])
                        if answer[0] == "x":
                            raise RuntimeError(answer[1])
                        respond(answer)  # what was called back calls the program in its turn
                return callback
            raise ValueError("unknown tag")
        encode, decode = make_encoder(keep), make_decoder(other)
        def perform(operation, target, arguments, named):
            subject = space[target] if type(target) is str else kept[target]
            if operation == "call":
                return subject(*arguments, **named)
            if operation == "get":
                return getattr(subject, arguments[0])
            if operation == "item":
                return subject[arguments[0]]
            if operation == "iterate":
                import itertools
                return list(itertools.islice(iter(subject), 100000))
            if operation == "next":
                return next(subject)
            if operation == "length":
                return len(subject)
            if operation == "truth":
                return bool(subject)
            if operation == "equal":
                return bool(subject == arguments[0])
            if operation == "less":
                return bool(subject < arguments[0])
            if operation == "contains":
                return arguments[0] in subject
            if operation == "text":
                return str(subject)
            return repr(subject)
        def respond(request):
            number, operation, target, arguments, named = request
            try:
                values = [decode(argument) for argument in arguments]
                keywords = {key: decode(argument) for key, argument in named.items()}
                result = perform(operation, target, values, keywords)
                after = [encode(value) if type(value) in (list, dict, set, bytearray) else None for value in values]
                after = [new if new != old else None for new, old in zip(after, arguments)]
                answer = [number, "v", encode(result), after]
            except LinkClosed:
                raise
            except BaseException as error:
                answer = [number, "x", *describe(error)]
            sys.stdout.flush()
            try:
                write_link(link, answer)
            except (ValueError, RecursionError) as error:
                write_link(link, [number, "x", "exception", "ValueError", str(error), "0"])
        def serve(namespace):
            nonlocal space
            space = namespace
            names = []
            try:
                wanted = [name for name in read_link(link) if type(name) is str]
            except LinkClosed:
                return
            for name in wanted:
                if name in namespace:
                    value = namespace[name]
                    if isinstance(value, types.ModuleType):
                        names.append([name, "module", value.__name__])
                    elif callable(value):
                        names.append([name, "callable", type(value).__name__])
                    else:
                        try:
                            names.append([name, "value", encode(value)])
                        except Exception:
                            pass
            try:
                write_link(link, names)
                while True:
                    respond(read_link(link))
            except LinkClosed:
                pass
        return serve
    """#
}
