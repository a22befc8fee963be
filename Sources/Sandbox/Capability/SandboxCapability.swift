import CSandbox
import Foundation

/// What this machine can isolate, what is missing, and what to do about it.
package struct SandboxCapability: Sendable, Hashable {
  /// Every check, in the order in which they build on one another.
  package var checks: [Check]

  /// Whether programs can be run. Where not, ``Sandbox`` refuses; there is no unsafe fallback.
  package var canIsolate: Bool { checks.allSatisfy { $0.state != .missing } }

  /// One thing that isolation needs, or is better for.
  package struct Check: Sendable, Hashable {
    /// Such as "bubblewrap".
    package var name: String
    /// Whether it is there.
    package var state: State
    /// What was found.
    package var found: String
    /// What to do; empty when nothing is to be done.
    package var advice: String
  }

  /// Whether something is there.
  package enum State: String, Sendable, Hashable {
    /// As it should be.
    case fine
    /// Programs can be run, though not as well guarded as they could be.
    case reduced
    /// Programs cannot be run.
    case missing
  }

  /// Checks this machine: looks for each part, then starts a sandbox and tries to break out of it.
  ///
  /// Takes up to a second; every step has a deadline.
  package static func probe(configuration: SandboxConfiguration = SandboxConfiguration()) -> SandboxCapability {
    var capability = SandboxCapability(checks: [])
    #if !os(Linux)
    capability.add("system", .missing, "not Linux", "Run PRSM on Linux, or in a virtual machine.")
    return capability
    #else
    let setup: SandboxSetup
    do {
      setup = try SandboxSetup(configuration: configuration)
    } catch {
      capability.add(error.code == .noInterpreter ? "python" : "bubblewrap", .missing, error.message, "")
      return capability
    }
    let version = HostCommand.output([setup.bubblewrap, "--version"], milliseconds: 2_000) ?? ""
    capability.add("bubblewrap", .fine, version.trimmingCharacters(in: .whitespacesAndNewlines))
    capability.add("python", .fine, "\(setup.interpreter.version) at \(setup.interpreter.executable)")
    capability.add("seccomp filter", .fine, "\(setup.filter.count / 8) instructions")
    capability.trySandbox(setup)
    capability.checkGroups()
    capability.checkUser(setup)
    return capability
    #endif
  }

  private mutating func add(_ name: String, _ state: State, _ found: String, _ advice: String = "") {
    checks.append(Check(name: name, state: state, found: found, advice: advice))
  }

  private mutating func trySandbox(_ setup: SandboxSetup) {
    do {
      let start = MonotonicClock.nanoseconds
      let worker = try SandboxWorker.start(setup, name: "probe")
      defer { worker.end() }
      let milliseconds = (MonotonicClock.nanoseconds - start) / 1_000_000
      add("namespaces", .fine, "user, process, mount, network, IPC, host name; ready in \(milliseconds) ms")
      let token = CancellationFlag()
      let attempts: [(String, SandboxOutcome)] = [
        ("print(6 * 7)", .completed), ("import socket\nsocket.socket()", .blockedSystemCall("socket")),
      ]
      for (source, expected) in attempts {
        let limits = SandboxLimits()
        let participant = try Participant(
          worker: worker, request: .run(SandboxProgram(source: source), trace: nil, limits: limits), standardInput: [],
          limits: limits, link: nil, mostChannelBytes: 1 << 16)
        let conversation = RunConversation(
          participants: [participant], deadline: Deadline(milliseconds: limits.wallMilliseconds), token: token)
        try conversation.finish()
        let outcome = conversation.result(tracing: false, wallMicroseconds: 0).outcome
        guard outcome == expected else {
          add(
            "trial", .missing, "expected \"\(expected)\", found \"\(outcome)\"",
            "The kernel does not keep what the sandbox relies on; do not run programs on this machine.")
          return
        }
      }
      add("trial", .fine, "a program ran; its attempt at the network was stopped and named")
    } catch {
      let isRestricted = access("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", R_OK) == 0
      add(
        "namespaces", .missing, error.message,
        isRestricted
          ? "This system restricts user namespaces by AppArmor: install its bubblewrap profile, or set "
            + "kernel.apparmor_restrict_unprivileged_userns=0."
          : "Allow user namespaces (sysctl user.max_user_namespaces above 0, kernel.unprivileged_userns_clone=1 where it "
            + "exists); in a container, allow them in its seccomp profile too (Docker: --security-opt seccomp=…).")
    }
  }

  private mutating func checkGroups() {
    switch ControlGroup.place {
    case .unified(let folder): add("control groups", .fine, "version 2, in \(folder)")
    case .separate(let memory, _): add("control groups", .fine, "version 1, in \(memory)")
    case nil:
      add(
        "control groups", .reduced, "none that this user may divide; memory is bounded for each process by itself",
        "Run the node as a systemd service with Delegate=yes to bound all of a run's processes together.")
    }
  }

  private mutating func checkUser(_ setup: SandboxSetup) {
    if geteuid() != 0 {
      add("user", .fine, "not root")
    } else if setup.dropPrivileges != nil {
      add("user", .fine, "root, but programs run as an unprivileged user")
    } else {
      add(
        "user", .reduced, "root, and programs run as root without its powers",
        "Run the node as an ordinary user, or use an interpreter and a setpriv that every user can run.")
    }
  }
}
