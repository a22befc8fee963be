// Blocks and inline text of Markdown, as nodes.

import { copyText, element } from "./dom.js";
import { icon } from "./icons.js";
import { colouredCode } from "./syntax.js";

const deepestInline = 8;
const bareAddress = /https?:\/\/[^\s<>"'`|]+/y;

/** The node for a block that markdown.js has read. */
export function drawBlock(block) {
  switch (block.kind) {
    case "code":
      return drawCode(block);
    case "heading":
      // The page's own headings are the first two levels.
      return element(`h${Math.min(6, block.level + 2)}`, {}, inline(block.text));
    case "rule":
      return element("hr");
    case "quote":
      return element("blockquote", {}, block.blocks.map(drawBlock));
    case "list":
      return drawList(block);
    case "table":
      return drawTable(block);
    default:
      return element("p", {}, inline(block.text));
  }
}

function drawCode({ language, text }) {
  const label = element("span", {}, "Copy");
  const copy = element(
    "button",
    { type: "button", class: "quiet", "aria-label": "Copy this code" },
    icon("copy"),
    label,
  );
  copy.addEventListener("click", async () => {
    label.textContent = (await copyText(text)) ? "Copied" : "Not copied";
    setTimeout(() => (label.textContent = "Copy"), 2000);
  });
  return element(
    "figure",
    { class: "code" },
    element("figcaption", {}, element("span", {}, language || "text"), copy),
    element(
      "pre",
      { tabindex: "0", "aria-label": `Code, ${language || "text"}`, role: "region" },
      element("code", {}, colouredCode(text, language)),
    ),
  );
}

function drawList({ ordered, start, loose, items }) {
  const properties = ordered && start !== 1 ? { start } : {};
  return element(
    ordered ? "ol" : "ul",
    properties,
    items.map((item) => {
      const contents = item.blocks.flatMap((block) =>
        block.kind === "paragraph" && !loose ? inline(block.text) : [drawBlock(block)]
      );
      if (item.checked === null) return element("li", {}, contents);
      const mark = element(
        "span",
        { class: "task", role: "img", "aria-label": item.checked ? "done" : "not done" },
        item.checked ? "☑" : "☐",
      );
      return element("li", { class: "task-item" }, mark, " ", contents);
    }),
  );
}

function drawTable({ head, alignments, rows }) {
  const cell = (tag, text, column) => element(tag, { class: `align-${alignments[column]}` }, inline(text));
  return element(
    "div",
    { class: "table", tabindex: "0", role: "region", "aria-label": "Table" },
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, head.map((text, column) => cell("th", text, column)))),
      element("tbody", {}, rows.map((row) => element("tr", {}, row.map((text, column) => cell("td", text, column))))),
    ),
  );
}

const emphases = [
  ["**", "strong"],
  ["__", "strong"],
  ["~~", "s"],
  ["*", "em"],
  ["_", "em"],
];

/** The nodes of inline text. Never looks for the same closing mark twice in vain, so long text stays cheap. */
export function inline(text, depth = 0) {
  const nodes = [];
  const absent = new Set();
  let plain = "";
  let index = 0;
  const flush = () => {
    if (plain) nodes.push(document.createTextNode(plain));
    plain = "";
  };
  const find = (mark, from) => {
    if (absent.has(mark)) return -1;
    const found = text.indexOf(mark, from);
    if (found === -1) absent.add(mark);
    return found;
  };
  while (index < text.length) {
    const special = readSpecial(text, index, depth, find);
    if (special) {
      flush();
      if (special.node) nodes.push(special.node);
      index = special.end;
    } else if (text[index] === "\\" && /[\\`*_{}[\]()#+\-.!|~<>]/.test(text[index + 1] ?? "")) {
      plain += text[index + 1];
      index += 2;
    } else {
      plain += text[index];
      index += 1;
    }
  }
  flush();
  return nodes;
}

function readSpecial(text, index, depth, find) {
  switch (text[index]) {
    case "\n":
      return { node: element("br"), end: index + 1 };
    case "`":
      return readCodeSpan(text, index, find);
    case "!":
    case "[":
      return readLink(text, index, depth, find);
    case "<":
      return readAngleAddress(text, index, find);
    case "h":
      return readBareAddress(text, index);
    case "*":
    case "_":
    case "~":
      return readEmphasis(text, index, depth, find);
    default:
      return null;
  }
}

function readCodeSpan(text, index, find) {
  let length = 1;
  while (text[index + length] === "`") length += 1;
  const mark = "`".repeat(length);
  const close = find(mark, index + length);
  if (close === -1) return { node: document.createTextNode(mark), end: index + length };
  const inner = text.slice(index + length, close).replaceAll("\n", " ");
  const shown = /^ .*\S.* $/.test(inner) ? inner.slice(1, -1) : inner;
  return { node: element("code", {}, shown), end: close + length };
}

function readEmphasis(text, index, depth, find) {
  if (depth >= deepestInline) return null;
  for (const [mark, tag] of emphases) {
    if (!text.startsWith(mark, index)) continue;
    const before = text[index - 1] ?? " ";
    const after = text[index + mark.length] ?? " ";
    if (/\s/.test(after) || after === mark[0] || (mark[0] === "_" && /\w/.test(before))) continue;
    let close = find(mark, index + mark.length + 1);
    // A single mark must not take half of a double one.
    for (let tries = 0; mark.length === 1 && close !== -1 && text[close + 1] === mark && tries < 16; tries += 1) {
      close = find(mark, close + 2);
    }
    if (close === -1 || /\s/.test(text[close - 1])) continue;
    if (mark[0] === "_" && /\w/.test(text[close + mark.length] ?? " ")) continue;
    const inner = text.slice(index + mark.length, close);
    return { node: element(tag, {}, inline(inner, depth + 1)), end: close + mark.length };
  }
  return null;
}

function readLink(text, index, depth, find) {
  const image = text[index] === "!";
  const open = image ? index + 1 : index;
  if (text[open] !== "[" || depth >= deepestInline) return null;
  const middle = find("](", open + 1);
  if (middle === -1 || middle - open > 500) return null;
  const label = text.slice(open + 1, middle);
  if (label.includes("[") || label.includes("\n\n")) return null;
  let level = 1;
  let end = middle + 2;
  const furthest = Math.min(text.length, end + 2000);
  for (; end < furthest; end += 1) {
    if (text[end] === "(") level += 1;
    if (text[end] === ")" && --level === 0) break;
    if (text[end] === "\n") return null;
  }
  if (level !== 0) return null;
  const [address] = text.slice(middle + 2, end).trim().split(/\s+/);
  const shown = image ? [`Image: ${label || address}`] : inline(label, depth + 1);
  return { node: link(address, shown), end: end + 1 };
}

function readAngleAddress(text, index, find) {
  const match = /^(https?:\/\/|mailto:)/.exec(text.slice(index + 1, index + 10));
  const close = match ? find(">", index + 1) : -1;
  if (close === -1 || close - index > 2000) return null;
  const address = text.slice(index + 1, close);
  return /\s/.test(address) ? null : { node: link(address, [address]), end: close + 1 };
}

function readBareAddress(text, index) {
  if (!text.startsWith("http", index) || /\w/.test(text[index - 1] ?? " ")) return null;
  bareAddress.lastIndex = index;
  const match = bareAddress.exec(text);
  if (!match) return null;
  let address = match[0].slice(0, 2000).replace(/[.,;:!?*_]{1,8}$/, "");
  if (address.endsWith(")") && !address.includes("(")) address = address.slice(0, -1);
  return { node: link(address, [address]), end: index + address.length };
}

/** A link to leave by, or, for any other scheme, the text alone. */
function link(address, children) {
  let target = null;
  try {
    target = new URL(address);
  } catch {
    // Relative or malformed: there is nothing on this node that it could mean.
  }
  if (!target || !["http:", "https:", "mailto:"].includes(target.protocol)) return element("span", {}, children);
  return element("a", { href: target.href, target: "_blank", rel: "noopener noreferrer nofollow" }, children);
}
