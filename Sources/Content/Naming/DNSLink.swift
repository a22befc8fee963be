internal import Multiformats

/// DNSLink entries of the domain name system (https://dnslink.dev): TXT records `dnslink=/ipfs/…` of `_dnslink.DOMAIN`, or,
/// where it has none, of the domain itself.
package struct DNSLink: DomainLinkSource {
  private let resolver: DNSResolver

  package init(_ resolver: DNSResolver) { self.resolver = resolver }

  package func link(of domain: String) async throws(ContentError) -> (path: String, seconds: UInt64?)? {
    for name in ["_dnslink." + domain, domain] where DNSMessage.labels(of: name) != nil {
      let texts = try await resolver.texts(of: name)
      if let path = Self.path(in: texts.strings) { return (path, UInt64(texts.seconds)) }
    }
    return nil
  }

  /// The path that a name's strings link to; of several the first in the order of their characters, so that everybody takes
  /// the same.
  static func path(in strings: [String]) -> String? {
    strings.lazy.compactMap { text -> String? in
      guard text.hasPrefix("dnslink="), text.utf8.count <= 2_048 else { return nil }
      let path = String(text.dropFirst(8))
      return (path.hasPrefix("/ipfs/") || path.hasPrefix("/ipns/")) && path.utf8.count > 6 ? path : nil
    }.min { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}

/// Several places that know what domains link to, asked in order.
package struct DomainLinks: DomainLinkSource {
  private let sources: [any DomainLinkSource]

  package init(_ sources: [any DomainLinkSource]) { self.sources = sources }

  package func link(of domain: String) async throws(ContentError) -> (path: String, seconds: UInt64?)? {
    for source in sources {
      if let link = try await source.link(of: domain) { return link }
    }
    return nil
  }
}
