import ModelInterface

/// One thing that `prsm doctor` looked at.
struct Finding: Sendable, Equatable {
  enum Grade: String, Sendable, Equatable {
    /// As it should be.
    case ok
    /// PRSM works, but something will not, or not well.
    case warn
    /// PRSM does not work like this.
    case fail
  }

  /// A word for scripts, such as `disk-data`.
  let check: String
  let grade: Grade
  /// What was found.
  let found: String
  /// What to do about it.
  let advice: String?

  static func ok(_ check: String, _ found: String) -> Finding {
    Finding(check: check, grade: .ok, found: found, advice: nil)
  }

  static func warn(_ check: String, _ found: String, _ advice: String) -> Finding {
    Finding(check: check, grade: .warn, found: found, advice: advice)
  }

  static func fail(_ check: String, _ found: String, _ advice: String) -> Finding {
    Finding(check: check, grade: .fail, found: found, advice: advice)
  }

  var json: JSONValue {
    [
      "check": .string(check), "grade": .string(grade.rawValue), "found": .string(found),
      "advice": advice.map { .string($0) } ?? .null,
    ]
  }
}
