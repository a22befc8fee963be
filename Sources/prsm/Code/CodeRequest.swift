import CodeGeneration
import ModelInterface

/// What is asked of `/v1/prsm/code`, by the page, the terminal and programs alike.
struct CodeRequest: Sendable {
  /// The model; nil for the node's default.
  var model: String?
  var task: CodeTask
  var settings = CodeSettings()

  /// The budgets that may be asked for, in the terminal as through the API.
  static let tokens = 16...100_000
  static let seconds = 1.0...1_800.0

  /// As the API spells it.
  var json: JSONValue {
    var object = JSONObject()
    object["task"] = .string(task.instruction)
    object["tests"] = .array(task.tests.map { .string($0) })
    object["budget"] = ["tokens": .integer(settings.budgetTokens), "seconds": .double(settings.budgetSeconds)]
    object["gammas"] = .array(settings.gammas.map { .double(Double($0)) })
    object["temperatures"] = .array(settings.temperatures.map { .double(Double($0)) })
    object["horizons"] = .array(settings.horizons.map { .integer($0) })
    object["candidates"] = .integer(settings.candidates)
    object["styles"] = .array(settings.styles.map { .string($0.rawValue) })
    object["attempts"] = .integer(settings.attempts)
    object["first_wave"] = .integer(settings.firstWave)
    object["seed"] = .integer(settings.seed)
    var extensions = JSONObject()
    for (name, path) in Self.switches { extensions[name] = .bool(settings.extensions[keyPath: path]) }
    object["extensions"] = .object(extensions)
    if let model { object["model"] = .string(model) }
    if !task.setup.isEmpty { object["setup"] = .string(task.setup) }
    if !task.opening.isEmpty { object["opening"] = .string(task.opening) }
    if let entryPoint = task.entryPoint { object["entry_point"] = .string(entryPoint) }
    return .object(object)
  }

  /// The extensions by the names that flags and the API give them.
  static var switches: [(name: String, path: WritableKeyPath<CodeSettings.Extensions, Bool>)] {
    [
      ("adapt", \.adaptsGuidance), ("condense", \.condenses), ("derive", \.derivesTests), ("repair", \.repairs),
      ("diversify", \.diversifies),
      ("accept", \.accepts), ("agree", \.agrees), ("last-resort", \.lastResort),
      ("resample", \.resamples), ("sign", \.signs), ("doubt", \.doubts),
    ]
  }
}
