extension PythonTemplate {
  /// The tracer: events, changed locals, values written down without running the program's code.
  static let tracing = #"""
    def make_renderer(most_items, most_characters):
        """Writes a value down without running any code of the program: never its repr, its attributes or its hash."""
        exact, identity, length, short, ordered, represent = type, id, len, min, sorted, repr
        mro_of = type.__dict__["__mro__"].__get__
        name_of = type.__dict__["__name__"].__get__
        members_of = type.__dict__["__dict__"].__get__
        function_name = types.FunctionType.__dict__["__name__"].__get__
        Text, Whole, Getset, Failed = str, int, types.GetSetDescriptorType, BaseException
        from itertools import islice
        join = ", ".join
        deepest = 4

        def text(value, level):
            size = Text.__len__(value)
            if size > most_characters:
                return represent(Text.__getitem__(value, slice(0, most_characters))) + "…+%d" % (size - most_characters)
            return represent(Text.__str__(value))
        def octets(value, level):
            size = length(value)
            if size > most_characters:
                return represent(bytes(value[:most_characters])) + "…+%d" % (size - most_characters)
            return represent(bytes(value))
        def whole(value, level):
            bits = Whole.bit_length(value)
            return "<int of %d bits>" % bits if bits > 512 else Whole.__repr__(value)
        def items(iterator, size, level):
            parts = [render(item, level + 1) for item in islice(iterator, most_items)]
            if size > most_items:
                parts.append("…+%d" % (size - most_items))
            return parts
        def sequence(opening, closing, iterate, size_of):
            def write(value, level):
                size = size_of(value)
                if level >= deepest and size:
                    return opening + "…" + closing
                parts = items(iterate(value), size, level)
                if opening == "(" and size == 1:
                    return "(" + parts[0] + ",)"
                return opening + join(parts) + closing
            return write
        def bag(opening, closing, iterate, size_of):
            def write(value, level):
                size = size_of(value)
                if size == 0:
                    return "set()" if opening == "{" else opening + closing
                if level >= deepest:
                    return opening + "…" + closing
                parts = ordered([render(item, level + 1) for item in islice(iterate(value), most_items)])
                if size > most_items:
                    parts.append("…+%d" % (size - most_items))
                return opening + join(parts) + closing
            return write
        def mapping(value, level):
            size = dict.__len__(value)
            if level >= deepest and size:
                return "{…}"
            parts = [render(key, level + 1) + ": " + render(item, level + 1)
                     for key, item in islice(dict.items(value), most_items)]
            if size > most_items:
                parts.append("…+%d" % (size - most_items))
            return "{" + join(parts) + "}"
        from collections import deque
        forms = {
            identity(Text): text, identity(Whole): whole, identity(bytes): octets, identity(bytearray): octets,
            identity(float): lambda value, level: float.__repr__(value),
            identity(complex): lambda value, level: complex.__repr__(value),
            identity(bool): lambda value, level: "True" if value else "False",
            identity(exact(None)): lambda value, level: "None",
            identity(exact(...)): lambda value, level: "...",
            identity(range): lambda value, level: represent(value),
            identity(list): sequence("[", "]", list.__iter__, list.__len__),
            identity(tuple): sequence("(", ")", tuple.__iter__, tuple.__len__),
            identity(deque): sequence("deque([", "])", deque.__iter__, deque.__len__),
            identity(set): bag("{", "}", set.__iter__, set.__len__),
            identity(frozenset): bag("frozenset({", "})", frozenset.__iter__, frozenset.__len__),
            identity(dict): mapping,
            identity(types.FunctionType): lambda value, level: "<function %s>" % function_name(value),
            identity(types.BuiltinFunctionType): lambda value, level: "<built-in function>",
            identity(types.ModuleType): lambda value, level: "<module>",
            identity(exact): lambda value, level: "<class %s>" % name_of(value),
        }
        form = forms.get

        def instance(value, kind, level):
            if level >= deepest:
                return "<%s>" % name_of(kind)
            for base in mro_of(kind):
                own = members_of(base).get("__dict__")
                if own is not None:
                    if exact(own) is not Getset:
                        break
                    attributes = own.__get__(value)
                    if exact(attributes) is not dict:
                        break
                    parts = []
                    for key, item in islice(attributes.items(), most_items):
                        if exact(key) is Text:
                            parts.append(key + "=" + render(item, level + 1))
                    return "%s(%s)" % (name_of(kind), join(parts))
            return "<%s>" % name_of(kind)

        def render(value, level):
            kind = exact(value)
            write = form(identity(kind))
            if write is not None:
                return write(value, level)
            for base in mro_of(kind):
                write = form(identity(base))
                if write is not None:
                    return name_of(kind) + "(" + write(value, level) + ")"
            return instance(value, kind, level)

        def bounded(value, level):
            try:
                written = render(value, level)
            except Failed:
                return "<unreadable>"
            if length(written) > 4 * most_characters:
                return written[:4 * most_characters] + "…+%d" % (length(written) - 4 * most_characters)
            return written
        return bounded

    def make_tracer(send, options):
        most_events, most_bytes, deepest, most_items, most_characters, milliseconds = options
        render = make_renderer(most_items, most_characters)
        exact, identity, length, string, number_text = type, id, len, str, str
        clock, leave, settrace, Failed = time.monotonic, os._exit, sys.settrace, BaseException
        name_of = type.__dict__["__name__"].__get__
        Module, Mapping, Text, Code = types.ModuleType, dict, str, types.FunctionType
        arguments_of = BaseException.__dict__["args"].__get__
        Proxy = type(sys._getframe().f_locals) if sys.version_info < (3, 13) else type((lambda: sys._getframe().f_locals)())
        program, own = PROGRAM, "<template>"
        wrap = functools._lru_cache_wrapper
        def opaque(function):
            # Frames show their trace function to the program; this shell has no way in, and a call from the program through
            # it is seen by the tracer itself.
            return wrap(function, 0, False, tuple)
        atoms = {identity(kind) for kind in (int, float, str, bool, type(None))}
        guard = _thread.allocate_lock()
        deadline = clock() + milliseconds / 1000
        records = []
        # depth, frames, events, bytes, stopped, busy, installed, last flush
        depth, frames, events, size, stopped, busy, installed = 0, 0, 0, 0, "", False, False
        hidden = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}
        separator, end = "\x1f", "\x1e"

        def flush():
            with guard:
                count = length(records)
                if count == 0:
                    return
                chunk = end.join(records[:count])
                del records[:count]
            send(b"T", chunk)

        def tamper(what):
            try:
                flush()
            except Failed:
                pass
            send(b"X", what)
            leave(86)

        def stop(reason):
            nonlocal stopped
            if not stopped:
                stopped = reason
                settrace(None)
                flush()
                send(b"C", reason)

        def record(kind, line, frame_number, name, extra, changes):
            nonlocal events, size
            fields = [kind, number_text(line), number_text(depth), number_text(frame_number), name, extra, *changes]
            text = separator.join(fields)
            if text.count(separator) != length(fields) - 1 or end in text:
                text = separator.join([field.replace(separator, "?").replace(end, "?") for field in fields])
            events += 1
            size += length(text) + 1
            records.append(text)
            if events >= most_events:
                stop("events")
            elif size >= most_bytes:
                stop("bytes")
            elif events & 15 == 0:
                if clock() > deadline:
                    stop("time")
                elif length(records) >= 512:
                    flush()

        def changed(frame, last):
            found = frame.f_locals
            if exact(found) is not Mapping:
                if exact(found) is not Proxy:
                    return []
                found = Mapping(found)
            out = []
            for name, value in [*found.items()]:
                if exact(name) is not Text or name[:2] == "__":
                    continue
                kind = exact(value)
                before = last.get(name)
                if identity(kind) in atoms:
                    if before is not None and before[0] is value and before[1] is kind:
                        continue
                    text = render(value, 0)
                    last[name] = (value, kind, text)
                else:
                    if kind is Module:
                        continue
                    text = render(value, 0)
                    if before is not None and before[2] == text:
                        continue
                    last[name] = (None, None, text)
                out += (name, name_of(kind), text)
            return out

        def enter(frame, event, argument):
            nonlocal busy, depth, frames
            if event != "call":
                return None
            code = frame.f_code
            file = code.co_filename
            if file != program:
                if file == own:
                    tamper("called the tracer")
                return None
            name = code.co_name
            if stopped or name in hidden:
                return None
            depth += 1
            if depth > deepest:
                return deep_shell
            busy = True
            try:
                frames += 1
                number, last, unwound = frames, {}, False
                def step(frame, event, argument):
                    nonlocal busy, depth, unwound
                    if stopped:
                        return None
                    busy = True
                    try:
                        if event == "line":
                            unwound = False
                            record("L", frame.f_lineno, number, name, "", changed(frame, last))
                        elif event == "return":
                            if not unwound:
                                record("R", frame.f_lineno, number, name, render(argument, 0), changed(frame, last))
                            depth -= 1
                        elif event == "exception":
                            unwound = True
                            kind, error = argument[0], argument[1]
                            given = arguments_of(error) if error is not None else ()
                            shown = ": " + render(given[0], 0) if length(given) else ""
                            record("X", frame.f_lineno, number, name, name_of(kind) + shown, changed(frame, last))
                    except RecursionError:
                        return None
                    finally:
                        busy = False
                    return shell
                shell = opaque(step)
                record("C", frame.f_lineno, number, name, "", changed(frame, last))
                return None if stopped else shell
            except RecursionError:
                return None
            finally:
                busy = False

        def deep(frame, event, argument):
            nonlocal depth
            if event == "return":
                depth -= 1
            return deep_shell
        deep_shell = opaque(deep)

        watched = {
            "sys.setprofile", "gc.get_objects", "gc.get_referrers", "gc.get_referents", "sys._current_frames",
            "sys._current_exceptions", "sys.monitoring.register_callback", "code.__new__", "ctypes.dlopen",
        }
        def audit(event, arguments):
            nonlocal installed
            if event in watched:
                tamper(event)
            elif event == "sys.settrace":
                if not installed:
                    installed = True
                elif not stopped:
                    tamper("sys.settrace")
            elif event == "object.__getattr__":
                if arguments[1] == "__closure__" or busy:
                    tamper("read " + arguments[1])
            elif event == "object.__setattr__":
                if arguments[1] == "__code__":
                    tamper("replaced __code__")
            elif busy and event == "sys._getframe":
                tamper("sys._getframe within the tracer")
        sys.addaudithook(audit)
        return opaque(enter), flush
    """#
}
