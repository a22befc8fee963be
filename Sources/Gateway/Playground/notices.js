// What the page says besides the conversation: to screen readers, politely and in whole sentences, and on screen as a
// short-lived line that may carry one action.

import { byId, element } from "./dom.js";

const longestSpoken = 1200;
const toastSeconds = 10;
let toastTimer = 0;

/** Has `text` read out when the reader pauses. Saying the same twice is read twice. */
export function announce(text) {
  const spoken = text.length > longestSpoken ? `${text.slice(0, longestSpoken)}… The rest is in the transcript.` : text;
  byId("announcer").replaceChildren(element("p", {}, spoken));
}

/** Shows `text` for a while, with a button if `action` (`{ label, press }`) is given. */
export function toast(text, action = null) {
  const place = byId("toast");
  const hide = () => {
    place.hidden = true;
    place.replaceChildren();
  };
  clearTimeout(toastTimer);
  place.replaceChildren(element("p", {}, text));
  if (action) {
    const press = () => {
      hide();
      action.press();
      byId("draft").focus();
    };
    place.append(element("button", { type: "button", class: "quiet", on: { click: press } }, action.label));
  }
  place.hidden = false;
  announce(action ? `${text}. ${action.label} is available.` : text);
  toastTimer = setTimeout(() => {
    // Whoever is on the button still needs it.
    if (place.contains(document.activeElement)) place.addEventListener("focusout", hide, { once: true });
    else hide();
  }, toastSeconds * 1000);
}
