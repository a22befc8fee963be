import ArgumentParser

/// `prsm content`: files, folders and data by what they hash to.
struct ContentCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "content",
    abstract: "Add, get, pin and check content by its address (IPFS).",
    discussion: """
      Content is kept in the data folder. Where a node holds that, commands go through the node.

      EXAMPLES
        prsm content add data/
        prsm content ls bafy…
        prsm content cat bafy…/readme.txt
        prsm content get bafy… --output copy
      """,
    subcommands: [
      ContentAdd.self, ContentGet.self, ContentCat.self, ContentLs.self, ContentStatCommand.self, ContentPin.self,
      ContentUnpin.self, ContentWhy.self, ContentGC.self, ContentVerify.self, ContentImport.self, ContentExport.self,
      ContentIdentity.self, ContentRevoke.self, ContentPublishName.self, ContentImportName.self,
      ContentPublishData.self,
      ContentManifest.self,
    ]
  )
}
