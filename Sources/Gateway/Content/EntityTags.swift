/// Entity tags and byte ranges (RFC 9110, sections 8.8.3, 13.1.2 and 14).
enum EntityTag {
  /// Whether an `if-none-match` header names the tag, by weak comparison.
  static func matches(_ header: String, _ tag: String) -> Bool {
    let wanted = strong(tag)
    for entry in header.split(separator: ",") {
      let entry = entry.trimmingSpaces
      if entry == "*" || strong(entry) == wanted { return true }
    }
    return false
  }

  private static func strong(_ tag: String) -> String { tag.hasPrefix("W/") ? String(tag.dropFirst(2)) : tag }
}

/// What a `range` header asks for, of something whose size is known.
enum RequestedRange: Equatable {
  /// Everything: there is no header, or one that is to be passed over.
  case everything
  /// Offsets of bytes. Of several ranges, the first that can be satisfied.
  case part(Range<UInt64>)
  /// None of it lies in the content.
  case unsatisfiable

  init(_ header: String?, size: UInt64) {
    guard let header, header.lowercased().hasPrefix("bytes=") else {
      self = .everything
      return
    }
    for entry in header.dropFirst("bytes=".count).split(separator: ",").prefix(64) {
      let entry = entry.trimmingSpaces
      guard let dash = entry.firstIndex(of: "-") else {
        self = .everything
        return
      }
      let (left, right) = (entry[..<dash], entry[entry.index(after: dash)...])
      if left.isEmpty {
        guard let count = UInt64(right) else {
          self = .everything
          return
        }
        guard count > 0, size > 0 else { continue }
        self = .part(size - min(count, size)..<size)
        return
      }
      guard let first = UInt64(left), right.isEmpty || UInt64(right) != nil else {
        self = .everything
        return
      }
      let last = UInt64(right) ?? .max
      guard last >= first else {
        self = .everything
        return
      }
      guard first < size else { continue }
      self = .part(first..<(last >= size ? size : last + 1))
      return
    }
    self = .unsatisfiable
  }
}

/// Dates as HTTP writes them (RFC 9110, section 5.6.7).
enum HTTPDate {
  private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// - Parameter seconds: since 1970, not before.
  static func text(_ seconds: Int64) -> String {
    let day = seconds / 86_400
    // Hinnant's civil_from_days.
    let shifted = day + 719_468
    let era = shifted / 146_097
    let ofEra = shifted - era * 146_097
    let yearOfEra = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let part = (5 * ofYear + 2) / 153
    let month = part < 10 ? part + 3 : part - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    let date = ofYear - (153 * part + 2) / 5 + 1
    func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let rest = seconds % 86_400
    return """
      \(days[Int(day % 7)]), \(two(date)) \(months[Int(month - 1)]) \(year) \
      \(two(rest / 3_600)):\(two(rest / 60 % 60)):\(two(rest % 60)) GMT
      """
  }
}
