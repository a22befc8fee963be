import Foundation

/// The three places a setting can come from, and what was found wrong in them so far. A flag beats the environment, which
/// beats the file.
struct ConfigurationSources {
  /// Flags by the path of their setting.
  var flags: [String: String]
  var environment: [String: String]
  var file: ConfigurationFile?
  private(set) var problems: [ConfigurationProblem] = []

  init(flags: [String: String] = [:], environment: [String: String] = [:], file: ConfigurationFile? = nil) {
    self.flags = flags
    self.environment = environment
    self.file = file
  }

  /// The value of a setting; its default where none is given, or where the given one is wrong, which is then noted.
  mutating func value<Value>(_ setting: Setting<Value>) -> Value {
    let place: String
    let tree: ConfigurationTree
    if let text = flags[setting.path] {
      place = setting.flag ?? setting.path
      tree = .text(text)
    } else if let text = environment[setting.environmentName], !text.isEmpty {
      place = setting.environmentName
      tree = .text(text)
    } else if let file, let entry = Self.find(setting.path, in: file.entries) {
      place = "\(file.name):\(entry.line)"
      tree = entry.value
    } else {
      return setting.standard
    }
    do {
      return try setting.form.read(tree)
    } catch {
      let subject = place.hasPrefix("--") || place.hasPrefix("PRSM_") ? "" : "`\(setting.path)`: "
      let place = error.line.flatMap { line in line > 0 ? file.map { "\($0.name):\(line)" } : nil } ?? place
      var message = "\(subject)expected \(error.expected ?? setting.form.expected), found \(error.found ?? tree.found)"
      if case .nothing = tree.content {
        message += "; leave the line out to keep the default (\(setting.standardText))"
      }
      complain(place, message)
      return setting.standard
    }
  }

  mutating func complain(_ place: String, _ message: String) {
    problems.append(ConfigurationProblem(place: place, message: message))
  }

  /// Where a setting was given, for a message about it together with another.
  func place(of path: String, flag: String?, environmentName: String) -> String {
    if flags[path] != nil { return flag ?? path }
    if environment[environmentName, default: ""] != "" { return environmentName }
    if let file, let entry = Self.find(path, in: file.entries) { return "\(file.name):\(entry.line)" }
    return path
  }

  /// The line of a key inside what a setting holds, where the file gives the setting.
  ///
  /// - Parameter path: the keys from the outermost on; a key may have a dot in it.
  func line(of path: [String], in setting: SettingOutline) -> String? {
    guard flags[setting.path] == nil, environment[setting.environmentName, default: ""].isEmpty, let file else {
      return nil
    }
    return Self.find(path[...], in: file.entries).map { "\(file.name):\($0.line)" }
  }

  private static func find(_ path: String, in entries: [ConfigurationTree.Entry]) -> ConfigurationTree.Entry? {
    find(path.split(separator: ".").map(String.init)[...], in: entries)
  }

  private static func find(
    _ path: ArraySlice<String>, in entries: [ConfigurationTree.Entry]
  ) -> ConfigurationTree.Entry? {
    guard let key = path.first, let entry = entries.first(where: { $0.key == key }) else { return nil }
    let rest = path.dropFirst()
    if rest.isEmpty { return entry }
    guard case .map(let inner) = entry.value.content else { return nil }
    return find(rest, in: inner)
  }

  /// Notes every key of the file, and every environment variable that starts with `PRSM_`, that no setting answers to.
  mutating func complainAboutUnknown(settings: [SettingOutline]) {
    guard let file else { return }
    check(file.entries, under: "", paths: settings.map(\.path), in: file.name)
  }

  private mutating func check(
    _ entries: [ConfigurationTree.Entry], under prefix: String, paths: [String], in name: String
  ) {
    for entry in entries {
      let path = prefix + entry.key
      if paths.contains(path) { continue }
      let place = "\(name):\(entry.line)"
      if paths.contains(where: { $0.hasPrefix(path + ".") }) {
        switch entry.value.content {
        case .map(let inner): check(inner, under: path + ".", paths: paths, in: name)
        case .nothing: complain(place, "`\(path)` has nothing under it; leave the line out, or give it one of its keys")
        case .text, .list: complain(place, "`\(path)`: expected a group of keys, found \(entry.value.found)")
        }
        continue
      }
      complain(
        place, "unknown key `\(path)`" + Self.suggestion(for: entry.key, path: path, under: prefix, paths: paths))
    }
  }

  /// The nearest key beside it; or else the nearest anywhere, for a key that stands in the wrong group.
  private static func suggestion(for key: String, path: String, under prefix: String, paths: [String]) -> String {
    var siblings: [String] = []
    for path in paths where path.hasPrefix(prefix) {
      let name = String(path.dropFirst(prefix.count).prefix { $0 != "." })
      if !siblings.contains(name) { siblings.append(name) }
    }
    if let nearest = NearestName.find(key, among: siblings) { return "; did you mean `\(prefix + nearest)`?" }
    if let nearest = NearestName.find(path, among: paths) { return "; did you mean `\(nearest)`?" }
    if let elsewhere = paths.first(where: { $0.hasSuffix("." + key) || $0 == key }) {
      return "; did you mean `\(elsewhere)`?"
    }
    return "; expected one of \(siblings.joined(separator: ", "))"
  }

  /// Warnings about environment variables that look like settings and are none.
  func strangeVariables(settings: [SettingOutline]) -> [String] {
    let known = settings.map(\.environmentName) + Self.otherVariables
    return environment.keys.filter { $0.hasPrefix("PRSM_") && !known.contains($0) }.sorted().map { name in
      "the environment variable \(name) is not one of PRSM's" + NearestName.suggestion(for: name, among: known)
    }
  }

  /// Variables that are not settings of a node.
  static let otherVariables = [
    "PRSM_API", "PRSM_API_KEY", "PRSM_CONFIG", "PRSM_CACHE_DIR", "PRSM_LLAMA_PREFIX", "PRSM_TEST_DATABASE_URL",
    "PRSM_WARNINGS_AS_ERRORS",
  ]
}
