extension PythonTemplate {
  /// The template's own loop: fork, watch, collect, report.
  static let serving = #"""
    # Everything from here on is used in each run. It is loaded last, when no holes are left in memory, so that it lies close
    # together: each page that a run writes to, be it a count of references, is copied for it.

    # Where the template has the control socket, and the two ends by which a child says that it has begun. Below 64, where the
    # kernel needs no larger table: with a second thread it would wait long before it gave one.
    CONTROL, BEGUN, BEGINS = 48, 49, 50

    def folder_state():
        """Tells whether the work folder is as it was: nothing in it, and nothing ever put there or changed about it. The size
        of a folder in memory counts what is in it."""
        try:
            about = stat("/tmp")
            return about.st_mode, about.st_ctime_ns, about.st_size, about.st_nlink
        except OSError:
            return None

    def collect(child):
        """Reaps the child and everything that outlived it."""
        _, status, usage = wait4(child, 0)
        user, system, memory, survivors = usage.ru_utime, usage.ru_stime, usage.ru_maxrss, 0
        while True:
            try:
                found, _, usage = wait4(-1, WNOHANG)
                if found == 0:
                    survivors += 1
                    kill(-1, SIGKILL)
                    found, _, usage = wait4(-1, 0)
            except ChildProcessError:
                break
            user, system, memory = user + usage.ru_utime, system + usage.ru_stime, max(memory, usage.ru_maxrss)
        return status, int((user + system) * 1e6), memory, survivors

    def prepare_template():
        for number in range(1, _signal.NSIG):
            try:
                _signal.signal(number, _signal.SIG_DFL)
            except (OSError, ValueError):
                pass
        for limit in (resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK, resource.RLIMIT_MSGQUEUE):
            setrlimit(limit, (0, 0))
        setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)
        os.dup2(3, CONTROL, inheritable=False)
        os.close(3)
        for end, place in zip(os.pipe(), (BEGUN, BEGINS)):
            os.dup2(end, place, inheritable=False)
            os.close(end)
        os.environ.clear()
        make_streams()

    def serve():
        """Forks a child for each run. Does not return, neither here nor there."""
        prepare_template()
        control = _socket.socket(fileno=CONTROL)
        stage, channel, tracing = make_stage(), make_channel(3), make_tracer()
        rehearse(tracing)
        ways = control.send, control.recvmsg, control.detach
        gc.collect()
        KEPT.append(fill_holes())
        gc.freeze()
        gc.disable()
        untouched, ended, left = folder_state(), -1, 0
        while left == 0:
            child = fork()
            if child == 0:
                start(ways, stage, channel, tracing)
            place = pidfd_open(child)
            if place != ended:
                # It has the same number each time.
                ended, starting, running = place, poll(), poll()
                for poller, other in ((starting, BEGUN), (running, CONTROL)):
                    poller.register(ended, POLLIN)
                    poller.register(other, POLLIN)
            for descriptor, _ in starting.poll():
                if descriptor == BEGUN:
                    break
            else:
                leave(0)  # it ended without an order, because the supervisor has gone
            cpu_seconds, reason = int(read(BEGUN, 64)) / 1000, ""
            clock, wait = (~child << 3) | 2, int(cpu_seconds * 1000) + 1
            while True:
                has_ended = is_asked = False
                for descriptor, _ in running.poll(wait):
                    if descriptor == ended:
                        has_ended = True
                    else:
                        is_asked = True
                if has_ended:
                    break
                if is_asked:
                    if not control.recv(64):
                        leave(0)
                    reason = reason or "killed"
                    kill(child, SIGKILL)
                try:
                    left_seconds = cpu_seconds - clock_gettime(clock)
                except OSError:
                    left_seconds = cpu_seconds
                if left_seconds <= 0 and not reason:
                    reason = "cpu"
                    kill(child, SIGKILL)
                wait = max(1, min(200, int(left_seconds * 1000) + 1))
            close(ended)
            status, microseconds, memory, survivors = collect(child)
            left = 0 if folder_state() == untouched else 1
            control.send(b"%d %d %d %d %d %s" % (status, microseconds, memory, survivors, left, reason.encode()))
        # Of no further use: the supervisor ends it.
        while control.recv(64):
            pass
        leave(0)
    """#
}
