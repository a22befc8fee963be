// The page *Routing*: choices as they come, each candidate with what excluded it and its scores.

import { byId, element } from "./dom.js";
import { duration } from "./metrics.js";
import { announce } from "./notices.js";
import { beginPage, callNode, guarded, micros, score, table } from "./reports.js";

const pauseSeconds = 1.5;
const mostShown = 50;
const shown = new Map();

beginPage("routing");
byId("ask").addEventListener("submit", ask);
follow();

async function follow() {
  for (let round = 0;; round += 1) {
    if (!document.hidden) {
      await guarded(async () => {
        const { data } = await callNode("GET", `/v1/prsm/routes?limit=${mostShown}`);
        drawRoutes(Array.isArray(data) ? data : []);
        if (round % 4 === 0) drawState(await callNode("GET", "/v1/prsm/routing"));
      });
    }
    await new Promise((done) => setTimeout(done, pauseSeconds * 1000));
  }
}

function drawRoutes(routes) {
  byId("routes-none").hidden = routes.length > 0;
  const list = byId("routes");
  const news = routes.filter(({ id }) => !shown.has(id));
  const isFirst = shown.size === 0;
  for (const route of [...routes].reverse()) {
    const known = shown.get(route.id);
    const stage = `${route.outcome?.outcome ?? ""} ${route.refusal ?? ""} ${route.failed?.length} ${route.judgements?.length}`;
    if (known?.stage === stage) continue;
    const item = element("li", { "data-route": route.id }, routeDetails(route, known?.item.querySelector("details")?.open));
    if (known) known.item.replaceWith(item);
    else list.prepend(item);
    shown.set(route.id, { item, stage });
  }
  while (list.children.length > mostShown) {
    shown.delete(list.lastElementChild.dataset.route);
    list.lastElementChild.remove();
  }
  if (news.length > 0 && !isFirst) announce(`${news[0].name} went to ${news[0].admitted ?? news[0].chosen}`);
}

function routeDetails(route, isOpen) {
  const answered = route.outcome?.model ?? route.admitted ?? route.chosen;
  const facts = [
    route.basis,
    route.outcome ? `${route.outcome.outcome}, ${duration(route.outcome.latency_ms)}` : route.refusal ? "refused" : "running",
    route.outcome ? `cost ${route.outcome.cost}` : null,
  ];
  return element(
    "details",
    { open: isOpen === true },
    element(
      "summary",
      {},
      element("span", {}, new Date(route.time * 1000).toLocaleTimeString("en-GB")),
      element("span", {}, route.name),
      element("strong", {}, `→ ${answered}`),
      element("span", { class: "muted" }, facts.filter(Boolean).join(" · ")),
    ),
    element("div", { class: "route-body" }, ...routeBody(route)),
  );
}

function routeBody(route) {
  const profile = route.profile ?? {};
  const lines = [
    `looks ${profile.domain}, complexity ${score(profile.complexity?.overall)}, language ${profile.language}, about ${profile.prompt_tokens} tokens`,
    route.refusal ? `refused: ${route.refusal}` : null,
    ...(route.failed ?? []).map(({ model, reason }) => `${model} failed first: ${reason}`),
    ...(route.judgements ?? []).map(({ source, quality }) => `judged ${score(quality)} by ${source}`),
    route.fallbacks?.length > 0 ? `would fall back to ${route.fallbacks.join(", ")}` : null,
    route.remaining ? `the budget leaves ${route.remaining}` : null,
  ];
  return [
    ...lines.filter(Boolean).map((line) => element("p", { class: "route-facts" }, line)),
    element("div", { class: "table-place", tabindex: "0", role: "region", "aria-label": "Candidates of this choice" }, candidateTable(route)),
  ];
}

function candidateTable(route) {
  return table(
    [
      { title: "Model" },
      { title: "Quality", number: true },
      { title: "Cost", number: true },
      { title: "Latency", number: true },
      { title: "Score", number: true },
      { title: "Evidence", number: true },
      { title: "Excluded because it" },
    ],
    (route.candidates ?? []).map((candidate) => ({
      class: candidate.excluded ? "excluded" : candidate.chosen ? "chosen" : null,
      cells: [
        candidate.model,
        score(candidate.quality),
        micros(candidate.cost_micros),
        typeof candidate.latency_ms === "number" ? duration(candidate.latency_ms) : "–",
        score(candidate.score),
        String(candidate.evidence),
        candidate.excluded ?? "",
      ],
    })),
  );
}

function drawState(state) {
  const names = Object.keys(state.names ?? {});
  const select = byId("ask-name");
  if (select.options.length !== names.length) {
    select.replaceChildren(...names.map((name) => element("option", { value: name }, name)));
  }
  byId("candidates").replaceChildren(
    table(
      [
        { title: "Model" },
        { title: "Where" },
        { title: "Health" },
        { title: "Context", number: true },
        { title: "In, a million", number: true },
        { title: "Out, a million", number: true },
        { title: "Median", number: true },
        { title: "Assumed quality", number: true },
      ],
      (state.candidates ?? []).map((candidate) => ({
        class: candidate.health === "down" ? "excluded" : null,
        cells: [
          candidate.model,
          [candidate.location, candidate.region].filter(Boolean).join(", "),
          candidate.health,
          candidate.context_window.toLocaleString("en"),
          micros(candidate.input_micros),
          micros(candidate.output_micros),
          candidate.latency_ms ? duration(candidate.latency_ms.p50) : "–",
          score(candidate.assumed_quality),
        ],
      })),
    ),
  );
  const trials = [
    ...(state.experiments ?? []).flatMap((experiment) =>
      experiment.arms.map((arm) => [
        experiment.name,
        `${arm.model}, weight ${arm.weight}`,
        `${arm.judged} judged, ${score(arm.success)} (${score(arm.low)} to ${score(arm.high)})`,
        experiment.verdict,
      ])
    ),
    ...(state.releases ?? []).map((release) => [
      release.name,
      `${release.candidate} beside ${release.baseline}`,
      `${Math.round(release.share * 100)} % of requests, ${release.answers} answers, ${score(release.success)}`,
      release.stage,
    ]),
  ];
  byId("trials").hidden = trials.length === 0;
  byId("trials-list").replaceChildren(
    table([{ title: "Name" }, { title: "Models" }, { title: "So far" }, { title: "State" }], trials),
  );
}

async function ask(event) {
  event.preventDefault();
  const prompt = byId("ask-prompt").value.trim();
  if (prompt === "") return;
  const route = await guarded(() =>
    callNode("POST", "/v1/prsm/routes/explain", { prompt, model: byId("ask-name").value || "auto" })
  );
  if (!route) return;
  byId("asked").hidden = false;
  byId("asked-title").textContent = `It would go to ${route.chosen}`;
  byId("asked-route").replaceChildren(...routeBody(route));
  announce(`It would go to ${route.chosen}`);
}
