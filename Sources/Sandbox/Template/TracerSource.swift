extension PythonTemplate {
  /// The tracer: events and changed locals.
  static let tracing = #"""
    def make_tracer():
        """Made in the template, once: the trace function; the functions that send and that take what was written down; the one
        that arms them in a child; and the one that takes the traps away where nothing is traced."""
        render, bound = make_renderer(20, 120)
        exact, identity, length, string, number_text = type, id, len, str, str
        clock, leave, settrace, Failed = time.monotonic, os._exit, sys.settrace, BaseException
        look, thread, coroutine = sys._getframe, _thread.get_ident, types.coroutine.__code__
        name_of = type.__dict__["__name__"].__get__
        Module, Mapping, Text, List, Tuple = types.ModuleType, dict, str, list, tuple
        arguments_of = BaseException.__dict__["args"].__get__
        Proxy = type(sys._getframe().f_locals) if sys.version_info < (3, 13) else type((lambda: sys._getframe().f_locals)())
        program, own = PROGRAM, "<tracer>"
        wrap = functools._lru_cache_wrapper
        same, every, each = operator.is_, all, map
        def opaque(function):
            # Frames show their trace function to the program; this shell has no way in, and a call from the program through
            # it is seen by the tracer itself.
            return wrap(function, 0, False, tuple)
        atoms = frozenset([identity(kind) for kind in (int, float, str, bool, type(None))])
        guard = _thread.allocate_lock()
        records = []
        send = None
        most_events = most_bytes = deepest = 0
        deadline = 0.0
        # Whether this is a traced run, and the program's thread, once it is known.
        armed, owner = False, 0
        depth, frames, events, size, stopped, busy, installed = 0, 0, 0, 0, "", False, False
        hidden = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
        separator, end = "\x1f", "\x1e"
        # Sequences up to this length are looked at element by element, which is cheaper than to write them down again.
        short = 64

        def take():
            with guard:
                count = length(records)
                if count == 0:
                    return ""
                chunk = end.join(records[:count])
                del records[:count]
            return chunk

        def flush():
            chunk = take()
            if chunk and send is not None:
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

        def keep(text):
            nonlocal events, size
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

        def clean(text):
            if separator in text or end in text:
                return text.replace(separator, "?").replace(end, "?")
            return text

        def changed(frame, last):
            # One text for all that has changed, empty where nothing has.
            found = frame.f_locals
            if exact(found) is not Mapping:
                if exact(found) is not Proxy:
                    return ""
                found = Mapping(found)
            out = ""
            for name, value in [*found.items()]:
                if exact(name) is not Text or name[:2] == "__":
                    continue
                before, kind = last.get(name), exact(value)
                if identity(kind) in atoms:
                    if before is not None and before[0] is value and before[1] is kind:
                        continue
                    text = render(value, 0)
                    last[name] = (value, kind, text, None)
                else:
                    if kind is Module:
                        continue
                    parts = None
                    if (kind is List or kind is Tuple) and length(value) <= short:
                        # Elements that are atoms are as they were where they are the same.
                        parts = Tuple(value)
                        if before is not None and before[1] is kind:
                            known = before[3]
                            if known is not None and length(known) == length(parts) and every(each(same, known, parts)):
                                continue
                        if not atoms.issuperset(each(identity, each(exact, parts))):
                            parts = None
                    text = render(value, 0)
                    if before is not None and before[2] == text:
                        if parts is not None:
                            last[name] = (None, kind, text, parts)
                        continue
                    last[name] = (None, kind, text, parts)
                name, kind = clean(name), clean(name_of(kind))
                out += f"{separator}{name}{separator}{kind}{separator}{clean(text)}"
            return out

        def enter(frame, event, argument):
            nonlocal busy, depth, frames, owner
            if event != "call":
                return None
            code = frame.f_code
            file = code.co_filename
            if file != program:
                if file == own and code is not gates:
                    tamper("called the tracer")
                return None
            name = code.co_name
            if stopped or name in hidden:
                return None
            depth += 1
            try:
                # The interpreter calls from the very frame that it tells about, in the program's thread, and never while the
                # tracer is at work. Whoever calls otherwise has got hold of the tracer.
                if owner == 0:
                    owner = thread()
                if busy or thread() != owner or look(1) is not frame:
                    tamper("called the tracer")
                if depth > deepest:
                    return deep_shell
                busy = True
                frames += 1
                last, unwound, itself = {}, False, identity(frame)
                place = f"{separator}{depth}{separator}{frames}{separator}{clean(name)}{separator}"
                # None keeps it in place: a function that returned itself would be garbage, which a program can look into.
                def step(frame, event, argument):
                    nonlocal busy, depth, unwound
                    if stopped:
                        return None
                    try:
                        if busy or thread() != owner or look(1) is not frame or identity(frame) != itself:
                            tamper("called the tracer")
                        busy = True
                        if event == "line":
                            unwound = False
                            keep(f"L{separator}{frame.f_lineno}{place}{changed(frame, last)}")
                        elif event == "return":
                            if not unwound:
                                shown = clean(render(argument, 0))
                                keep(f"R{separator}{frame.f_lineno}{place}{shown}{changed(frame, last)}")
                            depth -= 1
                        elif event == "exception":
                            unwound = True
                            kind, error = argument[0], argument[1]
                            given = arguments_of(error) if error is not None else ()
                            shown = ": " + render(given[0], 0) if length(given) else ""
                            shown = clean(name_of(kind) + shown)
                            keep(f"X{separator}{frame.f_lineno}{place}{shown}{changed(frame, last)}")
                    except Failed:
                        # Memory or stack are at their end. What would leave here would show the tracer's frames.
                        pass
                    finally:
                        busy = False
                    return None
                keep(f"C{separator}{frame.f_lineno}{place}{changed(frame, last)}")
                return None if stopped else opaque(step)
            except Failed:
                depth -= 1
                return None
            finally:
                busy = False

        def deep(frame, event, argument):
            nonlocal depth
            if busy or thread() != owner or look(1) is not frame:
                tamper("called the tracer")
            if event == "return":
                depth -= 1
            return None
        deep_shell = opaque(deep)

        watched = frozenset({
            "sys.setprofile", "gc.get_objects", "gc.get_referrers", "gc.get_referents", "sys._current_frames",
            "sys._current_exceptions", "sys.monitoring.register_callback", "sys.addaudithook",
            "cpython.PyInterpreterState_New", "code.__new__", "ctypes.dlopen",
        })
        def audit(event, arguments):
            nonlocal installed
            if event == "sys._getframe":
                if busy and armed and thread() == owner:
                    tamper("sys._getframe within the tracer")
                return
            if not armed:
                return
            if event in watched:
                # `types.coroutine`, on which asyncio rests, changes nothing but a flag.
                if event != "code.__new__" or look(1).f_code is not coroutine:
                    tamper(event)
            elif event == "sys.settrace":
                if not installed:
                    installed = True
                elif not stopped:
                    tamper("sys.settrace")
            elif event == "object.__getattr__" or event == "object.__setattr__":
                # `sys.audit` may bring anything.
                name = arguments[1] if length(arguments) == 2 + (event == "object.__setattr__") else None
                if exact(name) is not Text:
                    return
                if event == "object.__setattr__":
                    if name == "__code__" and look(1).f_code is not coroutine:
                        tamper("replaced __code__")
                elif name == "__closure__" or busy and thread() == owner:
                    tamper("read " + name)
            elif event == "import":
                if length(arguments) == 0 or exact(arguments[0]) is not Text or arguments[0] in ("sys", "gc"):
                    tamper("imported the interpreter's own modules anew")

        # Where a program could get hold of the tracer, it finds a call that gives it away.
        def trap(*arguments):
            tamper("called the tracer")
        def set_debug(flags, original=gc.set_debug):
            if flags & gc.DEBUG_SAVEALL:
                tamper("gc.set_debug")
            return original(flags)
        trap_shell, debug_shell = opaque(trap), opaque(set_debug)
        trapped = property(trap_shell, trap_shell, trap_shell)
        gates = set_debug.__code__
        frame_tables = [
            table for table in gc.get_referents(type.__dict__["__dict__"].__get__(exact(look())))
            if exact(table) is Mapping and "f_trace" in table
        ]

        def arm(channel, options, rehearses=False):
            nonlocal send, most_events, most_bytes, deepest, deadline, armed, owner
            nonlocal depth, frames, events, size, stopped, busy, installed
            most_events, most_bytes, deepest, most_items, most_characters, milliseconds = options
            bound(most_items, most_characters)
            send, deadline, owner = channel, clock() + milliseconds / 1000, 0
            depth, frames, events, size, stopped, busy, installed = 0, 0, 0, 0, "", False, False
            records.clear()
            armed = not rehearses

        places = [(table, "f_trace", trapped) for table in frame_tables]
        places += [(table, "gettrace", trap_shell) for table in SYSTEM_TABLES]
        places.append((gc.__dict__, "set_debug", debug_shell))
        before = [table[name] for table, name, _ in places]
        def set_traps():
            for table, name, trap in places:
                table[name] = trap
        def lift_traps():
            for (table, name, _), original in zip(places, before):
                table[name] = original
        set_traps()
        sys.addaudithook(audit)
        return opaque(enter), flush, take, arm, lift_traps
    """#
}
