internal import Content
package import ModelInterface
package import PeerProtocols

/// A question of one node to another.
package struct InferenceAsk: Sendable {
  /// What is wanted.
  package enum Purpose: String, Sendable {
    /// An answer.
    case answer
    /// Log-probabilities of an answer that another gave.
    case check
  }

  /// 16 random bytes, which name the answer in receipts.
  package var id: [UInt8]
  package var purpose: Purpose
  /// The request; who asks is known from the connection.
  package var request: GenerationRequest
  /// How long the asker waits at most, in milliseconds.
  package var patience: Int

  package init(id: [UInt8], purpose: Purpose, request: GenerationRequest, patience: Int) {
    self.id = id
    self.purpose = purpose
    self.request = request
    self.patience = patience
  }

  /// What both sides sign as the input: everything that the answer depends on.
  package var inputHash: [UInt8] {
    // A request that came or goes over the wire can be encoded.
    KeyHash.sha256((try? DagCBOR.encode(RequestCoding.node(request))) ?? [])
  }
}

/// A message of `/prsm/inference/1.0.0`: a map of DAG-CBOR behind its length as a varint.
package enum InferenceFrame: Sendable {
  /// The protocol.
  package static let protocolName = "/prsm/inference/1.0.0"
  /// The longest frame, in bytes.
  package static let maximumSize = 8 << 20
  /// The most events in one frame.
  package static let maximumEvents = 4_096
  /// The most offers in one frame.
  package static let maximumOffers = 64

  /// Asks for an answer.
  case ask(InferenceAsk)
  /// Asks who offers what.
  case wantOffers
  /// Signed offers: the sender's own first, then some that it knows of.
  case offers([[UInt8]])
  /// What happens while an answer is generated, without the start and the end.
  case events([GenerationEvent])
  /// The model that answers has begun.
  case started(GenerationStart)
  /// The end, with the receipt as its giver signed it.
  case finished(Completion, receipt: [UInt8])
  /// No answer, or none any more.
  case failed(GenerationError)
  /// The asker's signature under the receipt.
  case countersigned([UInt8])

  /// - Throws: `.malformed`.
  package init(decoding bytes: [UInt8]) throws(PeerError) {
    if let events = TextFrame.events(of: bytes), events.count <= Self.maximumEvents {
      self = .events(events)
      return
    }
    let node: Node
    do { node = try DagCBOR.decode(bytes) } catch { throw PeerError(.malformed, "inference frame: \(error.detail)") }
    let fault = PeerError(.malformed, "inference frame: a member is missing or of the wrong kind")
    do {
      switch node["t"]?.stringValue {
      case "ask":
        guard let id = node["id"]?.bytesValue, id.count == 16, let request = node["request"],
          let purpose = node["for"]?.stringValue.flatMap(InferenceAsk.Purpose.init(rawValue:)),
          let patience = node["patience"]?.intValue, patience >= 0
        else { throw fault }
        let context = RequestContext(requestID: "peer", tenant: "peer")
        self = .ask(
          InferenceAsk(
            id: id, purpose: purpose, request: try RequestCoding.request(request, context: context), patience: patience)
        )
      case "want": self = .wantOffers
      case "offers":
        guard let list = node["offers"]?.listValue, list.count <= Self.maximumOffers else { throw fault }
        self = .offers(list.compactMap(\.bytesValue))
      case "start":
        guard let model = node["model"]?.stringValue, let provider = node["by"]?.stringValue else { throw fault }
        self = .started(GenerationStart(model: model, provider: provider))
      case "events":
        guard let list = node["e"]?.listValue, list.count <= Self.maximumEvents else { throw fault }
        var events: [GenerationEvent] = []
        for element in list { events.append(try EventCoding.event(element)) }
        self = .events(events)
      case "end":
        guard let end = node["end"], let receipt = node["receipt"]?.bytesValue else { throw fault }
        self = .finished(try EventCoding.completion(end), receipt: receipt)
      case "error": self = .failed(EventCoding.error(node))
      case "signed":
        guard let signature = node["signature"]?.bytesValue else { throw fault }
        self = .countersigned(signature)
      default: throw fault
      }
    } catch let error as PeerError {
      throw error
    } catch {
      throw PeerError(.malformed, "inference frame: \(error)")
    }
  }

  /// The frame as it travels, without its length.
  package var bytes: [UInt8] {
    if case .events(let events) = self, let bytes = TextFrame.bytes(of: events) { return bytes }
    var map: [String: Node]
    switch self {
    case .ask(let ask):
      map = [
        "t": .string("ask"), "id": .bytes(ask.id), "for": .string(ask.purpose.rawValue),
        "request": RequestCoding.node(ask.request), "patience": .int(max(0, ask.patience)),
      ]
    case .wantOffers: map = ["t": .string("want")]
    case .offers(let offers): map = ["t": .string("offers"), "offers": .list(offers.map { .bytes($0) })]
    case .started(let start):
      map = ["t": .string("start"), "model": .string(start.model), "by": .string(start.provider)]
    case .events(let events): map = ["t": .string("events"), "e": .list(events.compactMap(EventCoding.node))]
    case .finished(let completion, let receipt):
      map = ["t": .string("end"), "end": EventCoding.node(completion), "receipt": .bytes(receipt)]
    case .failed(let error):
      map = EventCoding.node(error)
      map["t"] = .string("error")
    case .countersigned(let signature): map = ["t": .string("signed"), "signature": .bytes(signature)]
    }
    // Only floats that are not finite cannot be encoded, and the coding leaves none.
    return (try? DagCBOR.encode(.map(map))) ?? []
  }
}
