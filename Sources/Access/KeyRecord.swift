/// What a key lets its holder do.
package enum Scope: String, Sendable, Hashable, CaseIterable, Comparable {
  /// Ask models: chat, completions, responses, embeddings, and the list of models.
  case inference
  /// Read metrics.
  case metrics
  /// Read what the node holds by content address, and through it what others hold.
  case contentRead = "content:read"
  /// Add, pin, unpin and collect content.
  case contentWrite = "content:write"
  /// Change the node: models, keys.
  case admin

  /// In the order of what they open.
  package static func < (left: Scope, right: Scope) -> Bool { left.rank < right.rank }

  private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// What is known of a key, which is everything but the key.
package struct KeyRecord: Sendable, Hashable, Identifiable {
  /// Names the key in lists, logs and accounts: 12 characters of the key's own beginning.
  package var id: String { prefix }
  /// The first characters of the key.
  package var prefix: String
  /// What its maker called it.
  package var name: String
  /// What it may be used for.
  package var scopes: Set<Scope>
  /// When it was made, in seconds since 1970.
  package var created: Int
  /// When it stops to be good, in seconds since 1970; nil for never.
  package var expires: Int?
  /// When it was revoked, in seconds since 1970; nil where it was not.
  package var revoked: Int?
  /// On whose account it is used.
  package var payer = Payer()

  /// Whether it is good at that time, in seconds since 1970.
  package func isValid(at time: Int) -> Bool {
    revoked == nil && (expires.map { time < $0 } ?? true)
  }

  /// `active`, `expired` or `revoked`.
  package func state(at time: Int) -> String {
    revoked != nil ? "revoked" : isValid(at: time) ? "active" : "expired"
  }
}

/// On whose account a key is used, besides its own: names that the maker of the key gives, each nil where there is none.
package struct Payer: Sendable, Hashable {
  /// The user who holds the key.
  package var user: String?
  /// The project that the key was made for.
  package var project: String?
  /// The organisation that pays.
  package var organization: String?
  /// What the key is called; known where a key's payer is looked up.
  package var keyName: String?

  /// A payer.
  package init(user: String? = nil, project: String? = nil, organization: String? = nil) {
    self.user = user
    self.project = project
    self.organization = organization
  }

  /// Whether every name has 1 to 100 characters and no control characters.
  var isValid: Bool {
    [user, project, organization].allSatisfy { name in
      name.map {
        !$0.isEmpty && $0.count <= 100 && $0.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
      }
        ?? true
    }
  }
}

/// Who a request comes from, once its key has been accepted.
package struct KeyHolder: Sendable, Hashable {
  /// The account that the request runs on: the key's ``KeyRecord/id``.
  package var tenant: String
  /// What its maker called the key.
  package var name: String
  /// What it may do.
  package var scopes: Set<Scope>

  /// Somebody.
  package init(tenant: String, name: String, scopes: Set<Scope>) {
    self.tenant = tenant
    self.name = name
    self.scopes = scopes
  }
}

/// Why nobody is let in, or nothing done, with a key.
package enum AccessError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The request carries no key.
  case missing
  /// What it carries is not the text of a key: mistyped, or cut off.
  case malformed
  /// No such key has been made here.
  case unknown
  /// It was good until then, in seconds since 1970.
  case expired(Int)
  /// It was revoked.
  case revoked
  /// It is good, but not for this.
  case notAllowed(Scope)
  /// There are ``KeyRing/maximumKeys`` already.
  case tooMany
  /// The name is empty, longer than 100 characters, or has control characters.
  case badName
  /// No key, or more than one, begins with or is called that.
  case noSuchKey(String, matches: Int)
  /// The store failed.
  case store(String)
  /// The node's own key cannot be read, made or used.
  case identity(String)

  /// For whoever sent the request or typed the command. Says nothing about the key itself.
  package var description: String {
    switch self {
    case .missing:
      "an API key is needed; send it as `Authorization: Bearer prsm-…`, or make one with `prsm keys create`"
    case .malformed: "the API key is mistyped or cut off; expected `prsm-` and 49 letters and digits"
    case .unknown: "the API key is not known here; `prsm keys list` shows the keys of this node"
    case .expired: "the API key has expired; make a new one with `prsm keys create`"
    case .revoked: "the API key has been revoked; make a new one with `prsm keys create`"
    case .notAllowed(let scope): "the API key may not be used for this; it lacks the scope `\(scope.rawValue)`"
    case .tooMany: "there are \(KeyRing.maximumKeys) keys already; revoke some"
    case .badName: "a key's name has 1 to 100 characters and no control characters"
    case .noSuchKey(let text, 0): "no key begins with, or is called, `\(text)`; see `prsm keys list`"
    case .noSuchKey(let text, let count): "\(count) keys match `\(text)`; give more of the key's beginning"
    case .store(let message), .identity(let message): message
    }
  }
}
