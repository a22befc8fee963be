// Just enough colour in code to find one's way: comments, strings, numbers and the keywords common to the languages
// that models write most. One pass, one expression, no grammar per language.

import { element } from "./dom.js";

const longest = 60_000;
const keywords = new Set(
  ("actor as async await break case catch class const continue def default defer del do elif else enum except export " +
    "extends extension false finally fn for from func function guard if impl import in init inout interface is lambda " +
    "let match module mut new nil none not null and or pass private protocol pub public raise return select self " +
    "static struct super switch this throw throws trait true try type typealias use using var void where while with yield")
    .split(" "),
);
const hashComments = new Set([
  "python",
  "py",
  "sh",
  "bash",
  "shell",
  "zsh",
  "ruby",
  "rb",
  "yaml",
  "yml",
  "toml",
  "r",
  "make",
  "makefile",
  "dockerfile",
  "perl",
]);
const plainLanguages = new Set(["", "text", "txt", "plain", "markdown", "md", "console", "output", "diff"]);

const strings = String.raw`"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|` + "`(?:[^`\\\\]|\\\\.)*`";
const rest = String.raw`|(?<number>\b\d[\w.]*)|(?<word>[A-Za-z_][\w]*)`;
const slashed = new RegExp(
  String.raw`(?<comment>\/\/[^\n]*|\/\*[^]*?\*\/)|(?<string>"""[^]*?"""|${strings})${rest}`,
  "g",
);
const hashed = new RegExp(String.raw`(?<comment>#[^\n]*)|(?<string>"""[^]*?"""|${strings})${rest}`, "g");
const dashed = new RegExp(String.raw`(?<comment>--[^\n]*)|(?<string>${strings})${rest}`, "g");
const marked = new RegExp(String.raw`(?<comment><!--[^]*?-->)|(?<string>"[^"\n]*")|(?<word><\/?[A-Za-z][\w-]*)`, "g");

function expression(language) {
  if (hashComments.has(language)) return hashed;
  if (language === "sql" || language === "lua" || language === "haskell") return dashed;
  if (language === "html" || language === "xml" || language === "svg") return marked;
  return slashed;
}

/** `text` with its parts in spans of class `code-comment`, `code-string`, `code-number` and `code-keyword`. */
export function colouredCode(text, languageName) {
  const language = languageName.toLowerCase();
  const fragment = document.createDocumentFragment();
  if (plainLanguages.has(language) || text.length > longest) {
    fragment.append(text);
    return fragment;
  }
  let end = 0;
  for (const match of text.matchAll(expression(language))) {
    const kind = kindOf(match, language);
    if (!kind) continue;
    fragment.append(text.slice(end, match.index), element("span", { class: `code-${kind}` }, match[0]));
    end = match.index + match[0].length;
  }
  fragment.append(text.slice(end));
  return fragment;
}

function kindOf({ groups }, language) {
  if (groups.comment !== undefined) return "comment";
  if (groups.string !== undefined) return "string";
  if (groups.number !== undefined) return "number";
  const word = language === "sql" ? groups.word.toLowerCase() : groups.word;
  if (word.startsWith("<") || keywords.has(word) || word === "None" || word === "True" || word === "False") {
    return "keyword";
  }
  return /^(select|from|where|insert|update|join|group|order|by|create|table)$/.test(word) && language === "sql"
    ? "keyword"
    : null;
}
