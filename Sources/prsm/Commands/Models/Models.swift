import ArgumentParser

/// `prsm models`: the models of this machine.
struct Models: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "List, pull, add, publish, remove and inspect models.",
    discussion: """
      Models are kept in the data folder. A node that is running takes notice of what is added and removed.

      EXAMPLES
        prsm models list
        prsm models pull smollm2-135m-instruct
        prsm models add ~/Downloads/other.gguf --name other
      """,
    subcommands: [
      ModelsList.self, ModelsPull.self, ModelsAdd.self, ModelsPublish.self, ModelsRemove.self, ModelsInspect.self,
    ]
  )
}
