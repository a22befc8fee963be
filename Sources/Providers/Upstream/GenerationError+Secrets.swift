import ModelInterface

extension GenerationError {
  /// The shortest beginning of a key that is taken for one where a message was cut off.
  private static let shortestBeginning = 6

  /// The same error without any of these keys: an upstream that says what it was sent must not tell clients and logs.
  ///
  /// - Parameter endpoint: the upstream's name, which stays as it is where the message says it in back quotes: keys of local
  ///   servers, which check none, are often the same word.
  func hiding(_ keys: [String], of endpoint: String) -> GenerationError {
    // The longest first: none may leave the end of one that it begins.
    let keys = keys.filter { !$0.isEmpty }.sorted { $0.count > $1.count }
    let name = "`\(endpoint)`"
    let parts = message.split(separator: name, omittingEmptySubsequences: false)
    var text = parts.map { part in keys.reduce(String(part)) { $0.replacing($1, with: "[key]") } }.joined(
      separator: name)
    // What is quoted is cut to a length, perhaps within the key.
    for key in keys where !text.hasSuffix(name) {
      var length = key.count - 1
      while length >= Self.shortestBeginning, !text.hasSuffix(key.prefix(length)) { length -= 1 }
      if length >= Self.shortestBeginning { text = String(text.dropLast(length)) + "[key]" }
    }
    return text == message ? self : GenerationError(kind, text)
  }
}
