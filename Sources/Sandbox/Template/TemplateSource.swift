extension PythonTemplate {
  /// What the template loads, and how it lays out its memory.
  static let loading = #"""
    # The template: process 1 of the sandbox. It forks a child for each run, watches it, ends whatever it leaves behind, and
    # says how it ended. It never reads a program, its input, its tests or its results: those go from the supervisor to the
    # child and back. The next child is forked as soon as nothing is left of the one before, and takes its order itself.
    import os, sys
    sys.path = [path for path in sys.path if path not in ("", "/tmp")]
    # What modules want done in a child is for threads, of which the template has none. The first call after a fork, in the
    # template's own child, does nothing; in forks of a program's own there is a second, and that does it.
    register_at_fork = os.register_at_fork
    CHILD_HOOKS = []
    def register_for_later(after_in_child=None, **hooks):
        if after_in_child is not None:
            CHILD_HOOKS.append(after_in_child)
        if hooks:
            register_at_fork(**hooks)
    def run_child_hooks():
        for hook in CHILD_HOOKS:
            try:
                hook()
            except BaseException:
                sys.excepthook(*sys.exc_info())
    os.register_at_fork = register_for_later
    import _random, _signal, _socket, _thread, ast, atexit, errno, functools, gc, io, itertools, json, linecache, marshal
    import operator, random, resource, select, struct, threading, time, traceback, types
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
    register_at_fork(after_in_child=itertools.chain((None,), itertools.starmap(run_child_hooks, itertools.repeat(()))).__next__)

    # Names of their own for what each run calls: a look into a module costs a page for each object on the way.
    close, closerange, fork, kill, pidfd_open, read = os.close, os.closerange, os.fork, os.kill, os.pidfd_open, os.read
    stat, wait4, write, WNOHANG, leave, setrlimit = os.stat, os.wait4, os.write, os.WNOHANG, os._exit, resource.setrlimit
    poll, POLLIN, SIGKILL, clock_gettime = select.poll, select.POLLIN, _signal.SIGKILL, time.clock_gettime
    # What `sys` holds, and the copy that the interpreter would make it anew from.
    SYSTEM_TABLES = [table for table in gc.get_objects() if type(table) is dict and "gettrace" in table and "settrace" in table]

    # What is there only to be there.
    KEPT = []

    def fill_holes():
        """Takes up the free places that lie about in memory, for as long as the result is kept: what is allocated then lies
        together, and fewer pages are copied for a child."""
        kept, beyond, overhead = [_thread.allocate_lock() for _ in range(200)], [], bytes(0).__sizeof__()
        keep, size = kept.append, 90_000
        end = id(bytes(100_000))
        while size > 512:
            for _ in range(10_000):
                block = bytes(size)
                if id(block) >= end:
                    beyond.append(block)
                    break
                keep(block)
            size = size * 7 // 8 if size > 2_100 else size - 16
        block = beyond = None
        # Smaller objects come from pools of 16 KiB; the first place of one is right behind its head.
        for size in range(512, 47, -16):
            for _ in range(20_000):
                block = bytes(size - overhead)
                if id(block) & 0x3fff == 48:
                    break
                keep(block)
            block = None
        return tuple(kept)
    """#
}
