// The current request as a program: curl, Python with the openai package, and Swift with Foundation alone. The key is
// never written out; each reads it from PRSM_API_KEY.

import { extensionNames } from "./parameters.js";

/** @type {{ id: string, title: string, make: (body: object, origin: string) => string }[]} */
export const languages = [
  { id: "curl", title: "curl", make: curlSnippet },
  { id: "python", title: "Python", make: pythonSnippet },
  { id: "swift", title: "Swift", make: swiftSnippet },
];

export function curlSnippet(body, origin) {
  const json = JSON.stringify(body, null, 2).replaceAll("'", `'\\''`);
  return [
    `curl --no-buffer '${origin}/v1/chat/completions' \\`,
    `  --header 'Content-Type: application/json' \\`,
    `  --header "Authorization: Bearer $PRSM_API_KEY" \\`,
    `  --data '${json}'`,
    "",
  ].join("\n");
}

export function pythonSnippet(body, origin) {
  const extra = Object.fromEntries(Object.entries(body).filter(([name]) => extensionNames.includes(name)));
  const lines = Object.entries(body)
    .filter(([name]) => !extensionNames.includes(name))
    .map(([name, value]) => `    ${name}=${pythonValue(value, 4)},`);
  if (Object.keys(extra).length > 0) lines.push(`    extra_body=${pythonValue(extra, 4)},`);
  return `# pip install openai
import os

from openai import OpenAI

client = OpenAI(
    base_url=${pythonString(`${origin}/v1`)},
    api_key=os.environ.get("PRSM_API_KEY", "none"),
)

stream = client.chat.completions.create(
${lines.join("\n")}
)
for chunk in stream:
    if chunk.choices and chunk.choices[0].delta.content:
        print(chunk.choices[0].delta.content, end="", flush=True)
print()
`;
}

/** A JSON string is a Python string, but for the pairs of escapes that JSON would use outside the basic plane. */
function pythonString(text) {
  return JSON.stringify(text);
}

function pythonValue(value, indent) {
  const inner = " ".repeat(indent + 4);
  const outer = " ".repeat(indent);
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "string") return pythonString(value);
  if (typeof value === "number") return String(value);
  const parts = Array.isArray(value)
    ? value.map((item) => inner + pythonValue(item, indent + 4))
    : Object.entries(value).map(([name, item]) => `${inner}${pythonString(name)}: ${pythonValue(item, indent + 4)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return parts.length === 0 ? open + close : `${open}\n${parts.join(",\n")},\n${outer}${close}`;
}

export function swiftSnippet(body, origin) {
  const json = JSON.stringify(body, null, 2);
  // A raw string ends at a quote followed by its number of number signs: take one more than occur in the text.
  const runs = [...json.matchAll(/["\\](#+)/g)].map((match) => match[1].length);
  const marks = "#".repeat(1 + Math.max(0, ...runs));
  return `import Foundation
#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

let body = ${marks}"""
${json.split("\n").map((line) => `  ${line}`).join("\n")}
  """${marks}

/// Prints the answer as it arrives.
final class Answer: NSObject, URLSessionDataDelegate {
  private struct Chunk: Decodable {
    struct Choice: Decodable { var delta: Delta }
    struct Delta: Decodable { var content: String? }
    var choices: [Choice]
  }

  // Only the session's own queue, which takes one thing at a time, comes here.
  nonisolated(unsafe) private var unread = Data()

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    unread.append(data)
    while let end = unread.firstIndex(of: UInt8(ascii: "\\n")) {
      let line = Data(unread[..<end])
      unread = Data(unread[unread.index(after: end)...])
      guard line.starts(with: Data("data:".utf8)) else { continue }
      let chunk = try? JSONDecoder().decode(Chunk.self, from: line.dropFirst(5))
      print(chunk?.choices.first?.delta.content ?? "", terminator: "")
      fflush(nil)
    }
  }

  func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
    print(error.map { "\\n\\($0.localizedDescription)" } ?? "")
    exit(error == nil ? 0 : 1)
  }
}

var request = URLRequest(url: URL(string: "${origin}/v1/chat/completions")!)
request.httpMethod = "POST"
request.httpBody = Data(body.utf8)
request.setValue("application/json", forHTTPHeaderField: "Content-Type")
if let key = ProcessInfo.processInfo.environment["PRSM_API_KEY"] {
  request.setValue("Bearer \\(key)", forHTTPHeaderField: "Authorization")
}
URLSession(configuration: .default, delegate: Answer(), delegateQueue: nil).dataTask(with: request).resume()
dispatchMain()
`;
}
