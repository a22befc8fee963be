import AsyncHTTPClient
import Content
import Dispatch
import Foundation
import Gateway
import ModelInterface
import Multiformats
import NIOCore
import NIOHTTP1
import Synchronization

/// The content of a node, through its API. What it sends is checked here, block by block; what is added is hashed here.
struct NodeContent: ContentPlace {
  let baseURL: String
  let apiKey: String?

  private static let prefix = "/v1/prsm/content"

  var blocks: any BlockSource {
    AheadBlocks(NodeBlocks(gateway: TrustlessGateway(url: baseURL, fetcher: HTTPFetcher(apiKey: apiKey))))
  }

  /// The blocks of one gateway, as a source.
  private struct NodeBlocks: BlockSource {
    let gateway: TrustlessGateway

    func bytes(of cid: CID) async throws(ContentError) -> [UInt8] {
      try await gateway.fetch(cid, by: .now + .seconds(60))
    }
  }

  /// One call of the API.
  ///
  /// - Throws: ``CommandFailure``, with the node's own words where it answered.
  func call(
    _ method: HTTPMethod, _ path: String, _ body: [UInt8]? = nil, type: String = "application/json",
    timeout: Duration = .seconds(600)
  ) async throws(CommandFailure) -> JSONValue {
    var request = HTTPClientRequest(url: baseURL + Self.prefix + path)
    request.method = method
    request.headers.add(name: "accept", value: "application/json")
    if let apiKey { request.headers.add(name: "authorization", value: "Bearer \(apiKey)") }
    if let body {
      request.headers.add(name: "content-type", value: type)
      request.body = .bytes(body)
    }
    let status: Int
    let bytes: [UInt8]
    do {
      let response = try await HTTPFetcher.client.execute(request, timeout: TimeAmount(timeout))
      status = Int(response.status.code)
      bytes = Array(try await response.body.collect(upTo: 64 << 20).readableBytesView)
    } catch {
      throw .unavailable("the node at \(baseURL) broke off (\(error)); is it still running?")
    }
    let json = try? JSONValue.parse(bytes)
    guard status < 400 else {
      let message = json?["error"]?["message"]?.string ?? "the node at \(baseURL) answered \(status)"
      switch status {
      case 404, 500, 501: throw .no(message)
      case 400, 409: throw .usage(message)
      case 401: throw .unavailable(message + "\nPut a key into PRSM_API_KEY.")
      default: throw .unavailable(message)
      }
    }
    guard let json else {
      throw .unavailable("\(baseURL) answered with something that is not JSON; is it a PRSM node?")
    }
    return json
  }

  func adding<Value: Sendable>(
    pin: String?, isWhole: Bool, roots: @escaping @Sendable (Value) -> [CID],
    _ work: @escaping @Sendable (any BlockSink) throws(ContentError) -> Value
  ) async throws(CommandFailure) -> Value {
    guard let session = try await call(.POST, "/sessions")["session"]?.string else {
      throw .unavailable("\(baseURL) began no add; is it a PRSM node of this version?")
    }
    let sink = NodeSink { (bytes) async throws(CommandFailure) in
      _ = try await call(.POST, "/sessions/\(session)/blocks", bytes, type: "application/vnd.ipld.car")
    }
    do throws(CommandFailure) {
      let value = try await content { () async throws(ContentError) in
        try await BlockingWork.run { () throws(ContentError) in
          let value = try work(sink)
          try sink.flush()
          return value
        }
      }
      if let pin {
        for root in roots(value) {
          let body: JSONValue = ["cid": .string("\(root)"), "name": .string(pin)]
          _ = try await call(.POST, "/sessions/\(session)/pin", body.bytes)
        }
      }
      _ = try await call(.DELETE, "/sessions/\(session)")
      return value
    } catch {
      _ = try? await call(.DELETE, "/sessions/\(session)")
      throw error
    }
  }

  func checkRoom(
    for bytes: UInt64, _ rehearse: @escaping @Sendable (any BlockSink) throws(ContentError) -> Void
  ) async throws(CommandFailure) {
    // What of it is there already only the node knows. It makes room, or refuses, while it is being sent.
    guard let quota = try await usage()["quota"]?.integer, bytes > UInt64(clamping: quota) else { return }
    throw .unavailable("this takes \(bytes) bytes, and the node's quota is \(quota); raise content.quota there")
  }

  func usage() async throws(CommandFailure) -> JSONValue { try await call(.GET, "") }
  func pins() async throws(CommandFailure) -> JSONValue { try await call(.GET, "/pins") }

  func pin(_ pin: Pin, quality: Double) async throws(CommandFailure) -> JSONValue {
    var allowed = CharacterSet.alphanumerics
    allowed.insert(charactersIn: "-_.~")
    let name = pin.name.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
    return try await call(
      .PUT, "/pins/\(pin.cid)?reach=\(pin.reach.rawValue)&term=\(pin.term.rawValue)&quality=\(quality)&name=\(name)",
      timeout: .seconds(86_400))
  }

  func unpin(_ cid: CID) async throws(CommandFailure) { _ = try await call(.DELETE, "/pins/\(cid)") }
  func collect() async throws(CommandFailure) -> JSONValue {
    try await call(.POST, "/collect", timeout: .seconds(86_400))
  }
  func verify() async throws(CommandFailure) -> JSONValue {
    try await call(.POST, "/verify", timeout: .seconds(86_400))
  }
  func why(_ cid: CID) async throws(CommandFailure) -> JSONValue { try await call(.GET, "/why/\(cid)") }

  func resolve(name: String) async throws(CommandFailure) -> (root: CID, segments: [String]) {
    let stat = try await call(.GET, "/stat/ipns/\(name)")
    guard let text = stat["cid"]?.string else { throw .no("\(name) leads nowhere") }
    return (try ContentAddress.cid(text), [])
  }

  /// The node notes it by itself.
  func used(_ root: CID) {}
  func close() {}
}

/// Blocks on their way to a node, some mebibytes at a time. Puts come from threads that may wait.
private final class NodeSink: BlockSink {
  private static let batchSize = 4 << 20

  private struct State {
    var batch: [UInt8] = []
    var fault: ContentError?
  }

  private let send: @Sendable ([UInt8]) async throws(CommandFailure) -> Void
  private let state: Mutex<State>
  private let head: [UInt8]

  init(_ send: @escaping @Sendable ([UInt8]) async throws(CommandFailure) -> Void) {
    self.send = send
    // An archive without roots: the node is told them when they are pinned.
    head = (try? CARWriter.header(roots: [])) ?? []
    state = Mutex(State(batch: head))
  }

  func put(_ multihash: Multihash, _ pieces: [UnsafeRawBufferPointer]) throws(ContentError) {
    if multihash.function == .identity { return }
    var bytes: [UInt8] = []
    for piece in pieces { bytes.append(contentsOf: piece) }
    let section = CARWriter.section(CID(codec: .raw, multihash: multihash), bytes)
    let (full, fault) = state.withLock { state -> ([UInt8]?, ContentError?) in
      state.batch += section
      guard state.batch.count >= Self.batchSize else { return (nil, state.fault) }
      defer { state.batch = head }
      return (state.batch, state.fault)
    }
    if let fault { throw fault }
    if let full { try deliver(full) }
  }

  func flush() throws(ContentError) {
    let (rest, fault) = state.withLock { state in
      defer { state.batch = head }
      return (state.batch, state.fault)
    }
    if let fault { throw fault }
    if rest.count > head.count { try deliver(rest) }
  }

  private func deliver(_ bytes: [UInt8]) throws(ContentError) {
    let done = DispatchSemaphore(value: 0)
    // The bridge from a thread that waits to the task that sends.
    Task { [self] in
      do throws(CommandFailure) {
        try await send(bytes)
      } catch {
        state.withLock { $0.fault = ContentError(.storage, error.message) }
      }
      done.signal()
    }
    done.wait()
    if let fault = state.withLock({ $0.fault }) { throw fault }
  }
}
