// What the report pages share: one careful call, tables, amounts of money, and showing what went wrong.

import { callNode } from "./api.js";
import { byId, element } from "./dom.js";
import { failureSentence } from "./failures.js";
import { plainFailure } from "./generation.js";
import { announce } from "./notices.js";
import { showNavigation } from "./pages.js";
import { attachTheme } from "./theme.js";

/** Dresses the page and marks it in the navigation. */
export function beginPage(id) {
  showNavigation(byId("pages"), id);
  attachTheme(byId("theme"), announce);
}

/** Runs `work`, and shows above the page what went wrong, until it goes well again. */
export async function guarded(work) {
  const place = byId("problem");
  try {
    const value = await work();
    place.hidden = true;
    return value;
  } catch (error) {
    const sentence = failureSentence(plainFailure(error));
    if (place.hidden || place.textContent !== sentence) {
      place.textContent = sentence;
      place.hidden = false;
    }
    return null;
  }
}

export { callNode };

/** A table. `columns` is a list of `{ title, number }`; a row is a list of cells, or `{ cells, class }`. */
export function table(columns, rows, foot = null) {
  const line = (cells, tag = "td") =>
    cells.map((cell, index) =>
      element(tag, { class: columns[index].number ? "number" : null, scope: tag === "th" ? "col" : null }, cell ?? "–")
    );
  return element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...line(columns.map(({ title }) => title), "th"))),
    element(
      "tbody",
      {},
      ...rows.map((row) => element("tr", { class: row.class ?? null }, ...line(row.cells ?? row))),
    ),
    foot ? element("tfoot", {}, element("tr", {}, ...line(foot))) : null,
  );
}

/** Millionths of the currency as an amount of as many decimals as it needs, at most six. */
export function micros(value) {
  if (typeof value !== "number") return "–";
  const text = (value / 1e6).toFixed(6).replace(/0+$/, "");
  return text.endsWith(".") ? `${text}00` : text;
}

/** A share or quality as a number of two decimals. */
export function score(value) {
  return typeof value === "number" ? value.toFixed(2) : "–";
}
