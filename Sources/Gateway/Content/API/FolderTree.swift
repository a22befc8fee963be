import Content
import Multiformats

/// Builds the directories above files that were sent one by one.
struct FolderTree: Sendable {
  /// A file and where it lies, relative to the folder.
  struct Leaf: Sendable {
    var path: [String]
    var entry: AddedEntry
  }

  /// Folders within folders.
  static let maximumDepth = 128

  private indirect enum Branch: Sendable {
    case file(AddedEntry)
    case folder([String: Branch])
  }

  private var root: [String: Branch] = [:]

  /// - Throws: ``APIError`` 400 for paths that are twice there, lead through a file, or are no paths.
  init(_ leaves: [Leaf]) throws(APIError) {
    for leaf in leaves {
      guard !leaf.path.isEmpty, leaf.path.count <= Self.maximumDepth else {
        throw APIError.invalid("entries", "A path has 1 to \(Self.maximumDepth) segments.")
      }
      try Self.insert(leaf.entry, leaf.path[...], into: &root)
    }
  }

  private static func insert(
    _ entry: AddedEntry, _ path: ArraySlice<String>, into folder: inout [String: Branch]
  ) throws(APIError) {
    guard let name = path.first else { return }
    if path.count == 1 {
      guard folder[name] == nil else { throw APIError.invalid("entries", "`\(name.prefix(200))` is there twice.") }
      folder[name] = .file(entry)
      return
    }
    var inner: [String: Branch] = [:]
    switch folder[name] {
    case .folder(let known): inner = known
    case .file: throw APIError.invalid("entries", "`\(name.prefix(200))` is a file and a folder.")
    case nil: break
    }
    try insert(entry, path.dropFirst(), into: &inner)
    folder[name] = .folder(inner)
  }

  func add(profile: ImportProfile, to sink: any BlockSink) throws(ContentError) -> AddedEntry {
    try Self.add(root, profile, sink)
  }

  private static func add(
    _ folder: [String: Branch], _ profile: ImportProfile, _ sink: any BlockSink
  ) throws(ContentError) -> AddedEntry {
    var items: [DirectoryImport.Item] = []
    for (name, branch) in folder {
      switch branch {
      case .file(let entry): items.append(.init(name: name, entry: entry))
      case .folder(let inner): items.append(.init(name: name, entry: try add(inner, profile, sink)))
      }
    }
    return try DirectoryImport.add(items, profile: profile, to: sink)
  }
}
