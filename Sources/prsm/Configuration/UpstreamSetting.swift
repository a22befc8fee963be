import Providers

/// An API of somebody else's, as the configuration names it.
struct UpstreamConfiguration: Sendable {
  typealias Model = UpstreamEndpoint.Model

  /// What operators name it by.
  var name: String
  var kind = UpstreamEndpoint.Kind.openAI
  var urls: [String]
  var apiKeys: [Secret] = []
  var models: [Model] = []
  var deadlines = UpstreamDeadlines()
  var hedges = false
}

extension Form<[UpstreamConfiguration]> {
  private typealias Entry = ConfigurationTree.Entry

  /// The most addresses, and the most keys, of one upstream.
  private static let limit = 32

  /// Upstreams by name, each with `url` or `urls`, `models`, and perhaps `kind`, keys, deadlines and `hedge`.
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
    for upstream in upstreams {
      for model in upstream.models {
        for fallback in model.fallbacks where owners[fallback] == nil || fallback == model.name {
          throw Misfit(
            expected: "the fallbacks of `\(model.name)` to be other models of upstreams",
            found: "`\(fallback)`" + NearestName.suggestion(for: fallback, among: Array(owners.keys)),
            line: tree.line)
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
    try known(
      ["kind", "url", "urls", "api-key", "api-keys", "models", "deadlines", "hedge"], members, of: entry.key)
    var upstream = UpstreamConfiguration(
      name: entry.key, urls: try either("url", "urls", .url, members, of: entry))
    guard !upstream.urls.isEmpty else {
      throw Misfit(
        expected: "`\(entry.key).url`, \(Form<String>.url.expected)", found: "nothing", line: entry.line)
    }
    upstream.apiKeys = try either("api-key", "api-keys", .secret, members, of: entry)
    if let kind = members.first(where: { $0.key == "kind" }) {
      let word = try read(.oneOf(UpstreamEndpoint.Kind.allCases.map(\.rawValue)), kind)
      upstream.kind = UpstreamEndpoint.Kind(rawValue: word) ?? .openAI
    }
    if let hedge = members.first(where: { $0.key == "hedge" }) { upstream.hedges = try read(.truth, hedge) }
    if let deadlines = members.first(where: { $0.key == "deadlines" }) {
      upstream.deadlines = try self.deadlines(deadlines, of: entry.key)
    }
    let models = members.first { $0.key == "models" }
    guard case .list(let list)? = models?.value.content, !list.isEmpty, list.count <= 4_096 else {
      throw Misfit(
        expected: "`\(entry.key).models` to be a list of model names", found: models?.value.found ?? "none of them",
        line: models?.line ?? entry.line)
    }
    for element in list { upstream.models.append(try model(element, of: entry.key, kind: upstream.kind)) }
    return upstream
  }

  /// One value under one key, or several under another.
  private static func either<Part>(
    _ one: String, _ many: String, _ form: Form<Part>, _ members: [Entry], of entry: Entry
  ) throws(Misfit) -> [Part] {
    let single = members.first { $0.key == one }
    let several = members.first { $0.key == many }
    if single != nil, several != nil {
      throw Misfit(
        expected: "`\(entry.key)` to have `\(one)` or `\(many)`", found: "both", line: several?.line)
    }
    if let single { return [try read(form, single)] }
    guard let several else { return [] }
    let values = try read(form.list(of: "`\(one)`", atMost: limit), several)
    guard !values.isEmpty else {
      throw Misfit(expected: "`\(entry.key).\(many)` to hold at least one", found: "none", line: several.line)
    }
    return values
  }

  private static func deadlines(_ entry: Entry, of upstream: String) throws(Misfit) -> UpstreamDeadlines {
    guard case .map(let members) = entry.value.content else {
      throw Misfit(
        expected: "`\(upstream).deadlines` to have times by name", found: entry.value.found, line: entry.line)
    }
    try known(["connect", "first-byte", "between-tokens", "whole"], members, of: "\(upstream).deadlines")
    let form = Form<Duration>.duration(.milliseconds(10) ... .seconds(86_400))
    var deadlines = UpstreamDeadlines()
    for member in members {
      let time = try read(form, member)
      switch member.key {
      case "connect": deadlines.connect = time
      case "first-byte": deadlines.firstByte = time
      case "between-tokens": deadlines.betweenTokens = time
      default: deadlines.whole = time
      }
    }
    return deadlines
  }

  /// A name, or a map with `name` and what else is known.
  private static func model(
    _ tree: ConfigurationTree, of upstream: String, kind: UpstreamEndpoint.Kind
  ) throws(Misfit) -> UpstreamConfiguration.Model {
    let canEmbed = kind == .openAI
    switch tree.content {
    case .text(let name) where !name.isEmpty: return .init(name: name, canEmbed: canEmbed)
    case .map(let members):
      try known(
        ["name", "upstream-name", "context-length", "output-tokens", "fallbacks"], members, of: "\(upstream).models")
      let entry = Entry(key: "\(upstream).models", line: tree.line, value: tree)
      let name = try required("name", .word("a name"), members, of: entry)
      var model = UpstreamConfiguration.Model(name: name, canEmbed: canEmbed)
      for member in members {
        switch member.key {
        case "upstream-name": model.upstreamName = try read(.word("a name"), member)
        case "context-length": model.contextLength = try read(.integer(1...100_000_000), member)
        case "output-tokens": model.maximumOutputTokens = try read(.integer(1...100_000_000), member)
        case "fallbacks": model.fallbacks = try read(Form<String>.word("a name").list(of: "models", atMost: 16), member)
        default: break
        }
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
