// The calls that the playground makes, and the failures that they end in. The API key lives in sessionStorage: it
// goes when the tab closes, and only ever leaves as the Authorization header of a call to this same node.

import { eventData, SilenceError } from "./stream.js";

const keyName = "prsm.api-key";
const listDeadlineSeconds = 20;
const silenceSeconds = 180;
let keyInMemory = "";

/**
 * A call that did not end well. `kind` is one of "key", "forbidden", "busy", "refused", "missing", "large", "node",
 * "unreachable", "lost", "silent"; `retryAfter` is in seconds, or null; `parameter` names the field that
 * the node objects to, or null.
 */
export class Failure extends Error {
  constructor(kind, message, { status = null, retryAfter = null, parameter = null } = {}) {
    super(message);
    this.kind = kind;
    this.status = status;
    this.retryAfter = retryAfter;
    this.parameter = parameter;
  }
}

export function apiKey() {
  try {
    return sessionStorage.getItem(keyName) ?? keyInMemory;
  } catch {
    return keyInMemory;
  }
}

/** Keeps the key for this tab; an empty one forgets it. */
export function setApiKey(key) {
  keyInMemory = key;
  try {
    if (key) sessionStorage.setItem(keyName, key);
    else sessionStorage.removeItem(keyName);
  } catch {
    // Storage is blocked: the key lasts until the page closes.
  }
}

function headers(more = {}) {
  const key = apiKey();
  return key ? { ...more, Authorization: `Bearer ${key}` } : more;
}

/** The models that can chat, as `{ id, contextLength, loaded, quantization, parameters }`; absent facts are null. */
export async function listModels() {
  const response = await reach("/v1/models", {
    headers: headers({ Accept: "application/json" }),
    signal: AbortSignal.timeout(listDeadlineSeconds * 1000),
  });
  if (!response.ok) throw await failureOf(response);
  const list = await response.json().catch(() => null);
  if (!Array.isArray(list?.data)) throw new Failure("node", "/v1/models did not answer with a list of models.");
  return list.data
    .filter((model) => typeof model?.id === "string" && !/embed/i.test(String(model.prsm?.kind ?? "")))
    .map((model) => ({
      id: model.id,
      contextLength: positive(model.prsm?.context_length),
      loaded: typeof model.prsm?.loaded === "boolean" ? model.prsm.loaded : null,
      quantization: typeof model.prsm?.quantization === "string" ? model.prsm.quantization : null,
      parameters: positive(model.prsm?.parameters),
    }));
}

/** One call of the node's own API, such as `/v1/prsm/routes`; what it answers, as a value. */
export async function callNode(method, path, body = null) {
  const response = await reach(path, {
    method,
    headers: headers({ Accept: "application/json", ...(body ? { "Content-Type": "application/json" } : {}) }),
    body: body ? JSON.stringify(body) : undefined,
    signal: AbortSignal.timeout(listDeadlineSeconds * 1000),
  });
  if (!response.ok) throw await failureOf(response);
  const value = await response.json().catch(() => null);
  if (!value || typeof value !== "object") throw new Failure("node", `${path} did not answer with JSON.`);
  return value;
}

function positive(value) {
  return typeof value === "number" && value > 0 ? value : null;
}

/**
 * The chunks of one streamed chat completion. Ends after [DONE] or the last byte; failures throw `Failure`. `begun` is
 * called with the response's headers before the first chunk.
 */
export function streamChat(body, signal, begun = () => {}) {
  return streamNode("/v1/chat/completions", body, signal, begun);
}

/** The events of one streamed call, as values. Ends after [DONE] or the last byte; failures throw `Failure`. */
export async function* streamNode(path, body, signal, begun = () => {}) {
  const response = await reach(path, {
    method: "POST",
    headers: headers({ "Content-Type": "application/json", Accept: "text/event-stream" }),
    body: JSON.stringify(body),
    signal,
  });
  if (!response.ok) throw await failureOf(response);
  if (!response.body) throw new Failure("lost", "The node answered without a body.");
  begun(response.headers);
  yield* events(response, signal);
}

/** The events of an orchestration as they happen, the orchestration itself first. */
export async function* followOrchestration(id, signal) {
  const response = await reach(`/v1/prsm/orchestrations/${encodeURIComponent(id)}/events`, {
    headers: headers({ Accept: "text/event-stream" }),
    signal,
  });
  if (!response.ok) throw await failureOf(response);
  if (response.body) yield* events(response, signal);
}

/** An orchestration with all its events. */
export async function loadOrchestration(id) {
  const response = await reach(`/v1/prsm/orchestrations/${encodeURIComponent(id)}`, {
    headers: headers({ Accept: "application/json" }),
    signal: AbortSignal.timeout(listDeadlineSeconds * 1000),
  });
  if (!response.ok) throw await failureOf(response);
  return parse(await response.text());
}

async function* events(response, signal) {
  try {
    for await (const data of eventData(response.body, silenceSeconds)) {
      if (data === "[DONE]") return;
      const chunk = parse(data);
      if (chunk.error) throw new Failure("node", String(chunk.error.message ?? "The node reported an error."));
      yield chunk;
    }
  } catch (error) {
    if (error instanceof Failure || signal.aborted) throw error;
    if (error instanceof SilenceError) throw new Failure("silent", error.message);
    throw new Failure("lost", error instanceof RangeError ? error.message : "The connection to the node was lost.");
  }
}

function parse(data) {
  try {
    const value = JSON.parse(data);
    if (value && typeof value === "object") return value;
  } catch {
    // Reported below, with the same words as a value that is not an object.
  }
  throw new Failure("node", `The node sent an event that is not JSON: ${data.slice(0, 80)}`);
}

async function reach(path, options) {
  try {
    return await fetch(path, { ...options, credentials: "omit", cache: "no-store" });
  } catch (error) {
    if (options.signal?.aborted && error.name === "AbortError") throw error;
    if (error.name === "TimeoutError") throw new Failure("silent", `No answer within ${listDeadlineSeconds} seconds.`);
    throw new Failure("unreachable", "The node does not answer.");
  }
}

const kinds = { 401: "key", 403: "forbidden", 404: "missing", 413: "large", 429: "busy", 503: "busy" };

async function failureOf(response) {
  const text = (await response.text().catch(() => "")).slice(0, 20_000);
  let detail = null;
  try {
    detail = JSON.parse(text).error;
  } catch {
    // Not OpenAI's error shape, a proxy's page perhaps: the status has to do.
  }
  const byStatus = kinds[response.status] ?? (response.status < 500 ? "refused" : "node");
  const kind = detail?.code === "context_length_exceeded" ? "large" : byStatus;
  const message = typeof detail?.message === "string" ? detail.message : `The node answered ${response.status}.`;
  return new Failure(kind, message.slice(0, 2000), {
    status: response.status,
    retryAfter: retryAfter(response.headers.get("Retry-After")),
    parameter: typeof detail?.param === "string" ? detail.param : null,
  });
}

/** Retry-After is seconds or a date (RFC 9110, section 10.2.3). Never more than an hour. */
function retryAfter(value) {
  if (!value) return null;
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.min(3600, Math.max(0, Math.ceil(seconds))) : null;
}
