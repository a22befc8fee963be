// The dialog that shows the current request as code, one tab a language.

import { byId, copyText, element } from "./dom.js";
import { icon } from "./icons.js";
import { announce } from "./notices.js";
import { languages } from "./snippets.js";
import { colouredCode } from "./syntax.js";

/** Wires the dialog. `request` gives the body to show; the function returned opens it. */
export function attachSnippets(request) {
  const dialog = byId("snippets");
  const code = byId("snippet-code");
  const copy = byId("copy-snippet");
  let body = null;
  let text = "";

  const tabs = languages.map(({ id, title }) =>
    element("button", {
      type: "button",
      role: "tab",
      id: `tab-${id}`,
      "aria-controls": "snippet",
      on: { click: () => show(id) },
    }, title)
  );
  byId("snippet-tabs").append(...tabs);
  byId("snippet-tabs").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const index = (tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length;
    tabs[index].focus();
    show(languages[index].id);
  });

  function show(id) {
    for (const [index, tab] of tabs.entries()) {
      const selected = languages[index].id === id;
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
      if (selected) byId("snippet").setAttribute("aria-labelledby", tab.id);
    }
    text = languages.find((language) => language.id === id).make(body, location.origin);
    code.replaceChildren(colouredCode(text, id === "curl" ? "sh" : id));
    code.parentElement.scrollTop = 0;
    label("copy", "Copy");
  }

  function label(iconName, words) {
    copy.replaceChildren(icon(iconName), element("span", {}, words));
  }

  copy.addEventListener("click", async () => {
    const copied = await copyText(text);
    label(copied ? "check" : "alert", copied ? "Copied" : "Not allowed");
    announce(copied ? "Copied" : "The browser did not allow copying. Select the text instead.");
  });

  return () => {
    if (dialog.open) return;
    body = request();
    show(languages[tabs.findIndex((tab) => tab.getAttribute("aria-selected") === "true")]?.id ?? languages[0].id);
    dialog.showModal();
    tabs.find((tab) => tab.tabIndex === 0)?.focus();
  };
}
