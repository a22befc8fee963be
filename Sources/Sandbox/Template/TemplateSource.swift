extension PythonTemplate {
  /// The template's own loop: fork, watch, collect, report.
  static let serving = #"""
    # The template: process 1 of the sandbox. It forks a child for each run, watches it, ends whatever it leaves behind, and
    # says how it ended. It never reads a program, its input, its tests or its results: those go from the supervisor to the
    # child and back. The next child is forked as soon as nothing is left of the one before, and takes its order itself.
    import os, sys
    sys.path = [path for path in sys.path if path not in ("", "/tmp")]
    # What modules want done after a fork is for threads, of which the template has none. A child has it done after forks of
    # its own.
    FORK_HOOKS = []
    register_at_fork = os.register_at_fork
    os.register_at_fork = lambda **hooks: FORK_HOOKS.append(hooks)
    import _thread, array, ast, atexit, errno, functools, gc, io, json, linecache, operator, random, resource, select, signal
    import socket, struct, threading, time, traceback, types
    # Extension modules are native code, and no native code can be loaded once the template is ready: those that programs use
    # are loaded now. Modules in Python are loaded now where nearly every program needs them; the fewer pages, the faster the
    # fork.
    for name in (
        "_bisect _blake2 _bz2 _contextvars _csv _datetime _decimal _elementtree _hashlib _heapq _json _lzma _md5 _opcode "
        "_pickle _posixsubprocess _queue _random _sha1 _sha2 _sha256 _sha3 _sha512 _socket _sqlite3 _statistics _struct "
        "_uuid _zoneinfo array binascii cmath fcntl grp math mmap pyexpat select termios unicodedata zlib "
        "bisect collections.abc copy dataclasses datetime decimal fractions functools heapq itertools operator random re "
        "statistics string typing"
    ).split():
        try:
            __import__(name)
        except BaseException:
            pass
    del name
    os.register_at_fork = register_at_fork

    CHILD_NAMESPACE = {}
    # What `sys` holds, and the copy that the interpreter would make it anew from.
    SYSTEM_TABLES = [table for table in gc.get_objects() if type(table) is dict and "gettrace" in table and "settrace" in table]

    def receive(control):
        data, ancillary, _, _ = control.recvmsg(4096, socket.CMSG_SPACE(8 * 4))
        descriptors = array.array("i")
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(payload[: len(payload) - len(payload) % 4])
        return data, list(descriptors)

    def supervise(control, child, begun):
        """Waits for the child. Returns why it was killed, or "" when it ended by itself; None when it ended without an
        order, because the supervisor has gone."""
        clock = (~child << 3) | 2
        ended = os.pidfd_open(child)
        poller = select.poll()
        poller.register(ended, select.POLLIN)
        poller.register(begun, select.POLLIN)
        if all([descriptor != begun for descriptor, _ in poller.poll()]):
            return None
        cpu_seconds = int(os.read(begun, 64)) / 1000
        poller.unregister(begun)
        poller.register(control, select.POLLIN)
        reason = ""
        wait = int(cpu_seconds * 1000) + 1
        while True:
            ready = [descriptor for descriptor, _ in poller.poll(wait)]
            if ended in ready:
                break
            if ready:
                if not control.recv(64):
                    os._exit(0)
                reason = reason or "killed"
                os.kill(child, signal.SIGKILL)
            try:
                left = cpu_seconds - time.clock_gettime(clock)
            except OSError:
                left = cpu_seconds
            if left <= 0 and not reason:
                reason = "cpu"
                os.kill(child, signal.SIGKILL)
            wait = max(1, min(200, int(left * 1000) + 1))
        os.close(ended)
        return reason

    def collect(child):
        """Reaps the child and everything that outlived it."""
        _, status, usage = os.wait4(child, 0)
        user, system, memory, survivors = usage.ru_utime, usage.ru_stime, usage.ru_maxrss, 0
        while True:
            try:
                found, _, usage = os.wait4(-1, os.WNOHANG)
                if found == 0:
                    survivors += 1
                    os.kill(-1, signal.SIGKILL)
                    found, _, usage = os.wait4(-1, 0)
            except ChildProcessError:
                break
            user, system, memory = user + usage.ru_utime, system + usage.ru_stime, max(memory, usage.ru_maxrss)
        return status, int((user + system) * 1e6), memory, survivors

    def folder_state():
        """Tells whether the work folder is as it was: nothing in it, and nothing ever put there or changed about it."""
        try:
            about = os.stat("/tmp")
            return about.st_mode, about.st_ctime_ns, os.listdir("/tmp")
        except OSError:
            return None

    def fill_holes():
        """Takes up the free places that lie about in memory, for as long as the result is kept: what a child allocates then
        lies together, and fewer pages are copied for it."""
        kept, overhead = [], bytes(0).__sizeof__()
        keep, size = kept.append, 90_000
        end = id(bytes(100_000))
        while size > 512:
            for _ in range(10_000):
                block = bytes(size)
                if id(block) >= end:
                    break
                keep(block)
            block, size = None, size * 7 // 8
        # Smaller objects come from pools of 16 KiB; the first place of one is right behind its head.
        for size in range(512, 47, -16):
            for _ in range(20_000):
                block = bytes(size - overhead)
                if id(block) & 0x3fff == 48:
                    break
                keep(block)
            block = None
        return tuple(kept)

    def serve():
        for number in range(1, signal.NSIG):
            try:
                signal.signal(number, signal.SIG_DFL)
            except (OSError, ValueError):
                pass
        for limit in (resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK, resource.RLIMIT_MSGQUEUE):
            resource.setrlimit(limit, (0, 0))
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        control = socket.socket(fileno=3)
        os.environ.clear()
        make_streams()
        tracer = make_tracer()
        rehearse(tracer)
        begun, begins = os.pipe()
        gc.collect()
        kept = fill_holes()
        gc.freeze()
        gc.disable()
        untouched = folder_state()
        left = 0
        while left == 0:
            child = os.fork()
            if child == 0:
                return control, begins, tracer
            reason = supervise(control, child, begun)
            if reason is None:
                os._exit(0)
            status, microseconds, memory, survivors = collect(child)
            left = 0 if folder_state() == untouched else 1
            control.send(b"%d %d %d %d %d %s" % (status, microseconds, memory, survivors, left, reason.encode()))
        # Of no further use: the supervisor ends it.
        while control.recv(64):
            pass
        os._exit(0)
    """#
}
