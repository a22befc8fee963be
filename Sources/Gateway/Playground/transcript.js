// The messages on screen. Each turn has its speaker in the left margin, what was said in the middle, and the figures of
// an answer in the right margin; narrow screens put the margins above and below.

import { shownAnswer } from "./conversations.js";
import { copyText, element } from "./dom.js";
import { failureNotice } from "./failures.js";
import { icon } from "./icons.js";
import { legend, percent, tokenFigures, TokenView } from "./logprobs.js";
import { drawMarkdown } from "./markdown.js";
import { figureRows } from "./metrics.js";
import { OrchestrationView } from "./orchestration.js";

const endings = {
  length: "Reached the limit on tokens.",
  stopped: "Stopped.",
  edited: "Edited by you.",
  content_filter: "Cut off by a filter.",
};

export class Transcript {
  #container;
  #actions;
  #turns = new Map();
  #dirty = new Set();
  #frame = 0;

  /** `actions`: again, edit, remove, show, view, key, parameter; each takes the message first. */
  constructor(container, actions) {
    this.#container = container;
    this.#actions = actions;
  }

  /** Draws all messages. `answering` is the one that is being answered, or null. */
  draw(messages, answering) {
    const focused = this.#focusedTool();
    this.#turns.clear();
    const nodes = messages.map((message, index) => {
      const turn = message.role === "user" ? this.#userTurn(message) : this.#answerTurn();
      this.#turns.set(message.id, { turn, message });
      if (message.role === "assistant") this.#fill(turn, message, message === answering);
      if (message.role === "user" && index === messages.length - 1) turn.append(this.#unanswered(message));
      return turn;
    });
    this.#container.replaceChildren(...nodes);
    if (focused) this.#refocus(focused);
  }

  /** Where the keyboard is among the turns, as a message's id and a button's name. */
  #focusedTool() {
    const { activeElement } = document;
    if (!this.#container.contains(activeElement)) return null;
    for (const [id, { turn }] of this.#turns) {
      if (turn.contains(activeElement)) return { id, label: activeElement.getAttribute("aria-label") };
    }
    return null;
  }

  /** The keyboard stays on the button that it was on, or, where that is gone, in the conversation. */
  #refocus({ id, label }) {
    const labels = label?.endsWith("answer") ? [label, "Next answer", "Previous answer"] : [label];
    const turn = this.#turns.get(id)?.turn;
    const buttons = labels.map((each) => turn?.querySelector(`button[aria-label="${CSS.escape(each ?? "")}"]:enabled`));
    const target = buttons.find(Boolean) ?? this.#container.closest("[tabindex]");
    target?.focus({ preventScroll: true });
  }

  /** The answer of `message` grew: it is drawn with the next frame, at most some ten times a second. */
  grow(message) {
    this.#dirty.add(message.id);
    this.#frame ||= setTimeout(() => {
      this.#frame = 0;
      for (const id of this.#dirty) this.#redraw(id, true);
      this.#dirty.clear();
    }, 80);
  }

  /** The answer of `message` is complete. */
  finish(message) {
    this.#dirty.delete(message.id);
    this.#redraw(message.id, false);
  }

  /** Begins editing the message, as its button does. */
  beginEdit(message) {
    const entry = this.#turns.get(message.id);
    if (entry) this.#edit(entry.turn, message);
  }

  #redraw(id, running) {
    const entry = this.#turns.get(id);
    if (entry && !entry.turn.classList.contains("editing")) this.#fill(entry.turn, entry.message, running);
  }

  #userTurn(message) {
    const body = element("div", { class: "said" }, element("p", { class: "question" }, message.text));
    const turn = element(
      "article",
      { class: "turn user", "aria-label": "You" },
      element("h2", { class: "speaker" }, "You"),
      body,
    );
    turn.append(
      element(
        "div",
        { class: "tools" },
        this.#tool("copy", "Copy message", (button) => this.#copy(button, message.text)),
        this.#tool("edit", "Edit message", () => this.#edit(turn, message)),
        this.#tool("remove", "Delete message", () => this.#actions.remove(message)),
      ),
    );
    return turn;
  }

  #answerTurn() {
    const parts = {
      speaker: element("h2", { class: "speaker" }),
      reasoning: element(
        "details",
        { class: "reasoning", hidden: true },
        element("summary", {}, "Reasoning"),
        element("p"),
      ),
      orchestration: new OrchestrationView(),
      text: element("div", { class: "answer" }),
      note: element("p", { class: "ending muted" }),
      notice: element("div", { class: "notice-place" }),
      tools: element("div", { class: "tools" }),
      figures: element("dl", { class: "figures", "aria-label": "Figures of this answer" }),
      tokens: null,
      legend: null,
      failure: null,
    };
    const said = element(
      "div",
      { class: "said" },
      parts.orchestration.node,
      parts.reasoning,
      parts.text,
      parts.note,
      parts.notice,
      parts.tools,
    );
    const turn = element("article", { class: "turn assistant" }, parts.speaker, said, parts.figures);
    turn.parts = parts;
    return turn;
  }

  #fill(turn, message, running) {
    const answer = shownAnswer(message);
    if (!answer) return;
    const { parts } = turn;
    const name = answer.model || "Model";
    if (parts.speaker.textContent !== name) {
      parts.speaker.textContent = name;
      turn.setAttribute("aria-label", `Answer of ${name}`);
    }
    turn.classList.toggle("running", running);
    turn.classList.toggle("waiting", running && answer.text === "" && answer.reasoning === "");
    parts.orchestration.show(answer.orchestration ?? null, running);
    parts.reasoning.hidden = answer.reasoning === "";
    parts.reasoning.lastChild.textContent = answer.reasoning;
    this.#fillText(parts, answer);
    parts.note.textContent = running ? "" : (endings[answer.finish] ?? "");
    if (parts.failure !== answer.failure) {
      parts.failure = answer.failure;
      parts.notice.replaceChildren(...(answer.failure ? [this.#notice(message, answer.failure)] : []));
    }
    this.#fillFigures(parts.figures, answer);
    if (running) parts.tools.replaceChildren();
    else this.#fillTools(turn, message, answer);
  }

  #fillText(parts, answer) {
    if (answer.asTokens && (answer.tokens.length > 0 || answer.text === "")) {
      if (!parts.tokens) {
        parts.tokens = new TokenView();
        parts.legend = legend();
        parts.text.drawnBlocks = null;
        parts.text.replaceChildren(parts.legend, parts.tokens.node);
      }
      parts.tokens.append(answer.tokens);
      return;
    }
    if (parts.tokens) {
      parts.tokens = null;
      parts.text.replaceChildren();
    }
    drawMarkdown(parts.text, answer.text);
  }

  #fillFigures(list, answer) {
    const rows = answer.figures ? figureRows(answer.figures) : [];
    const tokens = tokenFigures(answer.tokens);
    if (tokens) {
      rows.push({
        name: "mean probability",
        value: percent(tokens.probability),
        hint: "Geometric mean over the answer's tokens",
      });
      rows.push({
        name: "perplexity",
        value: tokens.perplexity.toFixed(2),
        hint: "1 means the model was sure of every token",
      });
    }
    list.replaceChildren(
      ...rows.map(({ name, value, hint }) =>
        element("div", { title: hint }, element("dt", {}, name), element("dd", {}, value))
      ),
    );
  }

  #fillTools(turn, message, answer) {
    const { parts } = turn;
    const focused = parts.tools.contains(document.activeElement)
      ? document.activeElement.getAttribute("aria-label")
      : null;
    const tools = [
      this.#tool("repeat", "Answer again", () => this.#actions.again(message)),
      this.#tool("copy", "Copy answer", (button) => this.#copy(button, answer.text)),
      this.#tool("edit", "Edit answer", () => this.#edit(turn, message)),
      this.#tool("remove", "Delete answer", () => this.#actions.remove(message)),
    ];
    if (answer.tokens.length > 0) {
      const toggle = this.#tool("bars", "Show token probabilities", () => this.#actions.view(message));
      toggle.setAttribute("aria-pressed", String(answer.asTokens));
      tools.push(toggle);
    }
    if (message.answers.length > 1) tools.push(this.#variants(message));
    parts.tools.replaceChildren(...tools);
    if (focused) parts.tools.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
  }

  #variants(message) {
    const { shown, answers } = message;
    const previous = this.#tool("left", "Previous answer", () => this.#actions.show(message, shown - 1));
    const next = this.#tool("right", "Next answer", () => this.#actions.show(message, shown + 1));
    previous.disabled = shown === 0;
    next.disabled = shown === answers.length - 1;
    return element(
      "span",
      { class: "variants", role: "group", "aria-label": `Answer ${shown + 1} of ${answers.length}` },
      previous,
      element("span", {}, `${shown + 1}/${answers.length}`),
      next,
    );
  }

  #notice(message, failure) {
    return failureNotice(failure, {
      again: () => this.#actions.again(message),
      key: () => this.#actions.key(message),
      parameter: (name) => this.#actions.parameter(name),
    });
  }

  #unanswered(message) {
    return element(
      "p",
      { class: "unanswered" },
      element(
        "button",
        { type: "button", class: "outlined", on: { click: () => this.#actions.again(message) } },
        icon("answer"),
        element("span", {}, "Answer this"),
      ),
    );
  }

  #tool(iconName, label, press) {
    const button = element(
      "button",
      { type: "button", class: "tool", "aria-label": label, title: label },
      icon(iconName),
    );
    button.addEventListener("click", () => press(button));
    return button;
  }

  async #copy(button, text) {
    const copied = await copyText(text);
    button.replaceChildren(icon(copied ? "check" : "alert"));
    this.#actions.announce(copied ? "Copied" : "The browser did not allow copying");
    setTimeout(() => button.replaceChildren(icon("copy")), 1500);
  }

  #edit(turn, message) {
    if (turn.classList.contains("editing") || turn.classList.contains("running")) return;
    const said = turn.querySelector(".said");
    const isUser = message.role === "user";
    const field = element("textarea", { rows: 3, "aria-label": isUser ? "Edit message" : "Edit answer" });
    field.value = isUser ? message.text : shownAnswer(message).text;
    const close = () => {
      turn.classList.remove("editing");
      form.remove();
      turn.querySelector('[aria-label^="Edit"]')?.focus();
    };
    const save = () => {
      if (field.value.trim() === "") return;
      close();
      this.#actions.edit(message, field.value);
    };
    const form = element(
      "form",
      { class: "edit-form" },
      field,
      element(
        "p",
        {},
        element("button", { type: "submit", class: "filled" }, isUser ? "Save and answer" : "Save"),
        element("button", { type: "button", class: "outlined", on: { click: close } }, "Cancel"),
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      save();
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        event.stopPropagation();
        close();
      } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing && isUser && event.target === field) {
        event.preventDefault();
        save();
      }
    });
    turn.classList.add("editing");
    said.prepend(form);
    field.style.blockSize = `${Math.min(480, Math.max(72, field.scrollHeight + 4))}px`;
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  }
}
