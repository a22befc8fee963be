// Markdown as models write it (the common part of CommonMark 0.31 and GitHub's tables, task lists and strikethrough),
// read into blocks and drawn as nodes. Raw HTML stays text, images become links, and only http, https and mailto
// addresses are followed, so an answer can neither run anything nor make this page fetch anything.

import { drawBlock } from "./markdown-draw.js";

const deepest = 6;
const fence = /^( {0,3})(`{3,}|~{3,}) *([^`\n]*)$/;
const listItem = /^( {0,12})([-*+]|\d{1,9}[.)])(?: +(.*))?$/;
const rule = /^ {0,3}([-*_])(?: *\1){2,} *$/;
const heading = /^ {0,3}(#{1,6}) +(.*)$/;
const tableRule = /^ *\|? *:?-+:? *(\| *:?-+:? *)*\|? *$/;

/**
 * Draws `source` into `container`, keeping the nodes of blocks that have not changed: while an answer streams only its
 * last block is drawn again, and a selection in the others survives.
 */
export function drawMarkdown(container, source) {
  const blocks = readBlocks(source.split("\n"), 0);
  const drawn = container.drawnBlocks ?? [];
  let kept = 0;
  while (kept < blocks.length && kept < drawn.length && drawn[kept] === blocks[kept].source) kept += 1;
  while (container.childNodes.length > kept) container.lastChild.remove();
  for (const block of blocks.slice(kept)) container.append(drawBlock(block));
  container.drawnBlocks = blocks.map((block) => block.source);
}

/** What a screen reader is to say for `source`: the words without the marks. */
export function spokenMarkdown(source) {
  const container = document.createElement("div");
  drawMarkdown(container, source);
  for (const caption of container.querySelectorAll("figcaption")) caption.remove();
  return [...container.children].map((block) => block.textContent).join("\n");
}

/** The blocks of these lines. Each carries its `source`, by which an unchanged one is recognised. */
export function readBlocks(lines, depth) {
  const blocks = [];
  let index = 0;
  while (index < lines.length) {
    if (lines[index].trim() === "") {
      index += 1;
      continue;
    }
    const start = index;
    const [block, next] = readBlock(lines, index, depth);
    index = Math.max(next, start + 1);
    block.source = `${block.kind}\n${lines.slice(start, index).join("\n")}`;
    blocks.push(block);
  }
  return blocks;
}

function readBlock(lines, index, depth) {
  const line = lines[index];
  const opened = fence.exec(line);
  if (opened) return readCode(lines, index, opened);
  const titled = heading.exec(line);
  if (titled) {
    return [{ kind: "heading", level: titled[1].length, text: titled[2].trimEnd().replace(/ #{1,6}$/, "") }, index + 1];
  }
  if (rule.test(line)) return [{ kind: "rule" }, index + 1];
  if (depth < deepest) {
    if (/^ {0,3}>/.test(line)) return readQuote(lines, index, depth);
    if (listItem.test(line)) return readList(lines, index, depth);
  }
  if (startsTable(lines, index)) return readTable(lines, index);
  let end = index + 1;
  while (end < lines.length && lines[end].trim() !== "" && !interrupts(lines, end)) end += 1;
  return [{ kind: "paragraph", text: lines.slice(index, end).join("\n").trim() }, end];
}

/** Whether the line at `index` begins a block that may follow a paragraph without a blank line. */
function interrupts(lines, index) {
  const line = lines[index];
  return (
    fence.test(line) || heading.test(line) || rule.test(line) || /^ {0,3}>/.test(line) || listItem.test(line) ||
    startsTable(lines, index)
  );
}

function readCode(lines, index, opened) {
  const [, indent, mark, info] = opened;
  const text = [];
  let end = index + 1;
  for (; end < lines.length; end += 1) {
    const trimmed = lines[end].trim();
    if (trimmed.length >= mark.length && trimmed === mark[0].repeat(trimmed.length)) break;
    text.push(lines[end].startsWith(indent) ? lines[end].slice(indent.length) : lines[end]);
  }
  const language = info.trim().split(/\s/)[0].slice(0, 24);
  return [{ kind: "code", language, text: text.join("\n"), closed: end < lines.length }, end + 1];
}

function readQuote(lines, index, depth) {
  const inner = [];
  let end = index;
  while (end < lines.length && /^ {0,3}>/.test(lines[end])) {
    inner.push(lines[end].replace(/^ {0,3}> ?/, ""));
    end += 1;
  }
  return [{ kind: "quote", blocks: readBlocks(inner, depth + 1) }, end];
}

function readList(lines, index, depth) {
  const [, indent, firstMark] = listItem.exec(lines[index]);
  const ordered = /\d/.test(firstMark);
  const items = [];
  let loose = false;
  let end = index;
  while (end < lines.length) {
    const item = listItem.exec(lines[end]);
    if (!item || item[1].length > indent.length + 1 || item[1].length < indent.length) break;
    if (item[2].at(-1) !== firstMark.at(-1) || rule.test(lines[end])) break;
    const width = item[1].length + item[2].length + 1;
    const [inner, next, blank] = itemLines(lines, end + 1, indent.length, width);
    const task = /^\[([ xX])\] (.*)$/.exec(item[3] ?? "");
    const first = task ? task[2] : (item[3] ?? "");
    items.push({ checked: task ? task[1] !== " " : null, blocks: readBlocks([first, ...inner], depth + 1) });
    loose ||= blank;
    end = next;
  }
  return [{ kind: "list", ordered, start: ordered ? parseInt(firstMark, 10) : 1, loose, items }, end];
}

/** The further lines of a list item, less its indentation; where it ends; and whether a blank line parts it. */
function itemLines(lines, start, listIndent, width) {
  const inner = [];
  let end = start;
  let blank = false;
  for (; end < lines.length; end += 1) {
    const line = lines[end];
    if (line.trim() === "") {
      const following = lines.slice(end + 1, end + 3).find((candidate) => candidate.trim() !== "");
      if (following === undefined) break;
      const indented = following.length - following.trimStart().length > listIndent;
      if (!indented && !listItem.test(following)) break;
      blank = true;
      inner.push("");
      continue;
    }
    const spaces = line.length - line.trimStart().length;
    const item = listItem.exec(line);
    if (item && spaces <= listIndent + 1) break;
    if (spaces <= listIndent && (blank || interrupts(lines, end))) break;
    inner.push(line.slice(Math.min(spaces, width)));
  }
  return [inner, end, blank];
}

function startsTable(lines, index) {
  const next = lines[index + 1];
  if (next === undefined || !lines[index].includes("|") || next.length > 2000) return false;
  return next.includes("-") && tableRule.test(next) && cells(next).length === cells(lines[index]).length;
}

function readTable(lines, index) {
  const head = cells(lines[index]);
  const alignments = cells(lines[index + 1]).map((cell) => {
    if (cell.startsWith(":") && cell.endsWith(":")) return "center";
    return cell.endsWith(":") ? "end" : "start";
  });
  const rows = [];
  let end = index + 2;
  while (end < lines.length && lines[end].includes("|") && lines[end].trim() !== "") {
    const row = cells(lines[end]);
    rows.push(head.map((_, column) => row[column] ?? ""));
    end += 1;
  }
  return [{ kind: "table", head, alignments, rows }, end];
}

function cells(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}
