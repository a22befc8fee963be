// Token probabilities: every token of an answer tinted and underlined by how likely the model found it, with the
// likeliest alternatives one hover or one arrow key away.

import { element } from "./dom.js";

/** From sure to surprised. `least` is the lowest probability of the band; underline and colour both tell them apart. */
export const bands = [
  { id: "sure", least: 0.9, label: "≥ 90 %", mark: "plain" },
  { id: "likely", least: 0.6, label: "60–90 %", mark: "dotted line" },
  { id: "open", least: 0.3, label: "30–60 %", mark: "dashed line" },
  { id: "unlikely", least: 0.1, label: "10–30 %", mark: "solid line" },
  { id: "surprising", least: 0, label: "< 10 %", mark: "double line" },
];

/** OpenAI's `choices[].logprobs.content` as compact triples: token, logprob, alternatives. */
export function readTokens(logprobs) {
  if (!Array.isArray(logprobs?.content)) return [];
  return logprobs.content
    .filter((entry) => typeof entry?.token === "string" && Number.isFinite(entry.logprob))
    .map((entry) => [
      tokenText(entry),
      rounded(entry.logprob),
      (Array.isArray(entry.top_logprobs) ? entry.top_logprobs : [])
        .filter((other) => typeof other?.token === "string" && Number.isFinite(other.logprob))
        .slice(0, 20)
        .map((other) => [tokenText(other), rounded(other.logprob)]),
    ]);
}

/** A token may be part of a character: then its bytes are shown. */
function tokenText({ token, bytes }) {
  const broken = token === "" || token.includes("\uFFFD");
  if (!broken || !Array.isArray(bytes) || bytes.length === 0) return token;
  return bytes.slice(0, 16).map((byte) => `‹${Number(byte).toString(16).padStart(2, "0")}›`).join("");
}

function rounded(logprob) {
  return Math.round(Math.max(-99, Math.min(0, logprob)) * 1e4) / 1e4;
}

export function bandOf(probability) {
  return bands.find((band) => probability >= band.least) ?? bands[bands.length - 1];
}

/** 0.0312 as "3.1 %". */
export function percent(probability) {
  const value = probability * 100;
  if (value > 0 && value < 0.1) return "< 0.1 %";
  return `${value >= 99.95 || value >= 10 ? Math.round(value) : value.toFixed(1)} %`;
}

/** Line ends and tabs as marks that can be seen and spoken. */
function visible(token) {
  return token.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replaceAll("\r", "␍");
}

function spoken(token) {
  if (token.trim() === "") return token.includes("\n") ? "line break" : "space";
  return token.trim();
}

/** Mean probability (geometric) and perplexity of an answer's tokens. */
export function tokenFigures(tokens) {
  if (tokens.length === 0) return null;
  const mean = tokens.reduce((sum, [, logprob]) => sum + logprob, 0) / tokens.length;
  return { probability: Math.exp(mean), perplexity: Math.exp(-mean) };
}

/** The legend: each band with its tint, its underline and its range in words. */
export function legend() {
  return element(
    "dl",
    { class: "legend", "aria-label": "Probability of each token" },
    ...bands.map((band) =>
      element(
        "div",
        {},
        element(
          "dt",
          {},
          element("span", { class: `token ${band.id}`, "aria-hidden": "true" }, "token"),
          element("span", { class: "visually-hidden" }, band.mark),
        ),
        element("dd", {}, band.label),
      )
    ),
  );
}

/** The tokens of one answer as a list to walk through; `append` adds those that have arrived since. */
export class TokenView {
  #tokens = [];
  #active = 0;

  constructor() {
    this.node = element("div", {
      class: "tokens",
      role: "listbox",
      "aria-label": "Tokens of the answer. Arrow keys move, the description gives alternatives.",
      "aria-orientation": "horizontal",
    });
    this.node.addEventListener("keydown", (event) => this.#move(event));
    this.node.addEventListener("focusin", (event) => this.#show(event.target));
    this.node.addEventListener("focusout", () => card.hide());
    this.node.addEventListener("pointerover", (event) => this.#show(event.target));
    this.node.addEventListener("pointerleave", () => card.hide());
  }

  append(tokens) {
    const fragment = document.createDocumentFragment();
    for (let index = this.#tokens.length; index < tokens.length; index += 1) {
      fragment.append(this.#span(tokens[index], index));
    }
    this.#tokens = tokens.slice();
    this.node.append(fragment);
  }

  #span([token, logprob], index) {
    const probability = Math.exp(logprob);
    const span = element("span", {
      class: `token ${bandOf(probability).id}`,
      role: "option",
      "aria-selected": "false",
      "aria-label": `${spoken(token)}, ${percent(probability)}`,
      tabindex: index === 0 ? "0" : "-1",
      "data-index": index,
    });
    if (token.includes("\n")) {
      span.append(element("span", { class: "line-mark" }, "⏎".repeat(token.split("\n").length - 1)), token);
    } else {
      span.append(token);
    }
    return span;
  }

  #move(event) {
    const last = this.#tokens.length - 1;
    const steps = { ArrowRight: 1, ArrowDown: 10, ArrowLeft: -1, ArrowUp: -10, Home: -last, End: last };
    const step = steps[event.key];
    if (event.key === "Escape" && card.visible) {
      event.stopPropagation();
      card.hide();
    }
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const next = this.node.children[Math.max(0, Math.min(last, this.#active + step))];
    next?.focus();
  }

  #show(target) {
    const span = target instanceof Element ? target.closest(".token[data-index]") : null;
    if (!span) return;
    const index = Number(span.dataset.index);
    if (span.matches(":focus")) {
      const previous = this.node.children[this.#active];
      previous?.setAttribute("tabindex", "-1");
      previous?.setAttribute("aria-selected", "false");
      span.setAttribute("tabindex", "0");
      span.setAttribute("aria-selected", "true");
      this.#active = index;
    }
    card.show(span, this.#tokens[index]);
  }
}

/** The card with a token's probability and its alternatives; one for the whole page. */
class TokenCard {
  #node = null;
  #owner = null;

  get visible() {
    return this.#node !== null && !this.#node.hidden;
  }

  show(span, [token, logprob, alternatives]) {
    this.hide();
    this.#node ??= document.body.appendChild(
      element("div", { id: "token-card", class: "token-card", role: "tooltip" }),
    );
    const chosenListed = alternatives.some(([other]) => other === token);
    const rows = chosenListed ? alternatives : [[token, logprob], ...alternatives];
    this.#node.replaceChildren(
      element(
        "p",
        {},
        element("span", { class: "token-name" }, `“${visible(token)}”`),
        ` ${percent(Math.exp(logprob))}`,
        element("span", { class: "muted" }, `  log ${logprob.toFixed(2)}`),
      ),
      rows.length > 1
        ? element("table", {}, element("tbody", {}, ...rows.slice(0, 10).map((row) => this.#row(row, token))))
        : element("p", { class: "muted" }, "No alternatives were asked for."),
    );
    this.#node.hidden = false;
    span.setAttribute("aria-describedby", "token-card");
    this.#owner = span;
    this.#place(span);
  }

  #row([other, logprob], chosen) {
    const probability = Math.exp(logprob);
    const bar = element("span", { class: "bar" });
    bar.style.inlineSize = `${Math.max(1, probability * 100)}%`;
    return element(
      "tr",
      { class: other === chosen ? "chosen" : null },
      element(
        "th",
        { scope: "row" },
        visible(other),
        other === chosen ? element("span", { class: "visually-hidden" }, " (chosen)") : null,
      ),
      element("td", { class: "bar-cell", "aria-hidden": "true" }, bar),
      element("td", {}, percent(probability)),
    );
  }

  #place(span) {
    const anchor = span.getClientRects()[0] ?? span.getBoundingClientRect();
    const size = this.#node.getBoundingClientRect();
    const margin = 8;
    const left = Math.max(margin, Math.min(innerWidth - size.width - margin, anchor.left));
    const below = anchor.bottom + 6;
    const top = below + size.height < innerHeight - margin ? below : Math.max(margin, anchor.top - size.height - 6);
    this.#node.style.left = `${left}px`;
    this.#node.style.top = `${top}px`;
  }

  /** After scrolling, the card stays with a token that has the keyboard and leaves any other. */
  follow() {
    if (this.#owner?.matches(":focus")) this.#place(this.#owner);
    else this.hide();
  }

  hide() {
    this.#owner?.removeAttribute("aria-describedby");
    this.#owner = null;
    if (this.#node) this.#node.hidden = true;
  }
}

const card = new TokenCard();
addEventListener("scroll", () => card.follow(), { capture: true, passive: true });
