import ArgumentParser
import Foundation

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The program: reads the arguments, runs the command that they name, and turns what it throws into a line on standard
/// error and an exit code.
@main
enum Entry {
  static func main() async {
    exit(await run(Array(CommandLine.arguments.dropFirst())).rawValue)
  }

  static func run(_ arguments: [String]) async -> ExitStatus {
    do {
      try CommandName.check(arguments)
      var command = try PRSM.parseAsRoot(arguments)
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
      return .done
    } catch let failure as CommandFailure {
      Output.complain(failure.message)
      return failure.status
    } catch let status as ExitStatus {
      return status
    } catch let error as CocoaError {
      Output.complain(CommandFailure(file: error).message)
      return .unavailable
    } catch {
      return report(error)
    }
  }

  /// What the argument parser throws: a request for help, or a complaint about the arguments.
  private static func report(_ error: any Error) -> ExitStatus {
    let text = PRSM.fullMessage(for: error)
    let code = PRSM.exitCode(for: error)
    if code.isSuccess {
      Output.write(text.hasSuffix("\n") || text.isEmpty ? text : text + "\n")
      return .done
    }
    let message = text.hasPrefix("Error: ") ? String(text.dropFirst("Error: ".count)) : text
    Output.complain(message)
    return code == .validationFailure ? .usage : .unavailable
  }
}
