/// A provider that can hand a client's own bytes to an API of the same language, and that API's bytes back, where putting
/// both into PRSM's words and out again would change nothing but names.
///
/// It is a shorter way and not another one: whatever it declines goes through ``ModelProvider/generate(_:)``, and what it
/// takes has the same retries, deadlines and errors.
package protocol PassThroughProvider: ModelProvider {
  /// A way for a chat completion of OpenAI's API; nil where it has to go the long way.
  ///
  /// Called on the thread of an event loop, which it does not hold up. Nothing has been begun when it returns.
  func passage(for request: PassageRequest) -> (any Passage)?
}

/// What is known of a chat completion whose bytes are to be passed on.
///
/// It is one choice of messages made of plain texts, without tools, format or log-probabilities.
package struct PassageRequest: Sendable {
  /// The model, by the name that the client used.
  package var model: String
  /// Where its name stands in the body, between the quotes.
  package var modelRange: Range<Int>
  /// Whether the answer is read as it is written.
  package var isStreamed: Bool
  /// Whether the body itself asks for a stream that ends with its usage.
  package var asksForUsage: Bool
  /// The output limit.
  package var maximumOutputTokens: Int?
  /// Whether the limit is called `max_completion_tokens`, which older servers do not know.
  package var usesNewerLimit: Bool
  /// An output limit to add, where the body has none; nil adds none.
  package var addedLimit: Int?
  /// Who asks, until when, and under which identifiers.
  package var context: RequestContext

  /// A request.
  package init(
    model: String, modelRange: Range<Int>, isStreamed: Bool, asksForUsage: Bool, maximumOutputTokens: Int?,
    usesNewerLimit: Bool, addedLimit: Int?, context: RequestContext
  ) {
    self.model = model
    self.modelRange = modelRange
    self.isStreamed = isStreamed
    self.asksForUsage = asksForUsage
    self.maximumOutputTokens = maximumOutputTokens
    self.usesNewerLimit = usesNewerLimit
    self.addedLimit = addedLimit
    self.context = context
  }
}

/// One request's way to an upstream and back. Used on the thread that asked for it, and nowhere else.
package protocol Passage: AnyObject {
  /// Begins, once. The receiver is called on the same thread, and kept until the answer has ended.
  ///
  /// - Parameters:
  ///   - body: the request's JSON text, borrowed for the call.
  ///   - converts: whether the answer is wanted in PRSM's words all the same, for somebody who keeps it.
  func begin(_ body: UnsafeRawBufferPointer, converts: Bool, for receiver: any PassageReceiver)

  /// Breaks the request off; the receiver hears nothing more.
  func cancel()

  /// The receiver, which had not kept up, takes more.
  func resume()
}

/// Takes what comes back on a passage: events and at last `finished`, or `whole`, or `converted` ending with the last event,
/// or at any time `failed`.
package protocol PassageReceiver: AnyObject {
  /// The whole answer, with about so many bytes of text.
  func whole(_ text: PassageText, from start: GenerationStart, _ completion: Completion, textBytes: Int)

  /// The data of one event of a stream.
  ///
  /// - Parameters:
  ///   - textBytes: how much of the answer's text is in it; nil where nothing of the answer is.
  ///   - isUsage: whether it is the event that carries nothing but the usage.
  func event(_ text: PassageText, from start: GenerationStart, textBytes: Int?, isUsage: Bool)

  /// An answer, or a part of one, that has to be put into words anew.
  func converted(_ events: [GenerationEvent])

  /// What came at once has been handed over.
  ///
  /// - Returns: false where no more is taken before ``Passage/resume()``.
  func flush() -> Bool

  /// A stream has ended.
  func finished(_ completion: Completion)

  /// It failed; whatever can be tried has been tried.
  func failed(_ error: GenerationError)
}

/// JSON text in which one name may be replaced. Borrowed for the call that it is handed to.
package struct PassageText {
  /// What stands before the name.
  package var head: UnsafeRawBufferPointer
  /// The name; nil where nothing is replaced.
  package var name: String?
  /// What stands behind it.
  package var tail: UnsafeRawBufferPointer

  /// All of a text, with the bytes of one range replaced by a name that needs no escapes.
  package init(_ text: UnsafeRawBufferPointer, replacing range: Range<Int>? = nil, by name: String? = nil) {
    guard let range, let name else {
      head = text
      tail = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    head = UnsafeRawBufferPointer(rebasing: text[..<range.lowerBound])
    tail = UnsafeRawBufferPointer(rebasing: text[range.upperBound...])
    self.name = name
  }

  /// How many bytes it has.
  package var count: Int { head.count + (name?.utf8.count ?? 0) + tail.count }
}
