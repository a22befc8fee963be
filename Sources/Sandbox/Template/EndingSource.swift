extension PythonTemplate {
  /// The program's standard streams, and what is said about how it ended.
  static let ending = #"""
    PROGRAM = "<program>"

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
    """#
}
