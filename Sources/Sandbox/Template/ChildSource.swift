extension PythonTemplate {
  /// One run, in the child.
  static let running = #"""
    # The child: one run. Everything below is in the reach of the untrusted program, and nothing outside trusts it.
    # How a run ends that cannot report any more, because the program has closed the channel.
    CHANNEL_CLOSED = 87

    # Limits by their own names, and what each run uses of modules.
    CPU_LIMIT, FILE_LIMIT, MEMORY_LIMIT = resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_AS
    ROOM, CLOSED_ON_EXECUTION = _socket.CMSG_SPACE(8 * 4), _socket.MSG_CMSG_CLOEXEC
    RANDOM, reseed, load = random._inst, _random.Random.seed, marshal.loads
    start_thread, stack_size, thread_number, native_number = (
        _thread.start_new_thread, _thread.stack_size, _thread.get_ident, _thread.get_native_id)
    MAIN, ACTIVE, LIMBO, SOURCES = threading.main_thread(), threading._active, threading._limbo, linecache.cache
    settrace, enable_collection = sys.settrace, gc.enable
    run_exit_functions, count_exit_functions, add_newline = atexit._run_exitfuncs, atexit._ncallbacks, "%s\n".__mod__

    def read_all(descriptor):
        part = data = read(descriptor, 1 << 13)
        while len(part) >= 1 << 13:
            part = read(descriptor, 1 << 20)
            data += part
        close(descriptor)
        return data

    def make_channel(descriptor):
        """The way back to the supervisor, made in the template: frames that begin with the run's key, which a child sets.
        Anything else that arrives there gives the program away."""
        put, pack, size_of = write, struct.Struct("<I").pack, len
        guard, look, end = _thread.allocate_lock(), os.fstat, leave
        key, device, number = b"", 0, 0
        def open_channel(given):
            nonlocal key, device, number
            about = look(descriptor)
            key, number, device = given, about[1], about[2]
        def send(kind, text, records=""):
            body = text.encode("utf-8", "backslashreplace")
            frame = key + kind + pack(size_of(body)) + body
            if records:
                body = records.encode("utf-8", "backslashreplace")
                frame = key + b"T" + pack(size_of(body)) + body + frame
            try:
                with guard:
                    about = look(descriptor)
                    if about[1] != number or about[2] != device:
                        end(CHANNEL_CLOSED)  # another file has been put there
                    while frame:
                        frame = frame[put(descriptor, frame):]
            except OSError:
                end(CHANNEL_CLOSED)
        return send, open_channel

    def become_main():
        """Makes the thread that the program runs in the main one for `threading`: threads that it starts are waited for."""
        try:
            MAIN._ident = number = thread_number()
            MAIN._native_id = native_number()
            ACTIVE[number] = MAIN
        except Exception:
            pass

    def begin(wait, take, box, done):
        # This frame lies under the program's own: it must hold nothing that a program could use.
        wait()
        become_main, settrace, tracer, code, namespace = take()
        become_main()
        if tracer is not None:
            settrace(tracer)
        del wait, take, become_main, settrace, tracer
        try:
            exec(code, namespace)
            if box[0] is not None:
                box[0](namespace)
        except BaseException as error:
            box[1] = error
        done.release()

    def make_stage():
        """What a program runs in, made in the template: a module, and all of a thread but the thread itself. Its stack is
        deep, and it leaves the first thread free to send what the tracer has written down while the program computes or
        sleeps."""
        go, done, box = _thread.allocate_lock(), _thread.allocate_lock(), [None, None]
        go.acquire()
        done.acquire()
        bottom = types.FunctionType(begin.__code__, {"__builtins__": __builtins__})
        module = types.ModuleType("__main__")
        module.__dict__["__builtins__"] = __builtins__
        KEPT.append(sys.modules["__main__"])
        sys.modules["__main__"] = module
        sys.argv = ["program.py"]
        ACTIVE.clear()
        stack_size(32 << 20)
        return (go.release, done.acquire, box, box.append, module.__dict__, bottom,
                (go.acquire, box.pop, box, done))

    def run(source, is_linked, bounds, send, stage, tracing):
        go, wait, box, put, namespace, _, _ = stage
        SOURCES[PROGRAM] = (len(source), None, [*map(add_newline, source.split("\n"))], PROGRAM)
        try:
            code = compile(source + "\n", PROGRAM, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            fields = describe(error)
            fields[0] = "memory" if fields[0] == "memory" else "syntax"
            print("".join(traceback.format_exception_only(type(error), error)), end="", file=sys.stderr)
            send(b"E", "\x1f".join(fields))
            return 1
        tracer = flush = None
        if bounds is not None:
            tracer, flush, take, arm, _ = tracing
            arm(send, bounds)
        if is_linked:
            box[0] = make_service(4)
        put((become_main, settrace, tracer, code, namespace))
        del stage, tracing
        enable_collection()
        go()
        if flush is None:
            wait()
        else:
            while not wait(True, 0.02):
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
            has_threads = len(ACTIVE) + len(LIMBO) > 1
            if has_threads or count_exit_functions():
                if flush is not None:
                    flush()
                if has_threads:
                    threading._shutdown()
                run_exit_functions()
        except BaseException:
            pass
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except BaseException:
                pass
        send(b"E", "\x1f".join(fields), "" if flush is None else take())
        return status

    def start(ways, stage, channel, tracing):
        status = 70
        answer, receive, detach = ways
        try:
            reseed(RANDOM)
            # The descriptors that come with the order take the lowest free places in their own order: 0, 1, 2, the channel,
            # the link if there is one, and the request.
            closerange(0, CONTROL)
            start_thread(stage[5], stage[6])
            stack_size(2 << 20)
            answer(b"ready")
            order = b"kill"
            while order == b"kill":  # it came when the run before was over already
                order, ancillary, _, _ = receive(64, ROOM, CLOSED_ON_EXECUTION)
            if not order:
                leave(0)
            write(BEGINS, order)
            detach()
            closerange(CONTROL, 64)
            kind, key, cpu_seconds, memory, file_bytes, bounds, body = load(read_all(len(ancillary[0][2]) // 4 - 1))
            setrlimit(CPU_LIMIT, (cpu_seconds, cpu_seconds + 1))
            setrlimit(FILE_LIMIT, (file_bytes, file_bytes))
            setrlimit(MEMORY_LIMIT, (memory, memory))
            send, open_channel = channel
            open_channel(key)
            if bounds is None:
                tracing[4]()
            if kind == "run":
                status = run(body["source"], body["linked"], bounds, send, stage, tracing)
            elif kind == "judge":
                status = judge(body, send)
            else:
                status = prepare(body, send)
        except MemoryError:
            status = 71
        finally:
            leave(status)

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
        tracer, flush, _, arm, _ = tracing
        arm(None, [20000, 1 << 20, 16, 20, 120, 2000], rehearses=True)
        code = compile(REHEARSAL, PROGRAM, "exec", dont_inherit=True)
        namespace = {"__name__": "__main__", "__builtins__": __builtins__}
        sys.settrace(tracer)
        try:
            exec(code, namespace)
        finally:
            sys.settrace(None)
        flush()
    """#
}
