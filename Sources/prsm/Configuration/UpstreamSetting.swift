/// An API of somebody else's, as the configuration names it.
struct UpstreamConfiguration: Sendable, Hashable {
  /// A model that it answers for.
  struct Model: Sendable, Hashable {
    /// What clients of this node name it by.
    var name: String
    /// What the upstream names it by.
    var upstreamName: String
    var contextLength: Int?
  }

  /// What operators name it by.
  var name: String
  var url: String
  var apiKey: Secret?
  var models: [Model]
}

extension Form<[UpstreamConfiguration]> {
  private typealias Entry = ConfigurationTree.Entry

  /// Upstreams by name, each with `url`, `models` and perhaps `api-key`.
  static let upstreams = Form<[UpstreamConfiguration]>(
    "upstreams by name, each with `url` and `models`"
  ) { tree throws(Misfit) in
    guard case .map(let entries) = tree.content else { throw Misfit() }
    guard entries.count <= 256 else { throw Misfit(found: "\(entries.count) of them, of at most 256") }
    var upstreams: [UpstreamConfiguration] = []
    for entry in entries { upstreams.append(try upstream(entry)) }
    var owners: [String: String] = [:]
    for upstream in upstreams {
      for model in upstream.models {
        if let other = owners.updateValue(upstream.name, forKey: model.name) {
          throw Misfit(
            expected: "each model at one upstream",
            found: "`\(model.name)` at `\(other)` and at `\(upstream.name)`", line: tree.line)
        }
      }
    }
    return upstreams
  }

  private static func upstream(_ entry: Entry) throws(Misfit) -> UpstreamConfiguration {
    guard case .map(let members) = entry.value.content else {
      throw Misfit(
        expected: "`\(entry.key)` to have `url` and `models`", found: entry.value.found, line: entry.line)
    }
    try known(["url", "api-key", "models"], members, of: entry.key)
    let url = try required("url", .url, members, of: entry)
    var upstream = UpstreamConfiguration(name: entry.key, url: url, apiKey: nil, models: [])
    if let key = members.first(where: { $0.key == "api-key" }) { upstream.apiKey = try read(.secret, key) }
    guard let models = members.first(where: { $0.key == "models" }), case .list(let list) = models.value.content,
      !list.isEmpty, list.count <= 4_096
    else {
      throw Misfit(
        expected: "`\(entry.key).models` to be a list of model names", found: "none of them", line: entry.line)
    }
    for element in list { upstream.models.append(try model(element, of: entry.key)) }
    return upstream
  }

  /// A name, or a map with `name`, `upstream-name` and `context-length`.
  private static func model(
    _ tree: ConfigurationTree, of upstream: String
  ) throws(Misfit) -> UpstreamConfiguration.Model {
    switch tree.content {
    case .text(let name) where !name.isEmpty: return .init(name: name, upstreamName: name)
    case .map(let members):
      try known(["name", "upstream-name", "context-length"], members, of: "\(upstream).models")
      let entry = Entry(key: "\(upstream).models", line: tree.line, value: tree)
      let name = try required("name", .word("a name"), members, of: entry)
      var model = UpstreamConfiguration.Model(name: name, upstreamName: name)
      if let other = members.first(where: { $0.key == "upstream-name" }) {
        model.upstreamName = try read(.word("a name"), other)
      }
      if let length = members.first(where: { $0.key == "context-length" }) {
        model.contextLength = try read(.integer(1...100_000_000), length)
      }
      return model
    default:
      throw Misfit(
        expected: "`\(upstream).models` to hold names, or maps with `name`", found: tree.found, line: tree.line)
    }
  }

  private static func required<Part>(
    _ key: String, _ form: Form<Part>, _ members: [Entry], of entry: Entry
  ) throws(Misfit) -> Part {
    guard let member = members.first(where: { $0.key == key }) else {
      throw Misfit(expected: "`\(entry.key).\(key)`, \(form.expected)", found: "nothing", line: entry.line)
    }
    return try read(form, member)
  }

  private static func read<Part>(_ form: Form<Part>, _ entry: Entry) throws(Misfit) -> Part {
    do throws(Form<Part>.Misfit) {
      return try form.read(entry.value)
    } catch {
      throw Misfit(
        expected: "`\(entry.key)` to be \(error.expected ?? form.expected)", found: error.found ?? entry.value.found,
        line: error.line ?? entry.line)
    }
  }

  private static func known(_ names: [String], _ members: [Entry], of owner: String) throws(Misfit) {
    for member in members where !names.contains(member.key) {
      throw Misfit(
        expected: "`\(owner)` to have only \(names.joined(separator: ", "))",
        found: "`\(member.key)`" + NearestName.suggestion(for: member.key, among: names), line: member.line)
    }
  }
}
