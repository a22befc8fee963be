extension PythonTemplate {
  /// Stage one: installs the filter, sends its listener to the supervisor, and becomes the template.
  static let enter = #"""
    # Stage one: put the filter on, hand its listener to the supervisor, become the template. Nothing of this stage, ctypes
    # above all, is left in memory afterwards. The template gets its code compiled: compiling leaves holes in memory, and each
    # page costs a fork some time.
    import array, ctypes, marshal, os, socket
    control = socket.socket(fileno=3)
    order, ancillary, _, _ = control.recvmsg(256, socket.CMSG_SPACE(8))
    files = array.array("i")
    files.frombytes(ancillary[0][2])
    number = int(order)
    program = os.fdopen(files[0], "rb").read()
    source = os.fdopen(files[1], "rb").read().decode()
    os.closerange(4, 256)
    compiled = os.memfd_create("template", 0)
    parts = [marshal.dumps(compile(part, name, "exec")) for name, part in eval(source)]
    os.write(compiled, b"".join(parts))
    os.lseek(compiled, 0, 0)
    class Filter(ctypes.Structure):
        _fields_ = [("count", ctypes.c_ushort), ("program", ctypes.c_void_p)]
    libc = ctypes.CDLL(None, use_errno=True)
    text = ctypes.create_string_buffer(program, len(program))
    argument = Filter(len(program) // 8, ctypes.addressof(text))
    if libc.prctl(38, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS) failed")
    listener = libc.syscall(ctypes.c_long(number), ctypes.c_ulong(1), ctypes.c_ulong(8), ctypes.byref(argument))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp(SECCOMP_SET_MODE_FILTER, NEW_LISTENER) failed")
    control.sendmsg([b"listener"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))])
    os.set_inheritable(3, True)
    launch = "import marshal\nfile = open(%d, 'rb')\nfor _ in range(%d): exec(marshal.load(file))\n" % (compiled, len(parts) - 1)
    launch += "part = marshal.load(file)\nfile.close()\nexec(part)"
    os.execve(os.environ["PRSM_PYTHON"], ["python3", "-s", "-S", "-c", launch], {
        "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", "PYTHONNOUSERSITE": "1",
        "MALLOC_ARENA_MAX": "1", "LD_BIND_NOW": "1", "LD_LIBRARY_PATH": os.environ["LD_LIBRARY_PATH"],
        "PRSM_PYTHON": os.environ["PRSM_PYTHON"], "HOME": "/tmp"})
    """#
}
