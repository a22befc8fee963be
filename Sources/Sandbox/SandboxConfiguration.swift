/// How a sandbox is set up.
package struct SandboxConfiguration: Sendable, Hashable {
  /// The interpreter; nil looks for `python3`, system-wide ones first.
  package var interpreter: String?
  /// The bubblewrap program; nil looks in the usual places.
  package var bubblewrap: String?
  /// Runs at the same time: 1…64. Each takes a warm process of about 15 MiB and the waiting child of the
  /// next run; judged runs take as much again.
  package var workers: Int
  /// Runs that may wait for a worker; more are refused with ``SandboxError/Code/queueFull``.
  package var waiting: Int
  /// The size of a run's work folder in bytes. It is memory, and gone with the run.
  package var workFolderBytes: Int
  /// The largest program, input or list of sources, in bytes.
  package var requestBytes: Int
  /// Seconds that a worker may take to get ready.
  package var startSeconds: Int
  /// Runs after which a worker is replaced by a fresh one.
  package var runsPerWorker: Int

  /// A configuration; the defaults suit this machine.
  package init(
    interpreter: String? = nil, bubblewrap: String? = nil, workers: Int? = nil, waiting: Int = 4_096,
    workFolderBytes: Int = 32 << 20, requestBytes: Int = 4 << 20, startSeconds: Int = 20, runsPerWorker: Int = 10_000
  ) {
    self.interpreter = interpreter
    self.bubblewrap = bubblewrap
    self.workers = min(max(workers ?? ProcessorCount.active, 1), 64)
    self.waiting = max(waiting, 1)
    self.workFolderBytes = max(workFolderBytes, 1 << 20)
    self.requestBytes = max(requestBytes, 1 << 10)
    self.startSeconds = min(max(startSeconds, 1), 600)
    self.runsPerWorker = max(runsPerWorker, 1)
  }
}
