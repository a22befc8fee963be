import Content

extension Form<NameServer> {
  static let nameServer = Form<NameServer>.text("the address of a name server, such as `192.0.2.53` or `[::1]:5353`") {
    try? NameServer($0)
  }
}

extension DNSResolver {
  /// A resolver that asks where the configuration says.
  convenience init(_ configuration: Configuration) {
    var options = DNSResolver.Options()
    options.servers = configuration.nameServers.isEmpty ? nil : configuration.nameServers
    self.init(options: options)
  }
}
