/// Why a file is not a GGUF model that PRSM would hand to llama.cpp.
package struct GGUFError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What kind of fault it is.
  package enum Code: String, Sendable {
    /// The file cannot be opened or read.
    case unreadable
    /// It does not begin as a GGUF file does.
    case notGGUF
    /// A GGUF version or byte order that is not read.
    case unsupportedVersion
    /// The file ends before what it announces.
    case truncated
    /// A field contradicts the format or another field.
    case malformed
    /// A count or length is above the limit that PRSM reads.
    case tooLarge
    /// A tensor's shape, type or place is impossible.
    case badTensor
    /// llama.cpp has no such architecture.
    case unsupportedArchitecture
    /// A key that the architecture needs is absent or of the wrong type or value.
    case badHyperparameter
    /// The tokenizer is absent or contradicts itself.
    case badTokenizer
    /// One part of a model that was split over several files.
    case split
  }

  /// What kind of fault it is.
  package let code: Code
  /// The file, by its last path component.
  package let file: String
  /// The thing in the file that is wrong.
  package let subject: String
  /// What would have been right.
  package let expected: String
  /// What is there.
  package let found: String
  /// What to do about it.
  package let advice: String

  /// One sentence that names the thing, what was expected, what was found and what to do.
  package var description: String {
    "\(file): \(subject): expected \(expected), found \(found). \(advice)"
  }

  static let downloadAgain = "Download the file again and compare its checksum."
}
