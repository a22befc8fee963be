// Light, dark, or as the system says. early.js applies a stored choice before the first paint.

import { icon } from "./icons.js";

const storageKey = "prsm.theme";
const choices = ["system", "light", "dark"];
const names = { system: "as the system", light: "light", dark: "dark" };
const icons = { system: "system", light: "sun", dark: "moon" };

/** The chosen theme: "system", "light" or "dark". */
export function chosenTheme() {
  return document.documentElement.dataset.theme ?? "system";
}

function choose(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === "system") localStorage.removeItem(storageKey);
    else localStorage.setItem(storageKey, theme);
  } catch {
    // Storage is blocked: the choice lasts until the page closes.
  }
}

/** Makes `button` step through the themes. Returns the step itself, for the keyboard shortcut. */
export function attachTheme(button, announce) {
  const show = () => {
    const theme = chosenTheme();
    button.replaceChildren(icon(icons[theme]), Object.assign(document.createElement("span"), { textContent: "Theme" }));
    button.setAttribute("aria-label", `Theme: ${names[theme]}. Change`);
    button.title = `Theme: ${names[theme]}`;
  };
  const step = () => {
    choose(choices[(choices.indexOf(chosenTheme()) + 1) % choices.length]);
    show();
    announce(`Theme ${names[chosenTheme()]}`);
  };
  button.addEventListener("click", step);
  show();
  return step;
}
