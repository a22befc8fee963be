// Building the document from nodes. Text always becomes a text node, so nothing that a model writes can become markup.

/**
 * Makes an element. `properties` holds attributes; a null, undefined or false value leaves the attribute out, true
 * writes it empty, `class` and `data-…` are ordinary attributes, and `on` maps event names to listeners. A child is a
 * node, a text, a list of these (long ones are best passed so: arguments are limited), or null for none.
 */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

/** The element with this id. The ids are those of the page, so a missing one is a defect of the page itself. */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`this page has no element with the id "${id}"`);
  return node;
}

/** True when the event's target takes typed text, where single-key shortcuts must stay out of the way. */
export function takesText(target) {
  return target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null;
}

/** An identifier that is unique enough for a list kept in one browser. */
export function freshId() {
  return Date.now().toString(36) + Math.random().toString(36).slice(2, 8);
}

/** Puts text on the clipboard, also where the page is served over plain HTTP and the modern interface is missing. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = element("textarea", { class: "visually-hidden", "aria-hidden": "true" });
    const focused = document.activeElement;
    field.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    if (focused instanceof HTMLElement) focused.focus();
    return copied;
  }
}

/** Offers `text` as a file to save. */
export function saveFile(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = element("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
