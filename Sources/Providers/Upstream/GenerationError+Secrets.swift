import ModelInterface

extension GenerationError {
  /// The shortest beginning of a key that is taken for one where a message was cut off.
  private static let shortestBeginning = 6

  /// The same error without any of these keys: an upstream that says what it was sent must not tell clients and logs.
  func hiding(_ keys: [String]) -> GenerationError {
    var text = message
    for key in keys where !key.isEmpty {
      if text.contains(key) { text = text.replacing(key, with: "[key]") }
      // What is quoted is cut to a length, perhaps within the key.
      var length = key.count - 1
      while length >= Self.shortestBeginning, !text.hasSuffix(key.prefix(length)) { length -= 1 }
      if length >= Self.shortestBeginning { text = String(text.dropLast(length)) + "[key]" }
    }
    return text == message ? self : GenerationError(kind, text)
  }
}
