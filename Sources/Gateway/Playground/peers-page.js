// The page *Peers*: who is connected, what they offer, what goes between, and how far away they are.

import { byId, element } from "./dom.js";
import { Failure } from "./api.js";
import { count } from "./metrics.js";
import { announce } from "./notices.js";
import { beginPage, callNode, guarded, table } from "./reports.js";

const pauseSeconds = 2;
const shownPeers = 60;
const rings = [1, 10, 100];
let chosen = null;
let before = new Map();
let last = null;

beginPage("peers");
byId("connect").addEventListener("submit", connect);
follow();

async function follow() {
  for (;;) {
    if (!document.hidden) await draw();
    await new Promise((done) => setTimeout(done, pauseSeconds * 1000));
  }
}

async function draw() {
  await guarded(async () => {
    let overview = null;
    try {
      overview = await callNode("GET", "/v1/prsm/peers");
    } catch (error) {
      if (!(error instanceof Failure) || error.kind !== "missing") throw error;
    }
    byId("off").hidden = overview !== null;
    byId("network").hidden = overview === null;
    if (overview) show(overview);
  });
}

async function connect(event) {
  event.preventDefault();
  const address = byId("address").value.trim();
  if (!address) return;
  const peer = await guarded(() => callNode("POST", "/v1/prsm/peers/connect", { peer: address }));
  if (!peer) return;
  byId("address").value = "";
  chosen = peer.id;
  announce(`Connected to ${peer.id}`);
  await draw();
}

function show(overview) {
  last = overview;
  const now = performance.now();
  const rates = new Map();
  const next = new Map();
  for (const peer of overview.peers) {
    const bytes = sum(peer, "bytes_in") + sum(peer, "bytes_out");
    const old = before.get(peer.id);
    next.set(peer.id, { bytes, now });
    rates.set(peer.id, old ? Math.max(0, ((bytes - old.bytes) / (now - old.now)) * 1000) : 0);
  }
  before = next;
  byId("self").textContent = overview.id;
  byId("addresses").replaceChildren(...overview.addresses.map((address) => element("li", {}, address)));
  drawMap(overview.peers.slice(0, shownPeers), rates);
  drawDetail(overview.peers.find(({ id }) => id === chosen), rates);
  byId("peers").replaceChildren(
    table(
      [
        { title: "Peer" },
        { title: "Program" },
        { title: "Offers" },
        { title: "Round trip", number: true },
        { title: "In", number: true },
        { title: "Out", number: true },
        { title: "Now", number: true },
      ],
      overview.peers.map((peer) => ({
        class: peer.id === chosen ? "chosen" : null,
        cells: [
          element("button", { type: "button", class: "quiet", on: { click: () => choose(peer.id) } }, short(peer.id)),
          peer.agent ?? "–",
          offers(peer),
          roundTrip(peer),
          bytes(sum(peer, "bytes_in")),
          bytes(sum(peer, "bytes_out")),
          `${bytes(rates.get(peer.id) ?? 0)}/s`,
        ],
      })),
    ),
  );
  byId("traffic").replaceChildren(
    table(
      [
        { title: "Protocol" },
        { title: "Open", number: true },
        { title: "Streams in", number: true },
        { title: "Streams out", number: true },
        { title: "In", number: true },
        { title: "Out", number: true },
        { title: "Refused", number: true },
      ],
      overview.protocols.map((protocol) => [
        protocol.name,
        count(protocol.open),
        count(protocol.streams_in),
        count(protocol.streams_out),
        bytes(protocol.bytes_in),
        bytes(protocol.bytes_out),
        count(protocol.refused),
      ]),
    ),
  );
}

function choose(id) {
  chosen = id === chosen ? null : id;
  if (last) show(last);
}

// The distance from the middle is the logarithm of the round trip; the direction is the peer's own, by its id, so that
// nobody moves when another comes.
function drawMap(peers, rates) {
  const map = byId("map");
  const focused = document.activeElement?.closest?.(".peer")?.getAttribute("data-id");
  const parts = [map.querySelector("title")];
  for (const ring of rings) {
    parts.push(shape("ellipse", { class: "ring", rx: radius(ring) * 1.5, ry: radius(ring) }));
    parts.push(shape("text", { class: "ring-name", x: 4, y: -radius(ring) - 3 }, `${ring} ms`));
  }
  if (peers.length === 0) {
    parts.push(shape("text", { class: "empty", y: 40 }, "Nobody is connected."));
  }
  const places = peers.map((peer) => {
    const angle = direction(peer.id);
    const distance = radius(milliseconds(peer) ?? 30);
    return { peer, x: Math.cos(angle) * distance * 1.5, y: Math.sin(angle) * distance };
  });
  for (const { peer, x, y } of places) {
    const rate = rates.get(peer.id) ?? 0;
    const limited = peer.connections.every((connection) => connection.is_limited);
    parts.push(
      shape("line", {
        class: `way${rate > 0 ? " busy" : ""}${limited ? " limited" : ""}`,
        x2: x.toFixed(1),
        y2: y.toFixed(1),
        "stroke-width": (1 + Math.min(6, Math.log10(1 + rate / 1000))).toFixed(1),
      }),
    );
  }
  parts.push(shape("circle", { class: "self", r: 9 }));
  for (const { peer, x, y } of places) {
    const mark = shape(
      "g",
      {
        class: `peer${peer.id === chosen ? " chosen" : ""}`,
        "data-id": peer.id,
        transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`,
        tabindex: 0,
        role: "button",
        "aria-label": `${peer.agent ?? "peer"} ${short(peer.id)}, round trip ${roundTrip(peer)}`,
      },
    );
    mark.append(shape("circle", { r: 7 }), shape("text", { y: 21 }, peer.agent?.split("/")[0] ?? short(peer.id)));
    mark.addEventListener("click", () => choose(peer.id));
    mark.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose(peer.id);
    });
    parts.push(mark);
  }
  map.replaceChildren(...parts);
  if (focused) map.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
}

function drawDetail(peer, rates) {
  const place = byId("detail");
  if (!peer) {
    place.replaceChildren(element("p", { class: "muted" }, "Choose a peer on the map to see more of it."));
    return;
  }
  const rows = [
    ["Program", peer.agent ?? "–"],
    ["Offers", offers(peer)],
    ["Round trip", roundTrip(peer)],
    ["Now", `${bytes(rates.get(peer.id) ?? 0)}/s`],
    ...peer.connections.map((connection) => [
      connection.direction === "inbound" ? "Called from" : "Called at",
      `${connection.address}${connection.is_limited ? " (through a relay)" : ""}, for ${Math.round(connection.seconds)} s`,
    ]),
  ];
  if (peer.bitswap) {
    rows.push(["Blocks sent", `${count(peer.bitswap.blocks_sent)}, ${bytes(peer.bitswap.sent)}`]);
    rows.push(["Blocks received", `${count(peer.bitswap.blocks_received)}, ${bytes(peer.bitswap.received)}`]);
  }
  rows.push(["Speaks", peer.protocols.join(", ") || "–"]);
  place.replaceChildren(
    element("h3", {}, peer.id),
    element("dl", {}, ...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])),
  );
}

function shape(tag, attributes, text = null) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  if (text !== null) node.textContent = text;
  return node;
}

function radius(value) {
  return Math.min(160, 55 + 38 * Math.log10(Math.max(0.3, value) / 0.3));
}

function direction(id) {
  let hash = 2166136261;
  for (const letter of id) hash = Math.imul(hash ^ letter.charCodeAt(0), 16777619) >>> 0;
  return (hash / 2 ** 32) * 2 * Math.PI;
}

function milliseconds(peer) {
  const known = peer.connections.map((connection) => connection.round_trip_ms).filter((value) => value !== null);
  return known.length > 0 ? Math.min(...known) : null;
}

function roundTrip(peer) {
  const value = milliseconds(peer);
  return value === null ? "–" : `${value < 10 ? value.toFixed(2) : Math.round(value)} ms`;
}

function offers(peer) {
  const models = (peer.models ?? []).map((model) => (typeof model === "string" ? model : model.name));
  if (models.length > 0) return models.join(", ");
  return peer.protocols.some((name) => name.startsWith("/ipfs/bitswap")) ? "blocks" : "–";
}

function sum(peer, member) {
  return peer.connections.reduce((total, connection) => total + connection[member], 0);
}

function short(id) {
  return `${id.slice(0, 6)}…${id.slice(-6)}`;
}

function bytes(value) {
  for (const [size, unit] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (value >= size) return `${(value / size).toFixed(value >= size * 100 ? 0 : 1)} ${unit}`;
  }
  return `${Math.round(value)} B`;
}
