extension PythonTemplate {
  /// One run, in the child.
  static let running = #"""
    # The child: one run. Everything below is in the reach of the untrusted program, and nothing outside trusts it.
    PROGRAM = "<program>"
    # How a run ends that cannot report any more, because the program has closed the channel.
    CHANNEL_CLOSED = 87

    def confine(limits, descriptors):
        """Its own descriptors, its own limits."""
        _, cpu_seconds, memory, file_bytes, open_files = limits[:5]
        # Below 64, where the kernel needs no larger table: with a second thread it would wait long before it gave one.
        high = [os.dup2(descriptor, 48 + place, inheritable=False) for place, descriptor in enumerate(descriptors)]
        os.closerange(0, 48)
        for place, descriptor in enumerate(high[1:]):
            os.dup2(descriptor, place, inheritable=False)
        os.dup2(high[0], 5, inheritable=False)
        os.closerange(48, 64)
        bound = resource.setrlimit
        bound(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
        bound(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
        bound(resource.RLIMIT_NOFILE, (open_files, open_files))
        bound(resource.RLIMIT_AS, (memory, memory))

    def read_all(descriptor):
        parts = []
        while True:
            part = os.read(descriptor, 1 << 20)
            if not part:
                os.close(descriptor)
                return b"".join(parts)
            parts.append(part)

    def make_streams():
        """Made in the template, once: they belong to descriptors 0, 1 and 2, whatever those are by then."""
        def stream(descriptor, mode):
            raw = io.FileIO(descriptor, mode, closefd=False)
            buffered = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
            return io.TextIOWrapper(buffered, encoding="utf-8", errors="backslashreplace" if mode == "w" else "strict",
                                    line_buffering=mode == "w", newline=None if mode == "r" else "\n")
        sys.stdin = sys.__stdin__ = stream(0, "r")
        sys.stdout = sys.__stdout__ = stream(1, "w")
        sys.stderr = sys.__stderr__ = stream(2, "w")

    def make_channel(descriptor, key):
        """The way back to the supervisor: frames that begin with the run's key. Anything else that arrives there gives the
        program away."""
        write, pack, size_of, leave = os.write, struct.Struct("<I").pack, len, os._exit
        guard, look = _thread.allocate_lock(), os.fstat
        def place():
            about = look(descriptor)
            return about.st_dev, about.st_ino
        way = place()
        def send(kind, text):
            body = text.encode("utf-8", "backslashreplace")
            frame = key + kind + pack(size_of(body)) + body
            try:
                with guard:
                    if place() != way:
                        leave(CHANNEL_CLOSED)  # another file has been put there
                    while frame:
                        frame = frame[write(descriptor, frame):]
            except OSError:
                leave(CHANNEL_CLOSED)
        return send

    def plain(text):
        return "".join([c if c.isprintable() or c in "\n\t" else "\\x%02x" % ord(c) for c in text[:4000]])

    def describe(error):
        """The type, message and line of an exception, without running any of its own code."""
        name = type.__dict__["__name__"].__get__(type(error))
        arguments = BaseException.__dict__["args"].__get__(error)
        line = 0
        step = BaseException.__dict__["__traceback__"].__get__(error)
        while step is not None:
            if step.tb_frame.f_code.co_filename == PROGRAM:
                line = step.tb_lineno
            step = step.tb_next
        if isinstance(error, SyntaxError):
            line = SyntaxError.__dict__["lineno"].__get__(error)
            line = line if type(line) is int else 0
            message = SyntaxError.__dict__["msg"].__get__(error)
            message = message if type(message) is str else ""
        elif isinstance(error, OSError):
            number = OSError.__dict__["errno"].__get__(error)
            message = OSError.__dict__["strerror"].__get__(error)
            path = OSError.__dict__["filename"].__get__(error)
            message = message if type(message) is str else ""
            if type(number) is int:
                message = "[Errno %d] %s" % (number, message)
            if type(path) is str:
                message += ": " + repr(path)
        elif len(arguments) == 0:
            message = ""
        elif len(arguments) == 1 and type(arguments[0]) is str and not isinstance(error, KeyError):
            message = arguments[0]
        else:
            message = make_renderer(16, 200)[0](arguments if len(arguments) > 1 else arguments[0], 0)
        kind = "exception"
        if isinstance(error, MemoryError):
            kind = "memory"
        elif isinstance(error, OSError):
            number = OSError.__dict__["errno"].__get__(error)
            kind = {errno.ENOSPC: "disk", errno.EFBIG: "file", errno.ENOMEM: "memory"}.get(number, kind)
        elif isinstance(error, SystemExit):
            kind = "exit"
        return [kind, plain(name), plain(message), str(line)]

    def exit_status(error):
        code = SystemExit.__dict__["code"].__get__(error)
        if code is None:
            return 0
        if type(code) is int:
            return code & 255
        if type(code) is str:
            print(code, file=sys.stderr)
        return 1

    def become_main():
        """Makes the thread that the program runs in the main one for `threading`: threads that it starts are waited for."""
        try:
            main = threading.main_thread()
            threading._active.pop(main.ident, None)
            main._set_ident()
            main._set_native_id()
            threading._active[main.ident] = main
        except Exception:
            pass

    def begin(go, box, done):
        # This frame lies under the program's own: it must hold nothing that a program could use.
        go.acquire()
        become_main, settrace, tracer, code, namespace = box.pop()
        become_main()
        if tracer is not None:
            settrace(tracer)
        del go, become_main, settrace, tracer
        try:
            exec(code, namespace)
            if box[0] is not None:
                box[0](namespace)
        except BaseException as error:
            box[1] = error
        done.release()

    class Stage:
        """The thread that a program runs in, waiting for it: its stack is deep, and it leaves the first one free to send
        what the tracer has written down while the program computes or sleeps."""
        def __init__(self):
            self.go, self.done, self.box = _thread.allocate_lock(), _thread.allocate_lock(), [None, None]
            self.go.acquire()
            self.done.acquire()
            _thread.stack_size(32 << 20)
            bottom = types.FunctionType(begin.__code__, {"__builtins__": __builtins__})
            _thread.start_new_thread(bottom, (self.go, self.box, self.done))
            _thread.stack_size(2 << 20)

    def run(request, key, stage, tracing):
        send = make_channel(3, key)
        source = request["source"]
        if source[:1] == "\ufeff":
            source = source[1:]
        linecache.cache[PROGRAM] = (len(source), None, [line + "\n" for line in source.split("\n")], PROGRAM)
        module = types.ModuleType("__main__")
        namespace = module.__dict__
        namespace["__builtins__"] = __builtins__
        CHILD_NAMESPACE["template"] = sys.modules["__main__"]
        sys.modules["__main__"] = module
        sys.argv = ["program.py"]
        try:
            code = compile(source + "\n", PROGRAM, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            fields = describe(error)
            fields[0] = "memory" if fields[0] == "memory" else "syntax"
            print("".join(traceback.format_exception_only(type(error), error)), end="", file=sys.stderr)
            send(b"E", "\x1f".join(fields))
            return 1
        tracer = flush = None
        if request["trace"] is not None:
            tracer, flush, arm = tracing
            arm(send, request["trace"])
        box, done = stage.box, stage.done
        if request["linked"]:
            box[0] = make_service(4)
        box.append((become_main, sys.settrace, tracer, code, namespace))
        go = stage.go
        request.clear()
        del stage, tracing
        gc.enable()
        go.release()
        if flush is None:
            done.acquire()
        else:
            while not done.acquire(timeout=0.02):
                flush()
            flush()
        status = 0
        fields = ["completed", "", "", "0"]
        error = box[1]
        if error is not None:
            fields = describe(error)
            if fields[0] == "exit":
                status = exit_status(error)
            else:
                status = 1
                try:
                    step = error.__traceback__.tb_next
                    print("".join(traceback.format_exception(type(error), error, step)), end="", file=sys.stderr)
                except BaseException:
                    pass
        try:
            if threading.active_count() > 1:
                threading._shutdown()
            atexit._run_exitfuncs()
        except BaseException:
            pass
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except BaseException:
                pass
        if flush is not None:
            flush()
        send(b"E", "\x1f".join(fields))
        return status

    def start(control, begins, tracing):
        status = 70
        try:
            random.seed()
            for hooks in FORK_HOOKS:
                register_at_fork(**hooks)
            stage = Stage()
            control.send(b"ready")
            data = b"kill"
            while data == b"kill":  # it came when the run before was over already
                data, descriptors = receive(control)
            if not data:
                os._exit(0)
            limits = [int(word) for word in data.split()]
            os.write(begins, b"%d" % limits[0])
            control.detach()
            confine(limits, descriptors)
            request = json.loads(read_all(5))
            key = bytes.fromhex(request.pop("key"))
            if request["kind"] == "run":
                status = run(request, key, stage, tracing)
            elif request["kind"] == "judge":
                status = judge(request, make_channel(3, key))
            else:
                status = prepare(request, make_channel(3, key))
        except MemoryError:
            status = 71
        finally:
            os._exit(status)

    REHEARSAL = """
    def rehearse(values, word):
        kept, seen, total = [], {}, 0
        for value in values:
            if value % 2 == 0:
                total += value
            elif value > 2:
                total = total - 1
            kept.append(total)
            seen[word] = (total, 0.5, None)
        try:
            return kept[99]
        except IndexError:
            return len(word) > 2
    for _ in range(4):
        rehearse([5, 3, 8, 1, 9, 2], 'word')
    """

    def rehearse(tracing):
        """Traces a program in the template, so that each child finds the interpreter's caches filled and its code quickened,
        in pages that it need not write to."""
        request = json.loads(json.dumps({"source": REHEARSAL, "trace": [20000, 1 << 20, 16, 20, 120, 2000]}))
        tracer, flush, arm = tracing
        arm(None, request["trace"], rehearses=True)
        code = compile(request["source"], PROGRAM, "exec", dont_inherit=True)
        namespace = {"__name__": "__main__", "__builtins__": __builtins__}
        sys.settrace(tracer)
        try:
            exec(code, namespace)
        finally:
            sys.settrace(None)
        flush()
    """#
}
