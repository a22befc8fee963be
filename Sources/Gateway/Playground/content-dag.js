// The view of a DAG: a tree whose branches are fetched when they are opened.

import { call, shortCID, sizeText } from "./content-calls.js";
import { element } from "./dom.js";
import { icon } from "./icons.js";

const shownLinks = 200;

/** Shows what lies at `path` in `tree`, with its facts in `facts`. */
export async function showDAG(path, tree, facts) {
  const node = await call("GET", `/dag/${encodePath(path)}`);
  facts.replaceChildren(...factsOf(node));
  tree.replaceChildren(...branches(node));
}

export function encodePath(path) {
  return path.replace(/^ip(f|n)s:\/\//, "ip$1s/").split("/").filter(Boolean).map(encodeURIComponent).join("/");
}

function factsOf({ stat, codec }) {
  const facts = [
    ["CID", stat.cid],
    ["kind", stat.kind],
    ["codec", codec],
    ["size", sizeText(stat.size)],
    ["with all below", sizeText(stat.cumulative_size)],
    ["links", String(stat.links)],
  ];
  if (stat.target) facts.push(["leads to", stat.target]);
  const rows = facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  rows.push(element("div", {}, element("dd", {}, element("a", { href: `/ipfs/${stat.cid}`, target: "_blank" }, "open /ipfs/"))));
  return rows;
}

function branches(node) {
  const rows = node.links.slice(0, shownLinks).map(branch);
  if (node.links.length > shownLinks) {
    rows.push(element("li", { class: "muted" }, `and ${node.links.length - shownLinks} more links`));
  }
  if (node.data) rows.push(element("li", {}, element("pre", {}, node.data)));
  if (rows.length === 0) rows.push(element("li", { class: "muted" }, "A leaf: bytes without links."));
  return rows;
}

function branch(link) {
  const name = link.name || shortCID(link.cid);
  const below = element("ul", { role: "group", hidden: true });
  const open = element("button", { type: "button", class: "quiet", "aria-label": `Open ${name}` }, icon("right"));
  const item = element(
    "li",
    { role: "treeitem", "aria-expanded": "false" },
    element(
      "div",
      { class: "row" },
      open,
      element("span", {}, name, " ", element("span", { class: "cid muted", title: link.cid }, link.name ? shortCID(link.cid) : "")),
      element("span", { class: "muted" }, sizeText(link.cumulative_size)),
    ),
    below,
  );
  open.addEventListener("click", async () => {
    const isOpen = item.getAttribute("aria-expanded") === "true";
    item.setAttribute("aria-expanded", String(!isOpen));
    below.hidden = isOpen;
    if (isOpen || below.childElementCount > 0) return;
    try {
      below.replaceChildren(...branches(await call("GET", `/dag/${link.cid}`)));
    } catch (error) {
      below.replaceChildren(element("li", { class: "alarm" }, error.message));
    }
  });
  return item;
}
