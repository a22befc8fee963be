extension PythonTemplate {
  /// The tracer: events and changed locals.
  static let tracing = #"""
    def make_tracer(send, options):
        most_events, most_bytes, deepest, most_items, most_characters, milliseconds = options
        render = make_renderer(most_items, most_characters)
        exact, identity, length, string, number_text = type, id, len, str, str
        clock, leave, settrace, Failed = time.monotonic, os._exit, sys.settrace, BaseException
        name_of = type.__dict__["__name__"].__get__
        Module, Mapping, Text, Code = types.ModuleType, dict, str, types.FunctionType
        arguments_of = BaseException.__dict__["args"].__get__
        Proxy = type(sys._getframe().f_locals) if sys.version_info < (3, 13) else type((lambda: sys._getframe().f_locals)())
        program, own = PROGRAM, "<tracer>"
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
