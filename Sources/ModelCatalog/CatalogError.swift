/// Why the catalog of models, or a download, could not do what it was asked.
package struct CatalogError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What kind of fault it is.
  package enum Code: String, Sendable {
    /// No model of that name.
    case unknownModel
    /// No recipe of that name.
    case unknownRecipe
    /// A name that is taken, or that is not one.
    case badName
    /// A file or folder that cannot be read or written.
    case file
    /// A checksum that differs.
    case checksum
    /// `catalog.json` cannot be understood.
    case damaged
    /// Another process holds the catalog.
    case locked
    /// Python or pip is absent, or failed.
    case tool
    /// The deadline passed.
    case deadline
    /// The model's terms were not accepted.
    case terms
  }

  /// What kind of fault it is.
  package let code: Code
  /// What was expected, what was found and what to do.
  package let message: String

  /// The message.
  package var description: String { message }
}
