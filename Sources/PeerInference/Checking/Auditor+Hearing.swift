internal import ModelInterface
internal import Multiformats
internal import PeerProtocols

/// What others say of peers, and what of it holds.
extension Auditor {
  /// The longest receipt of a probe that is read, in bytes.
  private static var maximumProbeSize: Int { 8 << 10 }

  func follow() {
    guard let topics else { return }
    // Judged by what is in them, so that whoever passes on what does not hold is thought less of.
    topics.follow(Self.evidenceTopic) { [host] message in
      guard let evidence = try? Evidence(verifying: message.data, host: host), message.publisher == evidence.accuser
      else { return .reject }
      return .accept
    } deliver: { [weak self] message in
      self?.heard(evidence: message.data)
    }
    topics.follow(Self.probeTopic) { [host] message in
      guard message.data.count <= Self.maximumProbeSize,
        let receipt = try? SignedReceipt(verifying: message.data, host: host),
        message.publisher == receipt.receipt.client
      else { return .reject }
      return .accept
    } deliver: { [weak self] message in
      self?.heard(probe: message.data)
    }
  }

  private func heard(evidence bytes: [UInt8]) {
    // Of a peer that nobody here has dealings with, nothing need be remembered.
    guard let evidence = try? Evidence(verifying: bytes, host: host), evidence.accused != host.id,
      evidence.accuser != host.id, asker.knows(evidence.accused)
    else { return }
    if let contradiction = evidence.contradiction {
      convict(evidence.accused, contradiction, bytes)
    } else if evidence.answer != nil, isKnown(evidence.receipts[0].receipt) {
      casesEnd.yield(evidence)
    } else {
      note(evidence)
    }
  }

  /// What cannot be verified here costs the accused nothing, but its next answers are computed again.
  private func note(_ evidence: Evidence) {
    asker.change { reputation, now in
      reputation.accused(evidence.accused, by: evidence.accuser, evidence.reason, at: now)
    }
  }

  /// Computes an answer again that another node says is false. Its text and tokens are what the accused signed.
  func weigh(_ evidence: Evidence) async {
    guard let answer = evidence.answer, !asker.isLiar(evidence.accused) else { return }
    let request = echo(of: answer.tokens, behind: answer.question)
    guard let tokens = await recomputeHere(request, weights: evidence.receipts[0].receipt.weights) else {
      note(evidence)
      return
    }
    let recomputed = Array(tokens.suffix(answer.tokens.count))
    let finding = AnswerCheck.judge(
      text: answer.text, tokens: answer.tokens, logprobs: recomputed.map(\.chosen.logprob), recomputed: recomputed,
      isGreedy: true, hasStops: false, tolerance: asker.options.tolerance)
    switch finding {
    case .disagrees(let reason):
      asker.change { reputation, now in reputation.lied(evidence.accused, reason, at: now) }
      asker.tell("peer \(evidence.accused) gave \(evidence.accuser) a false answer: \(reason); it is not asked again")
    case .agrees:
      asker.change { reputation, now in
        reputation.note(evidence.accused, "\(evidence.accuser) accuses it of an answer that is right", at: now)
      }
    case .inconclusive: note(evidence)
    }
  }

  private func convict(_ peer: PeerID, _ reason: String, _ evidence: [UInt8]) {
    var isNew = false
    asker.change { reputation, now in
      guard !reputation.isLiar(peer) else { return }
      reputation.lied(peer, reason, at: now)
      isNew = true
    }
    // Whoever tells it again fills neither the log nor the file.
    guard isNew else { return }
    asker.tell("peer \(peer): \(reason); it is not asked again")
    try? receipts?.append(.evidence, evidence)
  }
}
