package import ModelInterface

/// A model file that may be loaded: it has been checked, and survived being loaded in a child process.
package struct ModelFileEntry: Sendable, Hashable {
  /// What clients name it by.
  package var name: String
  /// Other names under which it answers.
  package var aliases: [String]
  /// Where the file is.
  package var path: String
  /// When it was added, in seconds since 1970.
  package var created: Int
  /// Bytes of the file, which is about what its weights take in memory.
  package var bytes: Int
  /// The family, such as `llama`; nil where unknown.
  package var architecture: String?
  /// The kind of quantisation, such as `Q4_K_M`; nil where unknown.
  package var quantization: String?
  /// The number of weights; nil where unknown.
  package var parameterCount: Int?
  /// The context window it was trained for, in tokens; nil where unknown.
  package var contextLength: Int?

  /// A file.
  package init(
    name: String, aliases: [String] = [], path: String, created: Int = 0, bytes: Int = 0, architecture: String? = nil,
    quantization: String? = nil, parameterCount: Int? = nil, contextLength: Int? = nil
  ) {
    self.name = name
    self.aliases = aliases
    self.path = path
    self.created = created
    self.bytes = bytes
    self.architecture = architecture
    self.quantization = quantization
    self.parameterCount = parameterCount
    self.contextLength = contextLength
  }
}

/// Where model files come from.
package protocol ModelSource: Sendable {
  /// The files there are now. Cheap: called for every listing and every load.
  func entries() async -> [ModelFileEntry]

  /// Makes sure that a file may be loaded, just before that happens.
  ///
  /// - Throws: ``GenerationError`` of kind `unavailable` with what is wrong with it.
  func validate(_ entry: ModelFileEntry) async throws(GenerationError)
}

extension ModelSource {
  /// Files that need no further check.
  package func validate(_ entry: ModelFileEntry) async throws(GenerationError) {}
}

/// A fixed list of files.
package struct FixedModelSource: ModelSource {
  private let files: [ModelFileEntry]

  /// The files.
  package init(_ files: [ModelFileEntry]) {
    self.files = files
  }

  /// The files.
  package func entries() async -> [ModelFileEntry] { files }
}
