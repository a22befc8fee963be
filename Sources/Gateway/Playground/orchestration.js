// How an answer of a virtual model came about: the calls of its members on a common time line, with what was judged.
// Live while the answer is made; later read from the node, which keeps the last ones.

import { followOrchestration, loadOrchestration } from "./api.js";
import { element } from "./dom.js";
import { count, duration } from "./metrics.js";

const mostTraces = 64;
const mostEvents = 512;
const namespace = "http://www.w3.org/2000/svg";

const roles = {
  answer: "answers",
  sample: "sample",
  proposal: "proposes",
  aggregate: "puts together",
  judge: "judges",
  compare: "compares",
  escalate: "escalation",
  step: "step",
  split: "takes apart",
  part: "part",
  combine: "combines",
};

/** The events of one orchestration put together: `steps` by number, `verdicts`, and the `end`, where there is one. */
export class OrchestrationState {
  /** `events` that are known already. */
  constructor(events = []) {
    this.kind = "";
    this.question = "";
    this.steps = [];
    this.verdicts = [];
    this.end = null;
    this.time = 0;
    this.count = 0;
    for (const event of events) this.add(event);
  }

  /** Takes one event; what is not known is passed over. */
  add(event) {
    if (!event || typeof event !== "object" || this.count >= mostEvents) return;
    this.count += 1;
    if (Number.isFinite(event.time_ms)) this.time = Math.max(this.time, event.time_ms);
    if (event.type === "began") {
      this.question = String(event.question ?? "");
    } else if (event.type === "step.began") {
      this.steps.push({
        number: event.step,
        role: String(event.role ?? ""),
        model: String(event.model ?? ""),
        label: String(event.label ?? ""),
        from: event.time_ms ?? 0,
        to: null,
        end: null,
        verdicts: [],
      });
    } else if (event.type === "step.finished") {
      const step = this.steps.find(({ number }) => number === event.step);
      if (step) Object.assign(step, { to: event.time_ms ?? step.from, end: event });
    } else if (event.type === "verdict") {
      this.verdicts.push({ ...event, after: this.steps.length });
    } else if (event.type === "finished" || event.type === "failed") {
      this.end = event;
    }
  }
}

/** The orchestrations that this page has seen, by identifier; those that are long gone are asked for again. */
class Traces extends EventTarget {
  #states = new Map();

  get(id) {
    return this.#states.get(id) ?? null;
  }

  #put(id, state) {
    this.#states.set(id, state);
    while (this.#states.size > mostTraces) this.#states.delete(this.#states.keys().next().value);
  }

  #changed(id) {
    this.dispatchEvent(new CustomEvent("change", { detail: id }));
  }

  /** Follows one from its beginning until it ends or `signal` says so. */
  async follow(id, signal) {
    const state = new OrchestrationState();
    this.#put(id, state);
    try {
      for await (const event of followOrchestration(id, signal)) {
        if (event.object === "orchestration") state.kind = String(event.kind ?? "");
        else state.add(event);
        this.#changed(id);
      }
    } catch {
      // The answer itself tells what went wrong; of the trace there is what there is.
    }
    this.#changed(id);
  }

  /** Reads one that is over; the state says why where it cannot be read. */
  async load(id) {
    if (this.#states.has(id)) return;
    const state = new OrchestrationState();
    this.#put(id, state);
    try {
      const trace = await loadOrchestration(id);
      state.kind = String(trace.kind ?? "");
      for (const event of Array.isArray(trace.events) ? trace.events : []) state.add(event);
    } catch (error) {
      state.missing = error.kind === "missing"
        ? "The node no longer has this: it keeps the last ones in memory."
        : String(error.message);
    }
    this.#changed(id);
  }
}

export const traces = new Traces();

/** Draws one orchestration under an answer. */
export class OrchestrationView {
  #id = null;
  #list = element("ol", { class: "calls" });
  #summary = element("summary", {});
  #frame = 0;

  constructor() {
    this.node = element("details", { class: "orchestration", hidden: true }, this.#summary, this.#list);
    this.node.addEventListener("toggle", () => {
      if (this.node.open && this.#id && !traces.get(this.#id)) traces.load(this.#id);
    });
  }

  /** A view that is no longer on the page stops listening; it listens again when it is shown again. */
  #heard = ({ detail }) => {
    if (!this.node.isConnected) traces.removeEventListener("change", this.#heard);
    else if (detail === this.#id) this.#frame ||= requestAnimationFrame(() => this.#draw());
  };

  /** Shows that of an answer; null for none. It is open while the answer is made. */
  show(id, running) {
    if (id !== this.#id) {
      this.#id = id;
      this.node.hidden = id === null;
      this.node.open = running && id !== null;
    }
    if (id === null) return;
    traces.addEventListener("change", this.#heard);
    this.#draw();
  }

  #draw() {
    this.#frame = 0;
    const state = traces.get(this.#id);
    this.#summary.textContent = state ? headline(state) : "How this came about";
    if (!state) return this.#list.replaceChildren();
    if (state.missing) return this.#list.replaceChildren(element("li", { class: "muted" }, state.missing));
    const whole = Math.max(1, state.time);
    const rows = [];
    const chosen = new Set(state.end?.chosen ?? []);
    state.steps.forEach((step, index) => {
      rows.push(callRow(step, whole, chosen.has(step.number)));
      for (const verdict of state.verdicts) if (verdict.after === index + 1) rows.push(verdictRow(verdict));
    });
    if (state.end?.type === "failed") rows.push(element("li", { class: "verdict no" }, String(state.end.error)));
    this.#list.replaceChildren(...rows);
  }
}

function headline(state) {
  const calls = state.steps.length;
  const parts = [
    state.kind || "virtual model",
    `${calls} call${calls === 1 ? "" : "s"}`,
    state.end ? duration(state.end.time_ms ?? state.time) : "at work",
  ];
  const tokens = (state.end?.usage?.prompt_tokens ?? 0) + (state.end?.usage?.completion_tokens ?? 0);
  if (tokens > 0) parts.push(`${count(tokens)} tokens`);
  if (typeof state.end?.cost === "string" && !/^0\.0*$/.test(state.end.cost)) parts.push(`cost ${state.end.cost}`);
  return parts.join(" · ");
}

function callRow(step, whole, isChosen) {
  const outcome = step.end?.outcome ?? "running";
  const facts = [roles[step.role] ?? step.role, step.label].filter((text, index, all) => text && all.indexOf(text) === index);
  const figures = step.end
    ? [
      duration(step.to - step.from),
      `${count(step.end.usage?.completion_tokens ?? 0)} tokens out`,
      typeof step.end.mean_logprob === "number" ? `logprob ${step.end.mean_logprob.toFixed(2)}` : null,
    ].filter(Boolean).join(" · ")
    : "at work";
  const said = step.end?.error ?? step.end?.preview ?? "";
  return element(
    "li",
    { class: `call ${outcome}${isChosen ? " chosen" : ""}` },
    element(
      "p",
      { class: "call-head" },
      element("strong", {}, step.model),
      element("span", {}, facts.join(", ")),
      isChosen ? element("span", { class: "mark" }, "the answer") : null,
      outcome === "finished" || outcome === "running" ? null : element("span", { class: "mark alarm" }, outcome),
      element("span", { class: "call-figures" }, figures),
    ),
    bar(step.from, step.to ?? whole, whole),
    said === "" ? null : element("p", { class: "call-said" }, said),
  );
}

/** When a call ran, on the time line of the whole. Decoration: the figures say the same in words. */
function bar(from, to, whole) {
  const svg = document.createElementNS(namespace, "svg");
  const line = document.createElementNS(namespace, "rect");
  const entries = { class: "call-bar", viewBox: "0 0 1000 6", preserveAspectRatio: "none", "aria-hidden": "true" };
  for (const [name, value] of Object.entries(entries)) svg.setAttribute(name, value);
  const start = Math.min(990, (from / whole) * 1000);
  line.setAttribute("x", String(start));
  line.setAttribute("width", String(Math.max(10, ((to - from) / whole) * 1000)));
  line.setAttribute("height", "6");
  svg.append(line);
  return svg;
}

function verdictRow(verdict) {
  const numbers = [
    typeof verdict.value === "number" ? shortNumber(verdict.value) : null,
    typeof verdict.threshold === "number" ? `(at least ${shortNumber(verdict.threshold)} is asked for)` : null,
  ].filter(Boolean).join(" ");
  return element(
    "li",
    { class: `verdict ${verdict.holds ? "yes" : "no"}` },
    element("strong", {}, `${verdict.holds ? "✓" : "✗"} ${String(verdict.check).replaceAll("-", " ")}`),
    numbers ? element("span", {}, numbers) : null,
    verdict.note ? element("span", { class: "muted" }, String(verdict.note)) : null,
  );
}

function shortNumber(value) {
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}
