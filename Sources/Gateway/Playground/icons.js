// Line icons on a 20 by 20 grid, drawn for this page. They are decoration: the control that holds one carries the name.

const namespace = "http://www.w3.org/2000/svg";

const outlines = {
  add: "M10 4v12M4 10h12",
  alert: "M10 3.5 17.5 16.5h-15zM10 8.5v3.5M10 14.2v.1",
  answer: "M4 10h12M11 5l5 5-5 5",
  bars: "M4 16V9M8 16V4M12 16v-5M16 16V7",
  blocks: "M10 2.5 16.5 6v8L10 17.5 3.5 14V6zM3.5 6 10 9.5 16.5 6M10 9.5v8",
  chat: "M3.5 4.5h13v9h-7l-3.5 3v-3h-2.5z",
  check: "M4 10.5 8 14.5 16 5.5",
  close: "M5 5l10 10M15 5 5 15",
  coins: "M3.5 6c0-1.4 2.2-2.5 5-2.5s5 1.1 5 2.5-2.2 2.5-5 2.5-5-1.1-5-2.5zM3.5 6v4c0 1.4 2.2 2.5 5 2.5M3.5 10v4c0 1.4 2.2 2.5 5 2.5M10 13.5c0-1.2 1.5-2 3.5-2s3.5.8 3.5 2-1.5 2-3.5 2-3.5-.8-3.5-2z",
  code: "M7 5 2.5 10 7 15M13 5l4.5 5-4.5 5",
  copy: "M7 7h9.5v9.5H7zM4 13H3.5V3.5H13V4",
  down: "M10 4v12M5 11l5 5 5-5",
  download: "M10 3v9M6 8.5l4 4 4-4M3.5 16.5h13",
  edit: "M4 16l.8-3.4L13.5 4l2.5 2.5-8.6 8.7z",
  key: "M7 13a3.5 3.5 0 1 1 3.3-4.7H17v3h-2v2h-2.5v-2h-2.2A3.5 3.5 0 0 1 7 13zM6.6 9.5h.1",
  keyboard: "M2.5 5.5h15v9h-15zM5.5 8.5h.1M8.5 8.5h.1M11.5 8.5h.1M14.5 8.5h.1M6.5 11.7h7",
  left: "M12.5 4.5 7 10l5.5 5.5",
  list: "M3.5 5h13M3.5 10h13M3.5 15h8",
  moon: "M16 11.8A6.8 6.8 0 0 1 8.2 4 6.8 6.8 0 1 0 16 11.8z",
  peers: "M10 10V5.5M10 10l-4.5 4M10 10l4.5 4M8.2 4a1.8 1.8 0 1 0 3.6 0 1.8 1.8 0 1 0-3.6 0M2.7 15.2a1.8 1.8 0 1 0 3.6 0 1.8 1.8 0 1 0-3.6 0M13.7 15.2a1.8 1.8 0 1 0 3.6 0 1.8 1.8 0 1 0-3.6 0",
  remove: "M4 5.5h12M8 5.5v-2h4v2M5.5 5.5l.8 11h7.4l.8-11M8.5 8.5v5M11.5 8.5v5",
  repeat: "M16 10a6 6 0 1 1-1.8-4.3L16 7.5M16 3.5v4h-4",
  routes: "M3.5 10h4l5-5.5h4M7.5 10h9M7.5 10l5 5.5h4",
  right: "M7.5 4.5 13 10l-5.5 5.5",
  send: "M10 16.5v-13M4.5 9 10 3.5 15.5 9",
  stop: "M5.5 5.5h9v9h-9z",
  sun:
    "M10 6.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM10 1.8v2M10 16.2v2M1.8 10h2M16.2 10h2M4.2 4.2l1.4 1.4M14.4 14.4l1.4 1.4M15.8 4.2l-1.4 1.4M5.6 14.4l-1.4 1.4",
  system: "M2.5 4h15v10h-15zM7 17h6M10 14v3",
  tune: "M3 6h7M14 6h3M3 14h3M10 14h7M12 4v4M8 12v4",
  upload: "M10 12.5v-9M6 7l4-4 4 4M3.5 16.5h13",
};

/** An SVG element with the outline of that name. */
export function icon(name) {
  const svg = document.createElementNS(namespace, "svg");
  for (const [attribute, value] of Object.entries({ class: "icon", viewBox: "0 0 20 20", "aria-hidden": "true" })) {
    svg.setAttribute(attribute, value);
  }
  const path = document.createElementNS(namespace, "path");
  path.setAttribute("d", outlines[name] ?? "");
  svg.append(path);
  return svg;
}
