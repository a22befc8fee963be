import Foundation

@testable import Sandbox

/// One sandbox for all tests: starting one takes longer than most of them.
enum TestSandbox {
  private static let made = Result { try Sandbox(configuration: configuration) }

  /// `PRSM_SANDBOX_PYTHON` names another interpreter to test with.
  static let configuration = SandboxConfiguration(
    interpreter: ProcessInfo.processInfo.environment["PRSM_SANDBOX_PYTHON"], workers: 2)

  /// Whether this machine can isolate programs.
  static let isAvailable: Bool = SandboxCapability.probe(configuration: configuration).canIsolate

  /// Whether the interpreter under test lies in a folder.
  static func holdsInterpreter(_ folder: String) -> Bool {
    ((try? shared().interpreter.executable) ?? "").hasPrefix(folder + "/")
  }

  static func shared() throws -> Sandbox { try made.get() }
}
