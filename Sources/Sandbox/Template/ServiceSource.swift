extension PythonTemplate {
  /// The program's side of the link to its judge.
  static let servicing = #"""
    # The program's side of the link: it answers what the judge asks. What it says of classes is testimony: it serves to name
    # things, never to compare them with data.
    OPERATIONS = frozenset(
        "len iter next reversed bool int float index complex abs neg pos invert round trunc floor ceil str repr format bytes "
        "fspath call getitem setitem delitem contains enter exit add radd iadd sub rsub isub mul rmul imul truediv rtruediv "
        "itruediv floordiv rfloordiv ifloordiv mod rmod imod divmod rdivmod pow rpow ipow matmul rmatmul imatmul and rand iand "
        "or ror ior xor rxor ixor lshift rlshift ilshift rshift rrshift irshift lt le gt ge".split())

    SPECIAL_NAMES = [("__%s__" % name, name) for name in (*OPERATIONS, "eq")]

    def make_registry():
        """Numbers for the objects and classes that are handed out, and what the judge is told of each class."""
        kept, numbers, classes, class_numbers, pending = [], {}, [], {}, []
        mro_of, members_of = type.__dict__["__mro__"].__get__, type.__dict__["__dict__"].__get__
        name_of, bases_of = type.__dict__["__name__"].__get__, type.__dict__["__bases__"].__get__
        module_of = type.__dict__["__module__"].__get__
        data = (int, float, str, tuple, bytes, frozenset, complex, list, dict, set, bytearray)
        from collections import deque
        data += (deque,)
        errors = NAMES_OF_ERRORS
        def number_of(value):
            number = numbers.get(id(value))
            if number is None:
                if len(kept) >= 100000:
                    raise ValueError("more than 100000 objects handed out")
                number = numbers[id(value)] = len(kept)
                kept.append(value)
            return number
        def text(value):
            return value if type(value) is str else ""
        def class_number(kind):
            number = class_numbers.get(id(kind))
            if number is None:
                mro = mro_of(kind)
                bases = [errors[id(base)] if id(base) in errors else class_number(base)
                         for base in bases_of(kind) if base is not object and base not in data]
                number = class_numbers[id(kind)] = len(classes)
                classes.append(kind)
                pending.append([number, *describe_class(kind, mro), bases])
            return number
        def data_base(mro):
            for base in mro:
                if base in data:
                    return base
            return None
        def describe_class(kind, mro):
            base = data_base(mro)
            def first(name):
                return next((members_of(step)[name] for step in mro if name in members_of(step)), None)
            own = set()
            for step in mro:
                if step is object or step is base or id(step) in errors:
                    break
                members = members_of(step)
                own.update([name for special, name in SPECIAL_NAMES if members.get(special) is not None])
            fields, compared = first("_fields") if base is tuple else None, first("__dataclass_fields__")
            hashed = first("__hash__")
            return [text(name_of(kind)), text(module_of(kind)), "" if base is None else name_of(base),
                    sorted(own - {"eq"}), base is None and "eq" in own,
                    "no" if hashed is None else "identity" if hashed is object.__hash__ else "own",
                    list(fields) if type(fields) is tuple and all([type(name) is str for name in fields]) else None,
                    [name for name in compared if type(name) is str] if type(compared) is dict else None, type(kind) is not type]
        def news():
            told = pending[:]
            del pending[:]
            return told
        def reference(kind):
            return errors[id(kind)] if id(kind) in errors else class_number(kind)
        return kept, classes, number_of, reference, data_base, news

    def make_service(link):
        """In the program's process: answers the judge's calls until it hangs up."""
        kept, classes, number_of, reference, data_base, news = make_registry()
        immutable = frozenset([int, float, str, tuple, bytes, frozenset, complex])
        mro_of, members_of = type.__dict__["__mro__"].__get__, type.__dict__["__dict__"].__get__
        def keep(value, level):
            if isinstance(value, type):
                return ["y", reference(value)]
            kind = type(value)
            if isinstance(value, BaseException):
                return ["h", number_of(value), reference(kind), encode(BaseException.args.__get__(value), level + 1)]
            base = data_base(mro_of(kind))
            if base not in immutable:
                return ["h", number_of(value), reference(kind)]
            try:
                return ["h", number_of(value), reference(kind), plain_data(value, kind, level)]
            except ValueError:
                return None
        class Unwritten(ValueError):
            """A value that cannot be written down: not what the program says."""
        Unwritten.__name__ = "ValueError"
        encode, plain_data = make_encoder(keep, lambda kind, message: Unwritten(message))
        def other(tag, *rest):
            if tag == "h":
                return kept[rest[0]]
            if tag == "y":
                return classes[rest[0]]
            if tag == "k":
                def callback(*arguments, **named):
                    write_link(link, ["k", rest[0], [encode(argument) for argument in arguments],
                                      {key: encode(argument) for key, argument in named.items()}, news()])
                    while True:
                        answer = read_link(link)
                        if answer[0] == "v":
                            return decode(answer[1])
                        if answer[0] == "x":
                            kind = getattr(__import__("builtins"), answer[1], None)
                            raise (kind if isinstance(kind, type) and issubclass(kind, Exception) else RuntimeError)(answer[2])
                        respond(answer)  # what was called back calls the program in its turn
                return callback
            raise ValueError("unknown tag")
        decode = make_decoder(other)

        def state(subject):
            """What an object consists of, for the judge to compare: the fields of a dataclass, or all attributes."""
            kind = type(subject)
            for step in mro_of(kind):
                fields = members_of(step).get("__dataclass_fields__")
                if type(fields) is dict:
                    return [True] + [[name, getattr(subject, name)] for name, field in fields.items()
                                     if field.compare and field._field_type is sys.modules["dataclasses"]._FIELD]
            found = {}
            for step in mro_of(kind):
                slots = members_of(step).get("__slots__", ())
                for name in [slots] if type(slots) is str else slots:
                    slot = members_of(step).get(name)
                    if type(slot) is types.MemberDescriptorType:
                        try:
                            found[name] = slot.__get__(subject)
                        except AttributeError:
                            pass
            try:
                found.update(object.__getattribute__(subject, "__dict__"))
            except AttributeError:
                pass
            known = members_of(kind)
            cached = [name for name in found if type(known.get(name)) is functools.cached_property]
            # What the interpreter itself has made cannot be changed by a program: its own word is taken.
            built_in = kind.__flags__ & (1 << 8) != 0 or kind.__flags__ & (1 << 9) == 0
            return [built_in] + [[name, found[name]] for name in sorted(found) if name not in cached]
        def take(subject, most):
            """Up to so many further items, for as long as they come at once; with them what ended them, if anything did."""
            items, ends = [], time.monotonic() + 0.001
            while len(items) < most:
                try:
                    items.append(next(subject))
                except StopIteration:
                    return items, 1
                except Exception as error:
                    if not items:
                        raise
                    return items, error
                if time.monotonic() > ends:
                    break
            return items, 0
        def perform(operation, subject, arguments, named):
            if operation == "call":
                return subject(*arguments, **named)
            if operation == "get":
                return getattr(subject, arguments[0])
            if operation == "set":
                return setattr(subject, *arguments)
            if operation == "delete":
                return delattr(subject, arguments[0])
            if operation == "take":
                return take(subject, arguments[0])
            if operation == "equal":
                return bool(subject == arguments[0])
            if operation == "hash":
                return hash(subject)
            if operation == "state":
                return state(subject)
            if operation == "data":
                return Plain(subject)
            if operation == "instance":
                return isinstance(arguments[0], subject)
            if operation == "run":
                return __import__("asyncio").run(subject)
            if operation == "copy":
                return __import__("copy").copy(subject)
            if operation == "deepcopy":
                return __import__("copy").deepcopy(subject)
            if operation[:3] == "cls":
                return {"iter": iter, "len": len, "getitem": operator.getitem, "contains": operator.contains}[operation[3:]](
                    subject, *arguments)
            if operation == "bool":
                return bool(subject)
            return getattr(type(subject), "__%s__" % operation)(subject, *arguments)
        class Plain:
            """A value of which the data alone is asked for."""
            def __init__(self, value):
                self.value = value
        changeable = changeable_types()
        def captured(streams):
            """Puts streams of memory where the test has put streams of its own, and says how to put things back."""
            placed = []
            for name in streams:
                if name in ("stdout", "stderr"):
                    stream = io.StringIO()
                    placed.append((name, getattr(sys, name), stream))
                    setattr(sys, name, stream)
            def release():
                texts = {}
                for name, before, stream in placed:
                    if getattr(sys, name) is stream:
                        setattr(sys, name, before)
                    text = io.StringIO.getvalue(stream)
                    if text:
                        texts[name] = text
                        try:
                            before.write(text)
                        except Exception:
                            pass
                return texts
            return release
        tracked = {}
        def changes():
            """The data under names of the program that the test reads, where it is no longer what the judge was told."""
            found = {}
            for name, before in list(tracked.items()):
                try:
                    now = encode(space[name])
                except Exception:
                    del tracked[name]
                    continue
                if now != before:
                    found[name] = tracked[name] = now
            return found
        space = {}
        def respond(request):
            number, operation, target, arguments, named, streams = request
            release = captured(streams)
            try:
                subject = decode(target)
                values = [decode(argument) for argument in arguments]
                keywords = {key: decode(argument) for key, argument in named.items()}
                result = perform(operation, subject, values, keywords)
                after = []
                for value, old in zip(values + list(keywords.values()), arguments + list(named.values())):
                    new = encode(value) if type(value) in changeable else None
                    after.append(new if new != old else None)
                same = [place for place, value in enumerate(values) if value is result and type(value) in changeable]
                if same:
                    written = ["A", same[0]]
                elif type(result) is Plain:
                    written = plain_data(result.value, type(result.value), 0)
                else:
                    written = encode(result)
                answer = [number, "v", written, after]
            except LinkClosed:
                raise
            except BaseException as error:
                answer = [number, "x", *describe(error)]
                if type(error) is Unwritten:
                    answer[2] = "unwritten"
                try:
                    error.__traceback__ = None
                    answer.append(encode(error))
                except Exception:
                    answer.append(None)
            texts = release()
            sys.stdout.flush()
            try:
                write_link(link, answer + [texts, changes(), news()])
            except (ValueError, RecursionError) as error:
                write_link(link, [number, "x", "unwritten", "ValueError", str(error), "0", None, {}, {}, news()])
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
                        continue
                    try:
                        begun = time.monotonic()
                        written = encode(value)
                        names.append([name, "value", written])
                    except Exception:
                        continue
                    # Looked at again after each call, unless that would take long.
                    if type(written) is not list or written[0] not in ("h", "y", "k", "B"):
                        if time.monotonic() - begun < 0.0005:
                            tracked[name] = written
            try:
                write_link(link, [names, news()])
                while True:
                    respond(read_link(link))
            except LinkClosed:
                pass
        return serve
    """#
}
