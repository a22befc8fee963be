@testable import Sandbox

/// One sandbox for all tests: starting one takes longer than most of them.
enum TestSandbox {
  private static let made = Result { try Sandbox(configuration: SandboxConfiguration(workers: 2)) }

  /// Whether this machine can isolate programs.
  static let isAvailable: Bool = SandboxCapability.probe().canIsolate

  static func shared() throws -> Sandbox { try made.get() }
}
