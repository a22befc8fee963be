// The calls that the content page makes. The key is the one that the chat page keeps for this tab.

import { apiKey, Failure } from "./api.js";

const base = "/v1/prsm/content";
const deadlineSeconds = 60;

/** One call; gives what the node answers, as JSON. Failures throw `Failure` with the node's own words. */
export async function call(method, path, { body = null, type = null, seconds = deadlineSeconds } = {}) {
  const headers = { Accept: "application/json" };
  if (apiKey()) headers.Authorization = `Bearer ${apiKey()}`;
  if (type) headers["Content-Type"] = type;
  let response;
  try {
    response = await fetch(base + path, {
      method,
      headers,
      body,
      credentials: "omit",
      cache: "no-store",
      signal: AbortSignal.timeout(seconds * 1000),
    });
  } catch (error) {
    if (error.name === "TimeoutError") throw new Failure("silent", `No answer within ${seconds} seconds.`);
    throw new Failure("unreachable", "The node does not answer.");
  }
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  const message = String(answer?.error?.message ?? `The node answered ${response.status}.`);
  const kind = response.status === 401 ? "key" : response.status === 403 ? "forbidden" : "refused";
  throw new Failure(kind, message, { status: response.status });
}

/** Bytes as people say them. */
export function sizeText(bytes) {
  if (typeof bytes !== "number") return "";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** A CID with its middle left out. */
export function shortCID(cid) {
  return cid.length > 24 ? `${cid.slice(0, 10)}…${cid.slice(-8)}` : cid;
}
