// The figures of one answer. What the node measured is preferred; the rest is measured here, by the browser's clock.

/** Follows one answer from the moment its request is made. `now` is a clock in milliseconds. */
export class Stopwatch {
  #now;
  #start;
  #first = null;
  #last = null;
  #pieces = 0;
  #usage = null;
  #timings = null;

  constructor(now = () => performance.now()) {
    this.#now = now;
    this.#start = now();
  }

  /** A piece of the answer arrived. */
  piece(count = 1) {
    this.#last = this.#now();
    this.#first ??= this.#last;
    this.#pieces += count;
  }

  /** The chunk that closes the stream may carry OpenAI's `usage` and the node's own `timings`. */
  note(chunk) {
    if (chunk.usage && typeof chunk.usage === "object") this.#usage = chunk.usage;
    const timings = chunk.timings ?? chunk.usage?.timings;
    if (timings && typeof timings === "object") this.#timings = timings;
  }

  /** The figures so far; null for what is not known. */
  figures(done) {
    const completionTokens = number(this.#usage?.completion_tokens) ?? (this.#pieces > 0 ? this.#pieces : null);
    const span = this.#last === null ? 0 : this.#last - this.#first;
    const measured = span > 0 && completionTokens > 1 ? ((completionTokens - 1) / span) * 1000 : null;
    return {
      firstTokenMs: this.#first === null ? null : this.#first - this.#start,
      totalMs: done ? this.#now() - this.#start : (this.#last ?? this.#start) - this.#start,
      tokensPerSecond: number(this.#timings?.predicted_per_second) || measured,
      queuedMs: number(this.#timings?.queued_ms),
      promptTokens: number(this.#usage?.prompt_tokens),
      completionTokens,
      cachedTokens: number(this.#usage?.prompt_tokens_details?.cached_tokens) ?? number(this.#timings?.cache_n),
    };
  }
}

function number(value) {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : null;
}

const shortestQueueMs = 20;
const counted = new Intl.NumberFormat("en");

/** 1234 as "1,234". */
export function count(value) {
  return counted.format(value);
}

/** Milliseconds as "84 ms" or "2.41 s". */
export function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 2 : 1)} s`;
}

/** 134515008 as "135M". */
export function parameterCount(value) {
  if (value >= 1e9) return `${(value / 1e9).toFixed(value < 1e10 ? 1 : 0)}B`;
  return value >= 1e6 ? `${Math.round(value / 1e6)}M` : count(value);
}

/** The rows shown beside an answer: `{ name, value, hint }`. */
export function figureRows(figures) {
  const rows = [];
  if (figures.firstTokenMs === null) return rows;
  const add = (name, value, hint) => rows.push({ name, value, hint });
  if (figures.tokensPerSecond !== null) {
    const rate = figures.tokensPerSecond;
    add(
      "tokens/s",
      rate >= 100 ? String(Math.round(rate)) : rate.toFixed(1),
      "Tokens per second once the answer had begun",
    );
  }
  add("to first token", duration(figures.firstTokenMs), "From sending to the first token, in this browser");
  if (figures.queuedMs >= shortestQueueMs) {
    add("of it queued", duration(figures.queuedMs), "Time the node waited before it began");
  }
  if (figures.completionTokens !== null) add("tokens out", count(figures.completionTokens), "Tokens of the answer");
  if (figures.promptTokens !== null) {
    add("tokens in", count(figures.promptTokens), "Tokens of the conversation and the system prompt");
    if (figures.cachedTokens) {
      add("of them cached", count(figures.cachedTokens), "Kept from before, so not computed again");
    }
  }
  if (figures.totalMs !== null) add("total", duration(figures.totalMs), "From sending to the last token");
  return rows;
}
