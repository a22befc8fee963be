import Content
import ModelInterface
import Multiformats
import Testing

extension GatewayConformance {
  @Suite struct DataGateway {
    @Test func `JSON in a file is JSON`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root("path_gateway_dag/gateway-json-cbor.car")
        let file = try await node.cid(root, "ą/ę/t.json")
        let bytes = try node.blocks.bytes(of: file)
        for answer in [
          try await node.get("/ipfs/\(file)"), try await node.get("/ipfs/\(file)", ["accept": "application/json"]),
          try await node.get("/ipfs/\(file)?format=json", ["accept": "application/vnd.ipld.raw"]),
        ] {
          #expect(answer.status == 200)
          #expect(answer.header("content-type") == "application/json")
          #expect(answer.bytes == bytes)
        }
      }
    }

    @Test func `what is of another codec is not converted`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root("path_gateway_dag/gateway-json-cbor.car")
        let file = try await node.cid(root, "ą/ę/file-źł.txt")
        let json = try node.root("path_gateway_dag/dag-json-traversal.car")
        let cbor = try node.root("path_gateway_dag/dag-cbor-traversal.car")
        for (cid, format) in [(file, "dag-json"), (file, "dag-cbor"), (json, "dag-cbor"), (cbor, "dag-json")] {
          #expect(try await node.get("/ipfs/\(cid)?format=\(format)").status == 406, "\(cid) \(format)")
          let accept = ["accept": "application/vnd.ipld.\(format)"]
          #expect(try await node.get("/ipfs/\(cid)", accept).status == 406, "\(cid) \(format)")
        }
        let pb = try node.root("path_gateway_dag/dag-pb.car")
        #expect(try await node.get("/ipfs/\(pb)?format=dag-json").status == 406)
        for name in ["plain-cbor-that-can-be-dag-cbor", "plain-cbor-that-can-be-dag-json"] {
          let plain = try node.root("path_gateway_dag/\(name).car")
          #expect(try await node.get("/ipfs/\(plain)").bytes == (try node.blocks.bytes(of: plain)), "\(name)")
        }
      }
    }

    @Test func `plain JSON and CBOR are sent as they are`() async throws {
      try await ConformanceNode.with { node in
        for (format, kind) in [("json", "inline"), ("cbor", "attachment")] {
          let cid = try node.root("path_gateway_dag/plain-\(format).car")
          let bytes = try node.blocks.bytes(of: cid)
          let accept = ["accept": "application/\(format)"]
          for (path, headers) in [
            ("/ipfs/\(cid)", [:]), ("/ipfs/\(cid)?format=\(format)", [:]), ("/ipfs/\(cid)", accept),
          ] {
            let answer = try await node.get(path, headers)
            #expect(answer.status == 200)
            #expect(answer.bytes == bytes)
            #expect(answer.header("content-type") == "application/\(format)")
            #expect(
              answer.header("content-disposition")?.contains("\(kind); filename=\"\(cid).\(format)\"") == true)
            let part = try await node.get(path, headers.merging(["range": "bytes=1-3"]) { $1 })
            #expect(part.status == 206)
            #expect(part.bytes == Array(bytes[1..<4]))
            #expect(part.header("content-type") == "application/\(format)")
          }
        }
      }
    }

    @Test func `paths lead through links, and not into blocks`() async throws {
      try await ConformanceNode.with { node in
        var cbor: [UInt8] = [0xa1, 0x65]
        cbor += "hello".utf8
        cbor.append(0x72)
        cbor += "this is not a link".utf8
        for format in ["json", "cbor"] {
          let root = try node.root("path_gateway_dag/dag-\(format)-traversal.car")
          #expect(try await node.get("/ipfs/\(root)/foo?format=dag-\(format)").status == 501)
          let found = try await node.get("/ipfs/\(root)/foo/link/bar?format=dag-\(format)")
          #expect(found.status == 200)
          if format == "cbor" {
            #expect(found.bytes == cbor)
          } else {
            #expect(try found.json["hello"]?.string == "this is not a link")
          }
          #expect(try await node.get("/ipfs/\(root)/foo/i-do-not-exist").status == 404)
        }
      }
    }

    @Test func `DAG-JSON and DAG-CBOR come as they are, under plain names too, and as pages for people`() async throws {
      try await ConformanceNode.with { node in
        for (format, kind) in [("json", "inline"), ("cbor", "attachment")] {
          let cid = try node.root("path_gateway_dag/dag-\(format)-traversal.car")
          let bytes = try node.blocks.bytes(of: cid)
          let native = ["accept": "application/vnd.ipld.dag-\(format)"]
          #expect(try await node.get("/ipfs/\(cid)").bytes == bytes)
          #expect(try await node.get("/ipfs/\(cid)?format=dag-\(format)").bytes == bytes)
          for answer in [
            try await node.get("/ipfs/\(cid)?format=\(format)"),
            try await node.get("/ipfs/\(cid)", ["accept": "application/\(format)"]),
          ] {
            #expect(answer.bytes == bytes)
            #expect(answer.header("content-type") == "application/\(format)")
          }
          let answer = try await node.get("/ipfs/\(cid)", native)
          #expect(answer.header("content-type") == "application/vnd.ipld.dag-\(format)")
          #expect(answer.header("content-length") == "\(bytes.count)")
          #expect(answer.header("content-disposition")?.contains("\(kind); filename=\"\(cid).\(format)\"") == true)
          #expect(answer.header("etag")?.contains("\(cid).dag-\(format)") == true)
          #expect(answer.header("x-ipfs-path") != nil && answer.header("x-ipfs-roots") != nil)
          #expect(answer.header("cache-control")?.contains("public, max-age=29030400, immutable") == true)
          let named = try await node.get("/ipfs/\(cid)?filename=foobar.\(format)", native)
          #expect(named.header("content-disposition")?.contains("\(kind); filename=\"foobar.\(format)\"") == true)
          let kept = try await node.get("/ipfs/\(cid)?filename=foobar.\(format)&download=true", native)
          #expect(kept.header("content-disposition")?.contains("attachment; filename=\"foobar.\(format)\"") == true)
          for path in ["/ipfs/\(cid)", "/ipfs/\(cid)?format=dag-\(format)"] {
            let head = try await node.get(path, method: "HEAD")
            #expect(head.status == 200)
            #expect(head.header("content-type")?.contains("application/vnd.ipld.dag-\(format)") == true)
            #expect(head.header("content-length") == "\(bytes.count)")
            #expect(head.header("etag")?.contains("\(cid).dag-\(format)") == true)
          }
          let absent = try Block([9, 9, 9], codec: .raw).cid
          #expect(
            try await node.get("/ipfs/\(absent)", ["cache-control": "only-if-cached"], method: "HEAD").status == 412)
          let page = try await node.get("/ipfs/\(cid)/", ["accept": "text/html"])
          #expect(page.status == 200)
          #expect(page.header("etag")?.contains("DagIndex-") == true)
          #expect(page.header("content-type")?.contains("text/html") == true)
          #expect(page.header("content-disposition") == nil)
          #expect(page.header("cache-control") == "public, max-age=604800, stale-while-revalidate=2678400")
          #expect(page.body.contains("</html>"))
          let accepted: [[String: String]] = [[:], native, ["accept": "application/\(format)"]]
          for headers in accepted {
            let part = try await node.get("/ipfs/\(cid)/", headers.merging(["range": "bytes=2-6"]) { $1 })
            #expect(part.status == 206)
            #expect(part.bytes == Array(bytes[2..<7]))
          }
        }
      }
    }
  }
}
