#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// How the gateway serves.
package struct GatewayConfiguration: Sendable {
  /// A certificate and its key, in PEM files.
  package struct TLS: Sendable, Equatable {
    /// The certificate chain, the node's own first.
    package var certificateFile: String
    /// The private key.
    package var keyFile: String

    /// A certificate and its key.
    package init(certificateFile: String, keyFile: String) {
      self.certificateFile = certificateFile
      self.keyFile = keyFile
    }
  }

  /// The address to listen on.
  package var host = "127.0.0.1"
  /// The port; 0 takes a free one.
  package var port = 8080
  /// TLS; nil serves plain HTTP.
  package var tls: TLS?
  /// Lets the gateway serve other machines without keys or TLS, where something in front provides them.
  package var allowsInsecureExposure = false
  /// Host names under which a node without keys answers, besides the loopback interface's.
  package var allowedHosts: Set<String> = []
  /// Origins whose pages may use the node, such as `https://chat.example`; `*` for all.
  package var allowedOrigins: Set<String> = []
  /// The most connections at once; further ones wait to be accepted.
  package var maximumConnections = 16_384
  /// The limits of one connection.
  package var limits = ConnectionLimits()
  /// The limits of what a request may ask for.
  package var requests = RequestLimits()
  /// Whether the playground is served at `/`.
  package var servesPlayground = true
  /// How long a shutdown waits for answers that are being given.
  package var drainTime = Duration.seconds(30)
  /// How many threads serve connections; nil for one a core, at most four.
  package var threads: Int?
  /// The program's version, for `/healthz`, `/openapi.json` and metrics.
  package var version = "0.1.0"

  /// Plain HTTP on the loopback interface.
  package init() {}

  /// Whether only this machine can reach the address.
  package var isLoopback: Bool {
    host == "localhost" || host == "::1" || host == "[::1]"
      || (host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." })
  }
}

/// The limits of what one request may ask for.
package struct RequestLimits: Sendable, Equatable {
  /// The most choices (`n`).
  package var choices = 16
  /// How many answers to one request are worked on at once; further ones wait for these.
  package var concurrency = 16
  /// The most prompts in one batch.
  package var promptBatch = 256
  /// The most texts in one request for embeddings.
  package var embeddingBatch = 2048
  /// The most messages in a conversation.
  package var messages = 4096
  /// The most tools.
  package var tools = 128
  /// The most stop sequences.
  package var stopSequences = 16
  /// The most tokens that one answer may have, whatever the client asks for; nil leaves it to the provider.
  package var outputTokens: Int?
  /// How long one answer may take; nil for as long as it wants.
  package var time: Duration? = .seconds(1800)
  /// How many answers of `/v1/responses` are kept for later reference.
  package var storedResponses = 512
  /// The most bytes that kept answers take together.
  package var storedBytes = 64 << 20

  /// The usual limits.
  package init() {}
}

/// Why the gateway does not start.
package enum GatewayStartError: Error, Sendable, Equatable, CustomStringConvertible {
  /// It would serve other machines without keys or without TLS.
  case unprotected(address: String, lacksKey: Bool, lacksTLS: Bool)
  /// The certificate or its key cannot be used.
  case certificate(file: String, reason: String)
  /// The address cannot be listened on.
  case address(String, reason: String)

  /// The address cannot be listened on, for the reason that the system gave (`errno`).
  package static func listening(on address: String, _ code: Int32) -> GatewayStartError {
    let reason =
      switch code {
      case EADDRINUSE:
        "the port is in use by another program; stop that one, or choose another port (0 takes a free one)"
      case EACCES: "ports below 1024 need privileges; choose a higher one"
      case EADDRNOTAVAIL: "this machine has no such address"
      default: String(cString: strerror(code))
      }
    return .address(address, reason: reason)
  }

  /// What is wrong, and what to do.
  package var description: String {
    switch self {
    case .unprotected(let address, let lacksKey, let lacksTLS):
      let missing = [lacksKey ? "an API key" : nil, lacksTLS ? "TLS" : nil].compactMap { $0 }
      return """
        refusing to serve other machines on \(address) without \(missing.joined(separator: " and ")). \
        Listen on 127.0.0.1, or give the node \(missing.joined(separator: " and ")) \
        (prsm keys create; --tls-cert FILE --tls-key FILE), or, behind a proxy that provides both, pass --insecure
        """
    case .certificate(let file, let reason):
      return "cannot use \(file) for TLS: \(reason)"
    case .address(let address, let reason):
      return "cannot listen on \(address): \(reason)"
    }
  }
}
