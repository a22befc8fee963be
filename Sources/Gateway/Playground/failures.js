// What went wrong with an answer, and what to do about it, in words and with the button that does it.

import { element } from "./dom.js";
import { icon } from "./icons.js";

const advice = {
  key: ["This node asks for an API key", "Enter a key that may use this model; `prsm keys create` makes one.", "key"],
  forbidden: ["The node does not allow this", "Do what it says, or use another key.", "key"],
  busy: ["The node is busy", "It has as many requests as it takes. Try again in a moment.", "again"],
  refused: ["The node refused the request", "Change what it objects to, then try again.", "again"],
  missing: ["The model is not there", "Choose another model at the top of the page, then try again.", "again"],
  large: ["Too long", "Shorten the conversation or the message, or begin a new one.", null],
  node: ["The node failed", "Try again. If it happens again, the node's log says why.", "again"],
  unreachable: [
    "The node does not answer",
    "See that `prsm serve` is running and that this page's address is its own, then try again.",
    "again",
  ],
  lost: ["The connection was lost", "What had arrived is kept. Try again for a whole answer.", "again"],
  silent: ["The node fell silent", "It may be loading a model or be overloaded. Try again in a while.", "again"],
};

/** A short sentence for the live region. */
export function failureSentence(failure) {
  const [title] = advice[failure.kind] ?? advice.node;
  return `${title}. ${failure.message}`;
}

/**
 * The notice under an answer. `actions` are `again()`, `key()` and `parameter(name)`; `retryAt` counts down and opens
 * the button at zero.
 */
export function failureNotice(failure, actions) {
  const [title, what, action] = advice[failure.kind] ?? advice.node;
  const buttons = element("p", { class: "notice-actions" });
  const notice = element(
    "div",
    { class: "notice", "data-kind": failure.kind },
    icon("alert"),
    element(
      "div",
      {},
      element(
        "p",
        {},
        element("strong", {}, title),
        failure.status ? element("span", { class: "muted" }, ` ${failure.status}`) : null,
      ),
      element("p", {}, failure.message),
      element("p", { class: "muted" }, ...codeSpans(what)),
      buttons,
    ),
  );
  if (failure.parameter) {
    buttons.append(button("tune", `Go to ${failure.parameter}`, () => actions.parameter(failure.parameter)));
  }
  if (action === "key") buttons.append(button("key", "Enter a key", actions.key));
  if (action === "again") {
    const again = button("repeat", "Try again", actions.again);
    buttons.append(again);
    if (failure.retryAt !== null && failure.retryAt > Date.now()) countDown(again, failure.retryAt);
  }
  return notice;
}

function button(iconName, label, press) {
  return element(
    "button",
    { type: "button", class: "outlined", on: { click: () => press() } },
    icon(iconName),
    element("span", {}, label),
  );
}

/** Text with `…` as code. */
function codeSpans(text) {
  return text.split("`").map((part, index) => (index % 2 === 1 ? element("code", {}, part) : part));
}

function countDown(again, retryAt) {
  const label = again.querySelector("span");
  again.disabled = true;
  const timer = setInterval(show, 250);
  function show() {
    const seconds = Math.ceil((retryAt - Date.now()) / 1000);
    if (seconds <= 0 || (!again.isConnected && again.dataset.shown)) {
      clearInterval(timer);
      again.disabled = false;
      label.textContent = "Try again";
      return;
    }
    if (again.isConnected) again.dataset.shown = "true";
    label.textContent = `Try again in ${seconds} s`;
  }
  show();
}
