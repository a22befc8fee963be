// The pages of this node's web interface. A page is listed here when it exists, and only then; the navigation is
// drawn from this list alone.

import { element } from "./dom.js";
import { icon } from "./icons.js";

/** @type {{ id: string, title: string, path: string, icon: string }[]} */
export const pages = [
  { id: "chat", title: "Chat", path: "/", icon: "chat" },
  { id: "code", title: "Code", path: "/playground/code.html", icon: "code" },
  { id: "routing", title: "Routing", path: "/playground/routing.html", icon: "routes" },
  { id: "cost", title: "Cost", path: "/playground/cost.html", icon: "coins" },
  { id: "peers", title: "Peers", path: "/playground/peers.html", icon: "peers" },
  { id: "content", title: "Content", path: "/playground/content.html", icon: "blocks" },
];

/** Fills `nav` with a link for each page and marks the current one. */
export function showNavigation(nav, currentPage) {
  nav.replaceChildren(
    element(
      "ul",
      {},
      ...pages.map((page) =>
        element(
          "li",
          {},
          element(
            "a",
            { href: page.path, title: page.title, "aria-current": page.id === currentPage ? "page" : null },
            icon(page.icon),
            element("span", {}, page.title),
          ),
        )
      ),
    ),
  );
}
