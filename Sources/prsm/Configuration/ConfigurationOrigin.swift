import Foundation

/// Where a node's configuration comes from, so that it can be read again.
struct ConfigurationOrigin: Sendable {
  /// The file that was asked for on the command line.
  var path: String?
  var flags: [String: String] = [:]

  /// The file that is read; whether or not there is one.
  func file(environment: [String: String]) -> String {
    let asked = path ?? environment["PRSM_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
    return FilePath.expandingHome(asked ?? "prsm.yaml")
  }

  /// - Throws: ``CommandFailure`` of status `usage` with everything that is wrong.
  func load(environment: [String: String]) throws(CommandFailure) -> Configuration {
    try Configuration.load(path: path, flags: flags, environment: environment)
  }
}
