import Foundation

/// The date for templates that tell the model what day it is.
enum TemplateClock {
  /// Today in UTC, in the notation of C's `strftime`.
  static func today(_ format: String) -> String {
    var now = time(nil)
    var parts = tm()
    guard gmtime_r(&now, &parts) != nil, !format.isEmpty, format.utf8.count <= 128 else { return "" }
    var buffer = [CChar](repeating: 0, count: 512)
    let length = strftime(&buffer, buffer.count, format, &parts)
    return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
