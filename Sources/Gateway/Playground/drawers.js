// The two side panels: beside the chat where there is room, over it where there is not. A closed one is inert, so
// neither Tab nor a screen reader wanders into it.

import { byId } from "./dom.js";

const wide = matchMedia("(min-width: 1100px)");
const storageKey = "prsm.panels";

export class Drawers {
  #names = ["conversations", "parameters"];
  #open = { conversations: true, parameters: true };
  #curtain = byId("curtain");

  constructor() {
    try {
      Object.assign(this.#open, JSON.parse(localStorage.getItem(storageKey)) ?? {});
    } catch {
      // Nothing stored, or nothing sensible: both open.
    }
    for (const name of this.#names) byId(`toggle-${name}`).addEventListener("click", () => this.toggle(name));
    byId("close-parameters").addEventListener("click", () => this.set("parameters", false));
    this.#curtain.addEventListener("click", () => this.closeOver());
    wide.addEventListener("change", () => this.#settle());
    this.#settle();
  }

  toggle(name) {
    this.set(name, !this.#shown(name));
  }

  set(name, open) {
    if (wide.matches) {
      this.#open[name] = open;
      try {
        localStorage.setItem(storageKey, JSON.stringify(this.#open));
      } catch {
        // Storage is blocked: the arrangement lasts until the page closes.
      }
    } else if (open) {
      for (const other of this.#names) if (other !== name) this.#apply(other, false);
    }
    const hadFocus = byId(name).contains(document.activeElement);
    this.#apply(name, open);
    if (open && !wide.matches) byId(name).querySelector("button, textarea")?.focus();
    if (!open && hadFocus) byId(`toggle-${name}`).focus();
  }

  /** Closes what lies over the chat. False when nothing did. */
  closeOver() {
    if (wide.matches) return false;
    const open = this.#names.filter((name) => this.#shown(name));
    for (const name of open) this.set(name, false);
    return open.length > 0;
  }

  #shown(name) {
    return byId(name).classList.contains("open");
  }

  #settle() {
    for (const name of this.#names) this.#apply(name, wide.matches && this.#open[name]);
  }

  #apply(name, open) {
    const panel = byId(name);
    panel.classList.toggle("open", open);
    panel.inert = !open;
    byId(`toggle-${name}`).setAttribute("aria-expanded", String(open));
    const over = !wide.matches && this.#names.some((each) => this.#shown(each));
    this.#curtain.hidden = !over;
    byId("chat").inert = over;
  }
}
