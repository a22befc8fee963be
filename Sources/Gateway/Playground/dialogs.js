// Behaviour that all dialogs share, the dialog for the API key, and the one that lists the keyboard shortcuts.

import { apiKey, setApiKey } from "./api.js";
import { byId, element } from "./dom.js";
import { icon } from "./icons.js";

/** Closes a dialog by its cross and by a press beside it. */
export function attachDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) {
    const close = dialog.querySelector("[data-close]");
    close.append(icon("close"));
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("pointerdown", (event) => {
      if (event.target !== dialog) return;
      const box = dialog.getBoundingClientRect();
      const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top &&
        event.clientY <= box.bottom;
      if (!inside) dialog.close();
    });
  }
}

/** Wires the key dialog; `changed` is called with a new or forgotten key. The function returned opens it. */
export function attachKeyDialog(changed) {
  const dialog = byId("key-dialog");
  const field = byId("key");
  let waiting = null;
  const use = (key) => {
    setApiKey(key);
    field.value = "";
    dialog.close();
    changed(key);
    if (key) waiting?.();
    waiting = null;
  };
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    use(field.value.trim());
  });
  byId("forget-key").addEventListener("click", () => use(""));
  dialog.addEventListener("close", () => (field.value = ""));
  return (then = null) => {
    waiting = then;
    byId("forget-key").hidden = apiKey() === "";
    if (!dialog.open) dialog.showModal();
    field.focus();
  };
}

const singleKeysKey = "prsm.single-keys";

/** Whether single keys act outside text fields (WCAG 2.2, criterion 2.1.4, asks for a way to turn them off). */
export function singleKeysOn() {
  try {
    return localStorage.getItem(singleKeysKey) !== "off";
  } catch {
    return true;
  }
}

/** Fills the shortcuts dialog from `shortcuts` (`{ keys, what }`); the function returned opens it. */
export function attachShortcuts(shortcuts) {
  const box = byId("single-keys");
  byId("shortcut-list").append(
    ...shortcuts.map(({ keys, what }) =>
      element(
        "div",
        {},
        element("dt", {}, ...keys.flatMap((key) => [element("kbd", {}, key), " "])),
        element("dd", {}, what),
      )
    ),
  );
  box.addEventListener("change", () => {
    try {
      localStorage.setItem(singleKeysKey, box.checked ? "on" : "off");
    } catch {
      // Storage is blocked: single keys stay on.
    }
  });
  return () => {
    box.checked = singleKeysOn();
    if (!byId("shortcuts").open) byId("shortcuts").showModal();
  };
}
