/// What can be typed instead of a question.
enum ChatCommand: Sendable, Equatable {
  case help
  case model(String?)
  case system(String?)
  case clear
  case save(String?)
  case regenerate
  case exit
  case unknown(String, suggestion: String?)

  struct Description: Sendable {
    let name: String
    let argument: String
    let summary: String
  }

  static let all = [
    Description(name: "/help", argument: "", summary: "show this list"),
    Description(name: "/model", argument: "[NAME]", summary: "show the models, or talk to another"),
    Description(name: "/system", argument: "[TEXT]", summary: "tell the model who it is; without a text, nothing"),
    Description(name: "/clear", argument: "", summary: "begin a new conversation"),
    Description(name: "/regenerate", argument: "", summary: "have the last question answered again"),
    Description(name: "/save", argument: "[FILE]", summary: "write the conversation to a file, as Markdown"),
    Description(name: "/exit", argument: "", summary: "leave"),
  ]

  /// Nil where the line is a question.
  init?(_ line: String) {
    guard line.hasPrefix("/"), !line.contains("\n") else { return nil }
    let parts = line.split(separator: " ", maxSplits: 1)
    guard let word = parts.first.map(String.init), word.dropFirst().allSatisfy(\.isLetter) else { return nil }
    let rest = parts.dropFirst().first.map(String.init).flatMap { $0.allSatisfy(\.isWhitespace) ? nil : $0 }
    switch word.lowercased() {
    case "/help", "/": self = .help
    case "/model", "/models": self = .model(rest)
    case "/system": self = .system(rest)
    case "/clear", "/new": self = .clear
    case "/save": self = .save(rest)
    case "/regenerate", "/retry": self = .regenerate
    case "/exit", "/quit", "/bye": self = .exit
    default: self = .unknown(word, suggestion: NearestName.find(word, among: Self.all.map(\.name)))
    }
  }

  /// Whole lines that could be meant by the beginning of one.
  static func completions(of line: String, models: [String]) -> [String] {
    guard line.hasPrefix("/") else { return [] }
    if line.hasPrefix("/model ") {
      let beginning = line.dropFirst("/model ".count)
      return models.filter { $0.hasPrefix(beginning) }.map { "/model " + $0 }
    }
    guard !line.contains(" ") else { return [] }
    return all.filter { $0.name.hasPrefix(line) }.map { $0.argument.isEmpty ? $0.name : $0.name + " " }
  }
}
