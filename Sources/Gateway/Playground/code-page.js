// The page *Code*: a task and its tests go to the node, and what happens on the way is drawn as it comes.

import { callNode, listModels, streamNode } from "./api.js";
import { CodeReplay } from "./code-replay.js";
import { CodeTree, traceLines } from "./code-tree.js";
import { byId, copyText, element } from "./dom.js";
import { failureSentence } from "./failures.js";
import { plainFailure } from "./generation.js";
import { announce } from "./notices.js";
import { beginPage, guarded } from "./reports.js";

const mostEvents = 20_000;
const tree = new CodeTree(byId("tree"), byId("tree-none"), (candidate) => showProgram(candidate.program));
const replay = new CodeReplay(byId("replay"), draw);
let events = [];
let abort = null;
let lines = new Map();
let result = null;

beginPage("code");
byId("task-form").addEventListener("submit", (event) => {
  event.preventDefault();
  write();
});
byId("halt").addEventListener("click", () => abort?.abort());
byId("copy-program").addEventListener("click", async () => {
  announce((await copyText(byId("program").textContent)) ? "Copied" : "The browser does not let this page copy");
});
byId("run-program").addEventListener("click", runProgram);
guarded(fillModels);

async function fillModels() {
  const models = (await listModels()).filter(({ id }) => !id.includes(":") && !id.startsWith("prsm/"));
  byId("code-model").replaceChildren(...models.map(({ id }) => element("option", { value: id }, id)));
}

async function write() {
  if (abort) return;
  abort = new AbortController();
  begin();
  const tests = byId("tests").value.split("\n").map((line) => line.trim()).filter(Boolean);
  const body = { task: byId("task").value, tests, budget: { tokens: Number(byId("budget").value) || 1024 }, stream: true };
  if (byId("code-model").value) body.model = byId("code-model").value;
  try {
    for await (const event of streamNode("/v1/prsm/code", body, abort.signal)) {
      if (events.length < mostEvents) events.push(event);
      draw(event);
    }
  } catch (error) {
    if (abort.signal.aborted) say("Stopped.", false);
    else problem(failureSentence(plainFailure(error)));
  }
  abort = null;
  byId("run").disabled = false;
  byId("halt").hidden = true;
  replay.offer(events);
}

function begin() {
  events = [];
  byId("problem").hidden = true;
  byId("run").disabled = true;
  byId("halt").hidden = false;
  byId("execution").hidden = true;
  replay.hide();
  reset();
  say("Writing…", false);
}

/** An empty stage, before the first event. */
function reset() {
  tree.clear();
  lines = new Map();
  result = null;
  byId("verdict").hidden = true;
  showProgram("");
}

function draw(event) {
  if (event === null) return reset();
  switch (event.event) {
    case "queued":
      say(`Waiting: ${event.ahead} in front.`, false);
      break;
    case "started":
      if (event.tests_are_derived) say(`${event.tests.length} tests were found in the description.`, false);
      break;
    case "attempt":
      lines.set(event.id, [{ text: event.code, probability: 1 }]);
      tree.attempt(event);
      break;
    case "token":
      lines.get(event.attempt)?.push(event);
      if (result === null) showTokens(lines.get(event.attempt) ?? []);
      break;
    case "candidate":
      tree.candidate(event);
      if (event.passes) showProgram(event.program);
      break;
    case "progress":
      say(`Writing… ${event.generated_tokens} tokens, ${event.executions} runs, ${event.seconds.toFixed(1)} s`, false);
      break;
    case "result":
      finish(event);
      break;
  }
}

function finish(event) {
  result = event;
  showProgram(event.program);
  tree.choose(event.candidate);
  const cost = event.cost;
  const count = `${event.tests.length} ${event.tests.length === 1 ? "test" : "tests"}`;
  const verdict = event.ending === "untested"
    ? "Untested: there are no tests."
    : event.passes
    ? `Passes ${count}.`
    : `Does not pass ${count}: ${event.summary ?? "nothing could be run"}.`;
  say(
    `${verdict} ${cost.generated_tokens} tokens, ${cost.programs} programs, ${cost.executions} runs, ${cost.seconds.toFixed(1)} s.`,
    event.passes,
  );
  announce(verdict);
}

function showProgram(text) {
  byId("program").replaceChildren(element("code", {}, text));
  byId("copy-program").disabled = text === "";
  byId("run-program").disabled = text === "";
}

/** The line that is being written; tokens that the model was unsure of are underlined. */
function showTokens(tokens) {
  byId("program").replaceChildren(
    element(
      "code",
      {},
      tokens.map(({ text, probability, divergence }) =>
        probability < 0.3
          ? element(
            "span",
            { class: "unsure", title: `probability ${probability}, moved by traces ${divergence}` },
            text,
          )
          : text
      ),
    ),
  );
}

function say(text, passes) {
  const verdict = byId("verdict");
  verdict.textContent = text;
  verdict.dataset.passes = String(passes);
  verdict.hidden = false;
}

function problem(text) {
  byId("verdict").hidden = true;
  byId("problem").textContent = text;
  byId("problem").hidden = false;
}

async function runProgram() {
  const program = byId("program").textContent;
  const test = byId("tests").value.split("\n").find((line) => line.trim().startsWith("assert")) ?? "";
  const call = /assert\s+(.*?\))\s*(==|$)/.exec(test)?.[1];
  await guarded(async () => {
    const run = await callNode("POST", "/v1/prsm/execute", {
      program: call ? `${program}\n${call}` : program,
      trace: true,
    });
    byId("execution").replaceChildren(
      element("p", {}, run.message),
      element("pre", { class: "code-program", tabindex: "0", "aria-label": "Trace" }, traceLines(run.trace ?? [], program)),
    );
    byId("execution").hidden = false;
  });
}
