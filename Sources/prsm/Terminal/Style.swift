#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Colour and weight on a terminal; plain text anywhere else, and wherever `NO_COLOR` is set (no-color.org).
struct Style: Sendable {
  let isEnabled: Bool

  init(isEnabled: Bool) {
    self.isEnabled = isEnabled
  }

  /// The style for a descriptor: enabled on a terminal that is not `dumb`, unless `NO_COLOR` is set and not empty.
  init(descriptor: Int32, environment: [String: String]) {
    isEnabled =
      isatty(descriptor) == 1 && environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
  }

  func bold(_ text: String) -> String { wrap(text, "1") }
  func dim(_ text: String) -> String { wrap(text, "2") }
  func red(_ text: String) -> String { wrap(text, "31") }
  func green(_ text: String) -> String { wrap(text, "32") }
  func yellow(_ text: String) -> String { wrap(text, "33") }
  func cyan(_ text: String) -> String { wrap(text, "36") }

  private func wrap(_ text: String, _ code: String) -> String {
    isEnabled ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }
}
