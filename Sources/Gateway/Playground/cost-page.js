// The page *Cost*: what was spent and on what, how budgets stand, and when they run out.

import { byId, element } from "./dom.js";
import { count } from "./metrics.js";
import { beginPage, callNode, guarded, table } from "./reports.js";

const pauseSeconds = 5;
const dimensions = ["model", "provider", "day", "hour", "key", "user", "project", "organisation", "outcome"];

beginPage("cost");
byId("range-by").replaceChildren(...dimensions.map((name) => element("option", { value: name }, name)));
byId("range").addEventListener("change", draw);
byId("range").addEventListener("submit", (event) => event.preventDefault());
follow();

async function follow() {
  for (;;) {
    if (!document.hidden) await draw();
    await new Promise((done) => setTimeout(done, pauseSeconds * 1000));
  }
}

async function draw() {
  await guarded(async () => {
    const query = new URLSearchParams({ by: byId("range-by").value });
    if (byId("range-from").value) query.set("from", byId("range-from").value);
    drawReport(await callNode("GET", `/v1/prsm/usage?${query}`));
    drawForecast(await callNode("GET", "/v1/prsm/usage/forecast"));
  });
}

function drawReport(report) {
  const { total, currency } = report;
  const sums = [
    ["Spent", `${total.cost} ${currency}`],
    ["Requests", count(total.requests)],
    ["From the cache", count(total.cache_hits)],
    ["Tokens in", count(total.prompt_tokens)],
    ["Tokens out", count(total.completion_tokens)],
  ];
  if (report.savings && typeof report.savings.share === "number") {
    sums.push([
      `Saved beside ${report.savings.strong_model}`,
      `${report.savings.saved} (${Math.round(report.savings.share * 100)} %)`,
    ]);
  }
  byId("sums").replaceChildren(
    ...sums.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
  );
  const cells = (line, name) => [
    name || "–",
    count(line.requests),
    count(line.cache_hits),
    count(line.unfinished),
    count(line.prompt_tokens),
    count(line.completion_tokens),
    line.cost,
  ];
  byId("lines").replaceChildren(
    table(
      [
        { title: report.by },
        { title: "Requests", number: true },
        { title: "Cached", number: true },
        { title: "Unfinished", number: true },
        { title: "Tokens in", number: true },
        { title: "Tokens out", number: true },
        { title: `Cost, ${currency}`, number: true },
      ],
      report.lines.map((line) => cells(line, line.name)),
      cells(total, "total"),
    ),
  );
  byId("anomalies-place").hidden = report.anomalies.length === 0;
  byId("anomalies").replaceChildren(
    ...report.anomalies.map((anomaly) =>
      element(
        "li",
        {},
        `${anomaly.severity}: the hour of ${anomaly.hour} cost ${anomaly.cost}, usual is ${anomaly.usual} (z ${anomaly.z})`,
      )
    ),
  );
}

function drawForecast(forecast) {
  const end = forecast.at_month_end;
  const sentences = [
    `${forecast.spent_this_month} ${forecast.currency} are spent this month.`,
    end
      ? `By its end it will be ${end.expected}, between ${end.low} and ${end.high}.`
      : `What it will be by its end is not known yet: ${forecast.days} whole days are known, 3 are needed.`,
  ];
  if (forecast.limit) {
    sentences.push(
      forecast.runs_out
        ? `The budget of ${forecast.limit} runs out on ${day(forecast.runs_out)}.`
        : `The budget of ${forecast.limit} lasts.`,
    );
    if (forecast.runs_out_earliest) sentences.push(`At the earliest it runs out on ${day(forecast.runs_out_earliest)}.`);
  }
  byId("forecast").textContent = sentences.join(" ");
  byId("budgets").replaceChildren(
    ...(forecast.budgets.length > 0
      ? forecast.budgets.map(budgetMeter)
      : [element("p", { class: "muted" }, "No budget is configured for this account.")]),
  );
}

function budgetMeter(budget) {
  const [limit, spent, reserved] = [budget.limit, budget.spent, budget.reserved].map(Number);
  const name = budget.for === "node" ? "The node" : `${budget.for} ${budget.name}`;
  return element(
    "div",
    { class: "budget" },
    element(
      "p",
      {},
      element("span", {}, `${name}, a ${budget.per}`),
      element("span", { class: "muted" }, `${budget.spent} spent, ${budget.reserved} set aside, of ${budget.limit}`),
    ),
    element("meter", {
      min: 0,
      max: limit || 1,
      high: (limit || 1) * 0.9,
      value: spent + reserved,
      "aria-label": `${name}, a ${budget.per}: ${budget.spent} of ${budget.limit} spent`,
    }),
  );
}

function day(text) {
  return new Date(text).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}
