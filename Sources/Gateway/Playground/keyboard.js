// Keyboard shortcuts. Single letters act only outside text fields and can be turned off.

import { singleKeysOn } from "./dialogs.js";
import { takesText } from "./dom.js";

/** Wires the keys to `actions` and returns the list that the shortcuts dialog shows. */
export function attachKeyboard(actions) {
  const singles = [
    ["/", "Write a message", actions.focus],
    ["n", "New conversation", actions.begin],
    ["r", "Answer again", actions.again],
    ["b", "Token probabilities of the last answer", actions.tokens],
    ["c", "This request as code", actions.snippets],
    ["p", "Parameters", actions.parameters],
    ["l", "List of conversations", actions.conversations],
    ["t", "Theme", actions.theme],
    ["?", "This list", actions.shortcuts],
  ];
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") {
      actions.stop();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || takesText(event.target) || !singleKeysOn()) return;
    const single = singles.find(([key]) => key === event.key);
    if (!single) return;
    event.preventDefault();
    single[2]();
  });
  return [
    { keys: ["Enter"], what: "Send" },
    { keys: ["Shift", "Enter"], what: "New line" },
    { keys: ["Esc"], what: "Stop the answer, or close what lies on top" },
    { keys: ["↑"], what: "In an empty field: edit the last message" },
    ...singles.map(([key, what]) => ({ keys: [key], what })),
  ];
}
