// The content page: add by drag and drop, see what is pinned and how large it is, look inside, give free.

import { apiKey, setApiKey } from "./api.js";
import { call, shortCID, sizeText } from "./content-calls.js";
import { showDAG } from "./content-dag.js";
import { addFiles, droppedItems } from "./content-upload.js";
import { byId, copyText, element } from "./dom.js";
import { icon } from "./icons.js";
import { announce } from "./notices.js";
import { showNavigation } from "./pages.js";
import { attachTheme } from "./theme.js";

const body = document.querySelector("#pins tbody");

showNavigation(byId("pages"), "content");
attachTheme(byId("theme"), announce);
byId("drop-icon").append(icon("upload"));
byId("files").addEventListener("change", (event) => {
  for (const file of event.target.files) add({ name: file.name, files: [{ path: file.name, file }] });
  event.target.value = "";
});
const drop = byId("drop");
for (const kind of ["dragenter", "dragover"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
drop.addEventListener("drop", async (event) => {
  event.preventDefault();
  try {
    for (const item of await droppedItems(event.dataTransfer)) add(item);
  } catch (error) {
    announce(error.message);
  }
});
// A file that misses the field must not replace the page.
for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());
byId("look").addEventListener("submit", (event) => {
  event.preventDefault();
  look(byId("path").value.trim());
});
byId("collect").addEventListener("click", collect);
byId("key-form").addEventListener("submit", () => {
  setApiKey(byId("key").value.trim());
  refresh();
});
refresh();

async function add({ name, files }) {
  const bar = element("progress", { max: 1, value: 0, "aria-label": `Adding ${name}` });
  const said = element("span", { class: "muted" }, "0 %");
  const row = element("li", {}, element("span", {}, name), said, bar);
  byId("uploads").prepend(row);
  try {
    const root = await addFiles(files, name, (sent, total) => {
      bar.value = total > 0 ? sent / total : 1;
      said.textContent = `${Math.floor(bar.value * 100)} %`;
    });
    bar.remove();
    said.replaceChildren(element("a", { href: `/ipfs/${root.cid}`, target: "_blank", class: "cid" }, shortCID(root.cid)));
    announce(`${name} was added`);
    refresh();
  } catch (error) {
    bar.remove();
    said.className = "failed";
    said.textContent = error.message;
    announce(`${name} was not added: ${error.message}`);
    askForKey(error);
  }
}

async function refresh() {
  try {
    const [usage, pins] = await Promise.all([call("GET", ""), call("GET", "/pins")]);
    const quota = usage.quota ? ` of ${sizeText(usage.quota)}` : "";
    const counted = (number, name) => `${number} ${name}${number === 1 ? "" : "s"}`;
    byId("usage").textContent =
      `${counted(usage.blocks, "block")}, ${sizeText(usage.file_bytes)}${quota} on disk, ${counted(usage.pins, "pin")}`;
    body.replaceChildren(...pins.map(pinRow));
    byId("no-pins").hidden = pins.length > 0;
    byId("pins").hidden = pins.length === 0;
  } catch (error) {
    byId("usage").textContent = error.message;
    askForKey(error);
  }
}

function pinRow(pin) {
  const size = element("td", { class: "number" }, "…");
  call("GET", `/stat/${pin.cid}`).then(
    (stat) => (size.textContent = sizeText(stat.kind === "file" ? stat.size : stat.cumulative_size)),
    () => (size.textContent = "missing"),
  );
  const actions = element(
    "div",
    { class: "actions" },
    button("code", `Look inside ${pin.name || pin.cid}`, () => look(pin.cid)),
    button("copy", "Copy the CID", async () => announce((await copyText(pin.cid)) ? "Copied" : "Not copied")),
    button("remove", `Unpin ${pin.name || pin.cid}`, () => unpin(pin)),
  );
  return element(
    "tr",
    {},
    element("td", {}, pin.name || "–"),
    element("td", {}, element("a", { href: `/ipfs/${pin.cid}`, target: "_blank", class: "cid", title: pin.cid }, shortCID(pin.cid))),
    size,
    element("td", {}, pin.term === "always" ? "for good" : "while worth it"),
    element("td", {}, actions),
  );
}

function button(name, label, press) {
  return element("button", { type: "button", class: "tool", "aria-label": label, title: label, on: { click: press } }, icon(name));
}

async function unpin(pin) {
  if (!confirm(`Unpin ${pin.name || pin.cid}? The next collection removes it.`)) return;
  try {
    await call("DELETE", `/pins/${pin.cid}`);
    announce("Unpinned");
  } catch (error) {
    announce(error.message);
  }
  refresh();
}

async function collect() {
  const place = byId("collect");
  place.disabled = true;
  try {
    const done = await call("POST", "/collect", { seconds: 600 });
    byId("usage").textContent = `${done.removed_blocks} blocks removed, ${sizeText(done.freed_bytes)} given back`;
    announce(byId("usage").textContent);
  } catch (error) {
    announce(error.message);
    askForKey(error);
  } finally {
    place.disabled = false;
  }
}

async function look(path) {
  const fault = byId("dag-fault");
  fault.hidden = true;
  if (path === "") return;
  byId("path").value = path;
  try {
    await showDAG(path, byId("dag"), byId("facts"));
    byId("dag-title").scrollIntoView({ block: "start", behavior: "smooth" });
  } catch (error) {
    byId("dag").replaceChildren();
    byId("facts").replaceChildren();
    fault.textContent = error.message;
    fault.hidden = false;
    askForKey(error);
  }
}

function askForKey(error) {
  if (error.kind !== "key" || byId("key-dialog").open) return;
  byId("key").value = apiKey();
  byId("key-dialog").showModal();
}
