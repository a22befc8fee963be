import ModelInterface

/// A sample on its way through the tree of programs.
private struct Rider {
  let isGreedy: Bool
  var random: SplitMix
  var draft: CodeDraft
  var node = ProgramTree.root
  /// Tokens on its way, and whether any of them is new.
  var steps = 0
  var isNew = false
}

extension CodeSearch {
  /// Writes whole programs from the root without guidance: the likeliest one, then samples, the same that best-of-n draws.
  /// They share what they have in common, and only new tokens count.
  ///
  /// - Returns: why the search ends, where it does.
  func sampleWhole(_ count: Int, _ assessor: Assessor) async throws -> CodeResult.Ending? {
    let style = settings.styles.first ?? .fewShot
    let (_, prompt, plain) = try await base(style)
    var riders = (samplesDrawn..<samplesDrawn + count).map { index in
      Rider(
        isGreedy: index == 0, random: BestOfN.random(seed: settings.seed, sample: index),
        draft: CodeDraft(opening: task.opening, entryPoint: task.entryPoint))
    }
    samplesDrawn += count
    for index in riders.indices { ride(&riders[index]) }
    var held: [Int: SequenceID] = [:]
    while true {
      // The model is asked once for each place where samples stand.
      let places = Self.places(riders)
      guard !places.isEmpty else { break }
      if bench.isLate() {
        for index in riders.indices where riders[index].draft.ending == nil { riders[index].draft.end(.tokens) }
        for (_, sequence) in held.sorted(by: { $0.key < $1.key }) { try await bench.giveBack(sequence) }
        break
      }
      var reading: [(sequence: SequenceID, tokens: [TokenID])] = []
      var steps: [TokenStep] = []
      for place in places {
        let way = prompt + tree.tokens(to: place.node)
        let sequence: SequenceID
        if let own = held[place.node] {
          sequence = own
        } else {
          let (nearest, length) = try await fork(nearest: way, plain, prompt.count - 1)
          reading.append((nearest, Array(way[length..<(way.count - 1)])))
          held[place.node] = nearest
          sequence = nearest
        }
        steps.append(
          TokenStep(sequence: sequence, tokens: Array(way.suffix(1)), rule: .greedy, reported: Strand.topK))
      }
      try await bench.read(reading)
      let choices = try await bench.ask(steps)
      for (place, choice) in zip(places, choices) {
        let likeliest = choice?.likeliest ?? []
        tree.note(place.node, likeliest)
        for index in place.riders {
          if likeliest.isEmpty { riders[index].draft.end(.endOfAnswer) } else { ride(&riders[index]) }
        }
        guard let sequence = held.removeValue(forKey: place.node) else { continue }
        try await handOn(sequence, of: place, riders, prompt, &held)
      }
    }
    let entries = riders.filter(\.isNew).map {
      Assessor.Entry(draft: $0.draft, origin: $0.isGreedy ? .greedy : .sample, attempt: nil)
    }
    idleWaves = entries.isEmpty ? idleWaves + 1 : 0
    _ = try await assess(entries, assessor)
    return mayEnd(assessor) ? .passed : exhausted
  }

  /// Where samples wait for the model, and which of them.
  private static func places(_ riders: [Rider]) -> [(node: Int, riders: [Int])] {
    var places: [(node: Int, riders: [Int])] = []
    for (index, rider) in riders.enumerated() where rider.draft.ending == nil {
      if let place = places.firstIndex(where: { $0.node == rider.node }) {
        places[place].riders.append(index)
      } else {
        places.append((rider.node, [index]))
      }
    }
    return places
  }

  /// Moves a sample on as far as it is known what may follow.
  private func ride(_ rider: inout Rider) {
    while rider.draft.ending == nil {
      let likeliest = tree.likeliest(rider.node)
      guard !likeliest.isEmpty else { return }
      let drawn = draw(likeliest, &rider)
      if let child = tree.child(rider.node, drawn.token) {
        rider.node = child
      } else {
        guard allowance > 0 else { return rider.draft.end(.tokens) }
        rider.node = tree.grow(rider.node, drawn.token)
        bench.count(generated: 1)
        rider.isNew = true
      }
      rider.steps += 1
      if bench.model.isEndOfGeneration(drawn.token) { return rider.draft.end(.endOfAnswer) }
      rider.draft.append(drawn.token, bytes: bench.model.bytes(of: drawn.token), logprob: drawn.logprob)
      if rider.steps >= settings.programTokens { rider.draft.end(.tokens) }
    }
  }

  /// The token that a sample goes on with. Where it would give the function another name than the tests call, or parameters
  /// that they do not fit, it is drawn anew among those that do not.
  private func draw(_ likeliest: [TokenWeight], _ rider: inout Rider) -> TokenWeight {
    let uniform = rider.isGreedy ? 0 : rider.random.uniform()
    let temperature = rider.isGreedy ? 0 : settings.firstTemperature
    func drawn(_ weights: [TokenWeight]) -> TokenWeight? {
      weights.drawn(temperature: temperature, topP: Strand.topP, uniform: uniform)
    }
    let free = drawn(likeliest) ?? likeliest[0]
    guard settings.extensions.signs, let signature, let line = rider.draft.openLine else { return free }
    func fits(_ token: TokenID) -> Bool {
      signature.allows(String(decoding: line + bench.model.bytes(of: token), as: UTF8.self))
    }
    if fits(free.token) { return free }
    if let fitting = drawn(likeliest.filter { fits($0.token) }) { return fitting }
    let begun = String(decoding: line, as: UTF8.self)
    guard signature.opening.hasPrefix(begun),
      let token = bench.model.tokenize(
        String(signature.opening.dropFirst(begun.count)), addsSpecial: false, parsesSpecial: false
      ).first, fits(token)
    else { return free }
    return TokenWeight(token: token, logprob: likeliest[likeliest.count - 1].logprob)
  }

  /// Gives the sequence of a place to those who went on from there: one takes it over, for the others it is forked.
  private func handOn(
    _ sequence: SequenceID, of place: (node: Int, riders: [Int]), _ riders: [Rider], _ prompt: [TokenID],
    _ held: inout [Int: SequenceID]
  ) async throws {
    var isTaken = false
    for index in place.riders where riders[index].draft.ending == nil && held[riders[index].node] == nil {
      held[riders[index].node] = isTaken ? try await bench.fork(sequence) : sequence
      isTaken = true
    }
    guard !isTaken else { return }
    if trunk == nil, place.riders.contains(where: { riders[$0].isGreedy }) {
      trunk = (sequence, prompt + tree.tokens(to: place.node))
    } else {
      try await bench.giveBack(sequence)
    }
  }

  /// A fresh sequence that holds a beginning of a text: of the likeliest program where that goes further than the prompt.
  private func fork(
    nearest way: [TokenID], _ base: SequenceID, _ length: Int
  ) async throws -> (sequence: SequenceID, length: Int) {
    if let trunk {
      let common = min(Workbench.commonPrefix(trunk.tokens, way), way.count - 1)
      if common > length {
        let sequence = try await bench.fork(trunk.sequence)
        try await bench.session.truncate(sequence, to: common)
        return (sequence, common)
      }
    }
    return (try await bench.fork(base), length)
  }

  /// Gives back what samples of this search have kept.
  func fellTrunk() async throws {
    if let trunk { try await bench.giveBack(trunk.sequence) }
    trunk = nil
  }
}
