internal import ModelInterface
internal import Multiformats
internal import PeerProtocols

/// Why a call to a peer came to nothing.
enum CallFailure: Error, Sendable {
  /// The peer said why it gives no answer.
  case refused(GenerationError)
  /// The connection, or what came over it.
  case broken(PeerError)

  var text: String {
    switch self {
    case .refused(let error): error.message
    case .broken(let error): error.detail
    }
  }
}

/// One question to one peer, which has begun to answer.
struct PeerCall: Sendable {
  let peer: PeerID
  let ask: InferenceAsk
  let stream: any PeerStream
  var reader: FrameReader
  /// What came first: events, or the end of an empty answer.
  let first: InferenceFrame
  let start: GenerationStart?
  /// From the question to that.
  let wait: Duration

  /// Asks, and waits until the peer begins to answer.
  static func begin(
    _ ask: InferenceAsk, to peer: PeerID, host: any PeerHost, dialTime: Duration, deadline: ContinuousClock.Instant
  ) async throws(CallFailure) -> PeerCall {
    let began = ContinuousClock.now
    let stream: any PeerStream
    do throws(PeerError) {
      stream = try await host.openStream(
        to: peer, protocols: [InferenceFrame.protocolName], deadline: min(deadline, began + dialTime))
    } catch {
      throw .broken(error)
    }
    var reader = FrameReader(stream)
    var start: GenerationStart?
    do {
      stream.setDeadline(deadline)
      try await stream.writeMessage(InferenceFrame.ask(ask).bytes)
      while let frame = try await reader.next() {
        switch frame {
        case .started(let value): start = value
        case .events, .finished:
          return PeerCall(
            peer: peer, ask: ask, stream: stream, reader: reader, first: frame, start: start,
            wait: ContinuousClock.now - began)
        case .failed(let error):
          try? await stream.closeWrite()
          throw CallFailure.refused(error)
        default: throw PeerError(.violation, "\(peer) sent a frame that is no answer")
        }
      }
      throw PeerError(.closed, "\(peer) ended the stream without an answer")
    } catch let error as CallFailure {
      throw error
    } catch let error as PeerError {
      stream.reset()
      throw .broken(error)
    } catch {
      stream.reset()
      throw .broken(PeerError(.remote, "\(error)"))
    }
  }
}

/// Leaves out what was said already, of an answer that is given once more from its start.
struct ReplayFilter: Sendable {
  private var text: Substring
  private var others: [String: Substring]

  init(_ said: Transcript) {
    text = Substring(said.text)
    others = said.others.mapValues { Substring($0) }
  }

  /// What is new of an event; nil where nothing is.
  ///
  /// - Throws: `.remote` where the second answer differs from the first.
  mutating func remainder(of event: GenerationEvent) throws(PeerError) -> GenerationEvent? {
    switch event {
    case .text(let piece):
      let (skipped, rest) = try Self.skip(piece.text, &text)
      guard skipped else { return event }
      return rest.isEmpty ? nil : .text(TextPiece(rest))
    case .reasoning(let thought):
      let (skipped, rest) = try Self.skip(thought, &others["r", default: ""])
      return !skipped ? event : rest.isEmpty ? nil : .reasoning(rest)
    case .toolCall(let call):
      let key = "c\(call.index)"
      let isKnown = others[key] != nil
      let (skipped, rest) = try Self.skip(call.arguments, &others[key, default: ""])
      // The first piece, with the name, was passed on before its arguments.
      if call.name != nil, isKnown {
        return rest.isEmpty ? nil : .toolCall(ToolCallPiece(index: call.index, arguments: rest))
      }
      return !skipped ? event : rest.isEmpty ? nil : .toolCall(ToolCallPiece(index: call.index, arguments: rest))
    case .prompt: return nil
    case .started, .finished: return event
    }
  }

  private static func skip(
    _ new: String, _ said: inout Substring
  ) throws(PeerError) -> (skipped: Bool, rest: String) {
    guard !said.isEmpty else { return (false, new) }
    if said.utf8.count >= new.utf8.count {
      guard said.hasPrefix(new) else { throw differs }
      said = said.dropFirst(new.count)
      return (true, "")
    }
    guard new.hasPrefix(said) else { throw differs }
    let rest = String(new.dropFirst(said.count))
    said = ""
    return (true, rest)
  }

  private static let differs = PeerError(.remote, "the answer given again differs from what was said already")
}
