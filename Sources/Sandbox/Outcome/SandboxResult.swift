/// What a run gave.
package struct SandboxResult: Sendable, Hashable {
  /// How it ended.
  package var outcome: SandboxOutcome
  /// What the program wrote, as far as the limit on output let it.
  package var standardOutput: [UInt8]
  /// What the program wrote to its standard error; the interpreter's traceback among it.
  package var standardError: [UInt8]
  /// The trace, when one was asked for. It is the interpreter's testimony about the program: see ``ExecutionTrace``.
  package var trace: ExecutionTrace?
  /// What the run used.
  package var usage: SandboxUsage
  /// System calls that were refused without ending the run (native code that a program tried to load).
  package var refused: [String]
  /// Processes that the program left behind, and that were ended with it.
  package var survivors: Int
}

/// What a run used, as seen from outside.
package struct SandboxUsage: Sendable, Hashable {
  /// From start to result, in microseconds.
  package var wallMicroseconds: Int
  /// Processor time of all the run's processes, in microseconds.
  package var cpuMicroseconds: Int
  /// Peak resident memory of its largest process, in KiB; the interpreter's own is part of it.
  package var peakMemoryKiB: Int
}
