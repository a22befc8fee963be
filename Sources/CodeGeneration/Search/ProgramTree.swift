import ModelInterface

/// The programs that were written from one prompt, as a tree of tokens, each node with what the model said may follow.
///
/// A sample is drawn along the tree as far as it is known, which asks nothing of the model, and written only from where it
/// goes a way of its own. So what samples have in common is generated once, and a sample that repeats another costs nothing
/// (after the incremental sampling of Shi, Bieber and Singh, 2020, here with replacement: the samples are those that would be
/// drawn one by one).
struct ProgramTree {
  private struct Node {
    var parent: Int?
    var token: TokenID
    var children: [TokenID: Int] = [:]
    var likeliest: [TokenWeight] = []
  }

  private var nodes = [Node(parent: nil, token: -1)]

  /// Where every program begins.
  static let root = 0

  /// Nodes without the root: the tokens that were generated.
  var count: Int { nodes.count - 1 }

  /// The likeliest tokens behind a node, the likeliest first; empty where the model was not asked yet.
  func likeliest(_ node: Int) -> [TokenWeight] { nodes[node].likeliest }

  /// Takes note of what the model said may follow a node.
  mutating func note(_ node: Int, _ likeliest: [TokenWeight]) { nodes[node].likeliest = likeliest }

  /// The node behind a node by a token, where there is one.
  func child(_ node: Int, _ token: TokenID) -> Int? { nodes[node].children[token] }

  /// Adds a node behind a node.
  mutating func grow(_ node: Int, _ token: TokenID) -> Int {
    nodes[node].children[token] = nodes.count
    nodes.append(Node(parent: node, token: token))
    return nodes.count - 1
  }

  /// The tokens from the root to a node.
  func tokens(to node: Int) -> [TokenID] {
    var tokens: [TokenID] = []
    var place = node
    while let parent = nodes[place].parent {
      tokens.append(nodes[place].token)
      place = parent
    }
    return tokens.reversed()
  }
}

extension [TokenWeight] {
  /// Draws one of the likeliest tokens within a nucleus, as ``TokenRule/drawn(temperature:topP:topK:uniform:)`` would where
  /// so many are its `topK`; nil where there are none.
  func drawn(temperature: Float, topP: Float, uniform: Double) -> TokenWeight? {
    guard let first, temperature > 0 else { return first }
    let masses = map { exponential(Double($0.logprob - first.logprob)) }
    let whole = masses.reduce(0, +)
    var sum = 0.0
    let last = masses.firstIndex { mass in
      sum += mass
      return sum >= whole * Double(topP)
    }
    let weights = self[...(last ?? count - 1)].map {
      exponential(Double($0.logprob - first.logprob) / Double(temperature))
    }
    var rest = weights.reduce(0, +) * uniform
    let place = weights.firstIndex { weight in
      rest -= weight
      return rest < 0
    }
    return self[place ?? weights.count - 1]
  }
}
