// The tree of candidates: attempts and first programs at the root, below them what was tried, each with its runs.

import { element } from "./dom.js";

const mostNodes = 600;

export class CodeTree {
  #root;
  #none;
  #select;
  #places = new Map();
  #nodes = new Map();

  /** Draws into `root`; `none` says that there is nothing yet; `select` is called with a candidate that was opened. */
  constructor(root, none, select) {
    this.#root = root;
    this.#none = none;
    this.#select = select;
  }

  clear() {
    this.#root.replaceChildren();
    this.#none.hidden = false;
    this.#places.clear();
    this.#nodes.clear();
  }

  attempt(attempt) {
    const list = element("ul", {});
    const origin = attempt.parent === null ? "from the beginning" : `takes up #${attempt.parent}`;
    const item = element(
      "li",
      { class: "attempt" },
      element(
        "details",
        { open: true },
        element(
          "summary",
          {},
          element("strong", {}, `Attempt ${attempt.id}`),
          element("span", { class: "muted" }, `${origin} · γ ${attempt.gamma} · temperature ${attempt.temperature} · ${attempt.style}`),
        ),
        list,
      ),
    );
    this.#places.set(attempt.id, list);
    this.#add(this.#root, item);
  }

  candidate(candidate) {
    const facts = [
      candidate.origin,
      candidate.parent === null ? null : `of #${candidate.parent}`,
      candidate.probability === null ? null : `probability ${candidate.probability.toFixed(2)} a token`,
      candidate.passes ? null : `nearness ${candidate.score.toFixed(2)}`,
    ];
    const body = element("div", { class: "body" });
    const details = element(
      "details",
      {},
      element(
        "summary",
        {},
        element("span", {}, `${candidate.passes ? "✓" : "✗"} #${candidate.id}`),
        element("span", {}, candidate.summary),
        element("span", { class: "muted" }, facts.filter(Boolean).join(" · ")),
      ),
      body,
    );
    details.addEventListener("toggle", () => {
      if (!details.open) return;
      if (body.childElementCount === 0) body.append(...bodyOf(candidate));
      this.#select(candidate);
    });
    const item = element("li", { class: candidate.passes ? "passes" : null, "data-candidate": candidate.id }, details);
    this.#nodes.set(candidate.id, item);
    this.#add(this.#places.get(candidate.attempt) ?? this.#root, item);
  }

  /** Marks the program that was submitted. */
  choose(id) {
    this.#nodes.get(id)?.classList.add("chosen");
  }

  #add(place, item) {
    this.#none.hidden = true;
    if (this.#root.querySelectorAll("li").length < mostNodes) place.append(item);
  }
}

function bodyOf(candidate) {
  return [
    element("pre", { tabindex: "0", "aria-label": `Program ${candidate.id}` }, element("code", {}, candidate.program)),
    ...candidate.runs.map((run, index) =>
      element(
        "div",
        {},
        element("p", { class: "muted" }, `Run ${index + 1}: ${run.message}${run.result === null ? "" : `, result ${run.result}`}`),
        element(
          "pre",
          { class: "trace", tabindex: "0", "aria-label": `Trace of run ${index + 1}` },
          traceLines(run.trace, candidate.program) + (run.cut ? "\n…" : ""),
        ),
      )
    ),
  ];
}

/** A trace as text: each step with its line and what it changed. */
export function traceLines(trace, program) {
  const source = program.split("\n");
  return trace
    .map((event) => {
      const changes = Object.entries(event.locals ?? {}).map(([name, value]) => `${name} = ${value}`).join(", ");
      const indent = "  ".repeat(Math.max(0, (event.depth ?? 1) - 1));
      const what = event.event === "line" ? source[event.line - 1]?.trim() ?? "" : `${event.event} ${event.value ?? ""}`;
      return `${indent}${String(event.line).padStart(3)}  ${what}${changes ? `    ${changes}` : ""}`;
    })
    .join("\n");
}
