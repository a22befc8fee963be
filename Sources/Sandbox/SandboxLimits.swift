/// What one run may use. Each limit has an outcome of its own that says it was reached.
package struct SandboxLimits: Sendable, Hashable, Codable {
  /// From start to result, in milliseconds: 1…600 000.
  package var wallMilliseconds: Int
  /// Processor time of the program, in milliseconds.
  package var cpuMilliseconds: Int
  /// Address space that the program may add to its interpreter's, in bytes.
  package var memoryBytes: Int
  /// Threads and processes that the program may start over the whole run.
  package var processes: Int
  /// Files, directories and links that the program may create over the whole run.
  package var files: Int
  /// The largest file that the program may write, in bytes.
  package var fileBytes: Int
  /// Standard output and standard error together, in bytes. What lies beyond is cut off, and the run with it.
  package var outputBytes: Int

  /// Limits; the defaults suit the answer to a programming exercise.
  package init(
    wallMilliseconds: Int = 5_000, cpuMilliseconds: Int = 4_000, memoryBytes: Int = 256 << 20, processes: Int = 16,
    files: Int = 64, fileBytes: Int = 8 << 20, outputBytes: Int = 256 << 10
  ) {
    self.wallMilliseconds = wallMilliseconds
    self.cpuMilliseconds = cpuMilliseconds
    self.memoryBytes = memoryBytes
    self.processes = processes
    self.files = files
    self.fileBytes = fileBytes
    self.outputBytes = outputBytes
  }

  /// The same limits brought into the ranges that the sandbox can keep.
  var clamped: SandboxLimits {
    SandboxLimits(
      wallMilliseconds: min(max(wallMilliseconds, 1), 600_000),
      cpuMilliseconds: min(max(cpuMilliseconds, 1), 600_000),
      memoryBytes: min(max(memoryBytes, 8 << 20), 64 << 30),
      processes: min(max(processes, 0), 1024),
      files: min(max(files, 0), 65_536),
      fileBytes: min(max(fileBytes, 0), 1 << 30),
      outputBytes: min(max(outputBytes, 0), 64 << 20))
  }
}

/// What a trace holds at most. Reaching a bound ends the trace, not the run.
package struct TraceOptions: Sendable, Hashable, Codable {
  /// Events.
  package var events: Int
  /// Bytes of the written trace.
  package var bytes: Int
  /// Calls of the program's own functions within one another; deeper ones run untraced.
  package var depth: Int
  /// Elements shown of a list, set, mapping or object.
  package var items: Int
  /// Characters shown of a string; a whole value is cut at four times that.
  package var characters: Int
  /// Milliseconds of tracing, after which the program goes on untraced.
  package var milliseconds: Int

  /// Bounds of a trace; the defaults keep that of a small function whole.
  package init(
    events: Int = 1_000, bytes: Int = 128 << 10, depth: Int = 16, items: Int = 20, characters: Int = 120,
    milliseconds: Int = 2_000
  ) {
    self.events = events
    self.bytes = bytes
    self.depth = depth
    self.items = items
    self.characters = characters
    self.milliseconds = milliseconds
  }

  var clamped: TraceOptions {
    TraceOptions(
      events: min(max(events, 1), 100_000), bytes: min(max(bytes, 256), 8 << 20), depth: min(max(depth, 1), 200),
      items: min(max(items, 1), 1_000), characters: min(max(characters, 1), 10_000),
      milliseconds: min(max(milliseconds, 1), 600_000))
  }
}
