/// Finds the route for a method and a path. Paths without variables are found by one look-up.
struct RouteTable: Sendable {
  /// A route with its place in the table, for what is kept by route.
  struct Entry: Sendable {
    var route: Route
    var index: Int
  }

  enum Finding {
    case found(Entry, variables: [String])
    /// The path exists, with other methods.
    case otherMethods([String])
    case nothing
  }

  private struct Pattern: Sendable {
    var segments: [Segment]
    var methods: [String: Entry]
  }

  private enum Segment: Sendable, Equatable {
    case literal(String)
    case variable
    case rest
  }

  private var fixed: [String: [String: Entry]] = [:]
  private var patterns: [Pattern] = []
  /// All routes in the order in which they were added.
  private(set) var routes: [Route] = []
  /// Whether any of them is for pages of every origin.
  private(set) var hasPublicRoutes = false

  /// - Precondition: no two routes have the same method and path; routes are written by programmers, not by users.
  init(_ routes: [Route]) {
    for route in routes {
      let entry = Entry(route: route, index: self.routes.count)
      self.routes.append(route)
      hasPublicRoutes = hasPublicRoutes || route.isPublic
      let method = route.method.rawValue
      if !route.path.contains("{") {
        precondition(fixed[route.path]?[method] == nil, "\(method) \(route.path) is routed twice")
        fixed[route.path, default: [:]][method] = entry
      } else {
        let segments = Self.segments(of: route.path)
        if let index = patterns.firstIndex(where: { $0.segments == segments }) {
          precondition(patterns[index].methods[method] == nil, "\(method) \(route.path) is routed twice")
          patterns[index].methods[method] = entry
        } else {
          patterns.append(Pattern(segments: segments, methods: [method: entry]))
        }
      }
    }
  }

  private static func segments(of path: String) -> [Segment] {
    path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { segment in
      if segment.hasSuffix("*}") { return .rest }
      return segment.hasPrefix("{") ? .variable : .literal(String(segment))
    }
  }

  /// The route for a path without its query. `HEAD` finds what `GET` does.
  func find(_ method: String, _ path: String) -> Finding {
    let name = method == "HEAD" ? "GET" : method
    if let methods = fixed[path] {
      guard let entry = methods[name] else { return .otherMethods(Self.allowed(methods)) }
      return .found(entry, variables: [])
    }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    var others: [String] = []
    for pattern in patterns {
      guard let variables = Self.match(pattern.segments, parts) else { continue }
      if let entry = pattern.methods[name] { return .found(entry, variables: variables) }
      others += Self.allowed(pattern.methods)
    }
    return others.isEmpty ? .nothing : .otherMethods(others)
  }

  private static func allowed(_ methods: [String: Entry]) -> [String] {
    var names = Set(methods.keys)
    if names.contains("GET") { names.insert("HEAD") }
    return names.sorted()
  }

  private static func match(_ segments: [Segment], _ parts: ArraySlice<Substring>) -> [String]? {
    var variables: [String] = []
    var parts = parts
    for segment in segments {
      switch segment {
      case .literal(let text):
        guard parts.popFirst().map({ $0 == text }) == true else { return nil }
      case .variable:
        guard let part = parts.popFirst(), !part.isEmpty, let value = PercentCoding.decode(part) else { return nil }
        variables.append(value)
      case .rest:
        guard !parts.isEmpty, let value = PercentCoding.decode(parts.joined(separator: "/")), !value.isEmpty else {
          return nil
        }
        variables.append(value)
        parts = []
      }
    }
    return parts.isEmpty ? variables : nil
  }
}
