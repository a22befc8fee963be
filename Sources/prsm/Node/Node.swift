enum Node {
  static func run(_ configuration: Configuration) async throws {
    let folder = DataFolder(path: configuration.dataDir)
    try folder.prepare()
    let lock = try folder.hold()
    _ = lock
  }
}
