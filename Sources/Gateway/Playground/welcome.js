// What an empty conversation shows: which model is there, and a few ways to begin.

import { byId, element } from "./dom.js";
import { failureNotice } from "./failures.js";
import { icon } from "./icons.js";
import { count, parameterCount } from "./metrics.js";

const namespace = "http://www.w3.org/2000/svg";

const beginnings = [
  "Explain why a prism splits white light, in three sentences.",
  "Write a Swift function that reverses the words of a sentence.",
  "List five uses for a small language model that runs at home.",
];

/** What is known about a model, in one line. */
export function modelFacts(model) {
  return [
    model.parameters && `${parameterCount(model.parameters)} parameters`,
    model.quantization,
    model.contextLength && `${count(model.contextLength)} tokens of context`,
    model.loaded === null ? null : model.loaded ? "loaded" : "loads with the first message",
  ].filter(Boolean).join(" · ");
}

/**
 * Draws the welcome: for `model`; or, without one, why there is none. `failure` is that of the call for the models,
 * `actions` are `begin(text)`, `again()` and `key()`.
 */
export function drawWelcome(model, failure, actions) {
  byId("welcome").replaceChildren(
    prism(),
    element("h2", { id: "welcome-title" }, model ? `Talk to ${model.id}` : "No model to talk to yet"),
    ...(model ? ready(model, actions.begin) : failure ? [failureNotice(failure, actions)] : [bringOne(actions.again)]),
  );
}

function ready(model, begin) {
  const button = (text) =>
    element("button", { type: "button", on: { click: () => begin(text) } }, element("span", {}, text), icon("answer"));
  return [
    element("p", { class: "muted" }, modelFacts(model) || "Ready on this node"),
    element(
      "ul",
      { class: "beginnings", "aria-label": "Ways to begin" },
      beginnings.map((text) => element("li", {}, button(text))),
    ),
  ];
}

function bringOne(again) {
  return element(
    "div",
    { class: "bring" },
    element(
      "p",
      { class: "muted" },
      element("code", {}, "prsm models pull"),
      " brings one to this node, ",
      element("code", {}, "prsm models add FILE"),
      " takes a GGUF file that is here already.",
    ),
    element(
      "button",
      { type: "button", class: "outlined", on: { click: again } },
      icon("repeat"),
      element("span", {}, "Look again"),
    ),
  );
}

/** A beam, a prism and its spectrum. */
function prism() {
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("viewBox", "0 0 400 120");
  svg.setAttribute("class", "prism");
  svg.setAttribute("aria-hidden", "true");
  const draw = (className, d) => {
    const path = document.createElementNS(namespace, "path");
    path.setAttribute("class", className);
    path.setAttribute("d", d);
    svg.append(path);
  };
  draw("beam", "M0 84 169 62");
  const ends = [34, 48, 62, 77, 93, 110];
  ends.forEach((end, index) => {
    const x = 219 + index * 3.3;
    draw(`fan ray-${index + 1}`, `M169 62 ${x} ${50 + index * 5.6}`);
    draw(`ray ray-${index + 1}`, `M${x} ${50 + index * 5.6} 400 ${end}`);
  });
  draw("glass", "M200 12 252 104H148z");
  return svg;
}
