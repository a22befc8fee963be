/// On whose account a request runs: a key, which belongs to a user, who works in a project of an organisation. Whatever is
/// not known is nil and has no budget.
package struct Account: Sendable, Hashable {
  /// The key's public identifier, or `local` on a node without keys.
  package var key: String?
  /// The user that holds the key.
  package var user: String?
  /// The project that the key was made for.
  package var project: String?
  /// The organisation that pays.
  package var organization: String?
  /// What the key's maker called it, by which the configuration may know it too. Known while a request runs, and not kept.
  package var keyName: String?

  /// An account.
  package init(
    key: String? = nil, user: String? = nil, project: String? = nil, organization: String? = nil, keyName: String? = nil
  ) {
    self.keyName = keyName
    self.key = key
    self.user = user
    self.project = project
    self.organization = organization
  }

  /// The account of one spender alone.
  package init(scope: BudgetScope) {
    self.init()
    switch scope.level {
    case .node: break
    case .organization: organization = scope.name
    case .project: project = scope.name
    case .user: user = scope.name
    case .key: key = scope.name
    }
  }

  /// The name at a level; nil where it has none. Every account is of the node.
  package func name(at level: BudgetLevel) -> String? {
    switch level {
    case .node: ""
    case .organization: organization
    case .project: project
    case .user: user
    case .key: key
    }
  }

  /// All scopes that it is in, the widest first.
  var scopes: [BudgetScope] {
    BudgetLevel.allCases.compactMap { level in name(at: level).map { BudgetScope(level: level, name: $0) } }
  }
}

/// A level at which money is limited, the widest first.
package enum BudgetLevel: String, Sendable, Hashable, CaseIterable {
  case node, organization, project, user, key
}

/// One spender: the key `prsm-abc`, the project `search`.
package struct BudgetScope: Sendable, Hashable, CustomStringConvertible {
  /// The level.
  package var level: BudgetLevel
  /// The name at that level; empty for the node.
  package var name: String

  /// A spender.
  package init(level: BudgetLevel, name: String) {
    self.level = level
    self.name = name
  }

  /// As stores spell it: `key:prsm-abc`.
  package var text: String { "\(level.rawValue):\(name)" }
  /// As people read it.
  package var description: String {
    switch level {
    case .node: "the node"
    case .organization: "organisation `\(name)`"
    case .key, .user, .project: "\(level.rawValue) `\(name)`"
    }
  }
}

/// Who the holders of keys are, from the configuration.
package struct AccountDirectory: Sendable, Equatable {
  /// Accounts by key, ``Account/key`` filled in or not.
  package var accounts: [String: Account]

  /// A directory.
  package init(_ accounts: [String: Account] = [:]) {
    self.accounts = accounts
  }

  /// The account of a key; one that is not listed stands for itself.
  package func account(key: String) -> Account {
    var account = accounts[key] ?? Account()
    account.key = key
    return account
  }
}
