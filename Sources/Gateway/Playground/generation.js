// One answer being made: from the request to the last token, a stop, or a failure. It writes into the answer it was
// given and says "progress" and, once, "end"; what arrived before a failure stays.

import { Failure, streamChat } from "./api.js";
import { limits } from "./conversations.js";
import { readTokens } from "./logprobs.js";
import { Stopwatch } from "./metrics.js";
import { traces } from "./orchestration.js";

export class Generation extends EventTarget {
  #abort = new AbortController();
  #stopwatch = new Stopwatch();

  /** `answer` is filled while the request `body` is answered. */
  constructor(answer, body) {
    super();
    this.answer = answer;
    this.body = body;
    this.running = true;
  }

  stop() {
    this.#abort.abort();
  }

  async run() {
    const { answer } = this;
    answer.failure = null;
    try {
      for await (const chunk of streamChat(this.body, this.#abort.signal, (headers) => this.#begun(headers))) {
        this.#take(chunk);
        this.dispatchEvent(new Event("progress"));
      }
      if (answer.finish === null) throw new Failure("lost", "The answer ended before it was complete.");
    } catch (error) {
      if (this.#abort.signal.aborted) answer.finish ??= "stopped";
      else answer.failure = plainFailure(error);
    }
    answer.figures = this.#stopwatch.figures(true);
    this.running = false;
    this.dispatchEvent(new Event("end"));
  }

  /** An answer of a virtual model names what tells how it comes about. */
  #begun(headers) {
    const id = headers.get("x-prsm-orchestration");
    if (!id) return;
    this.answer.orchestration = id;
    traces.follow(id, this.#abort.signal);
    this.dispatchEvent(new Event("progress"));
  }

  #take(chunk) {
    const { answer } = this;
    this.#stopwatch.note(chunk);
    const choice = chunk.choices?.[0];
    if (!choice) return;
    const text = typeof choice.delta?.content === "string" ? choice.delta.content : "";
    const reasoning = typeof choice.delta?.reasoning_content === "string" ? choice.delta.reasoning_content : "";
    const tokens = readTokens(choice.logprobs);
    if (text || reasoning) this.#stopwatch.piece(Math.max(1, tokens.length));
    answer.text += text;
    answer.reasoning += reasoning;
    answer.tokens.push(...tokens.slice(0, limits.tokens - answer.tokens.length));
    if (typeof choice.finish_reason === "string") answer.finish = choice.finish_reason;
    answer.figures = this.#stopwatch.figures(false);
    if (answer.text.length > limits.textLength) {
      throw new Failure("large", `The answer passed the ${limits.textLength} characters that this page keeps.`);
    }
  }
}

/** A failure as plain data, to be shown and kept. */
export function plainFailure(error) {
  const failure = error instanceof Failure ? error : new Failure("node", `The page failed: ${error.message}`);
  return {
    kind: failure.kind,
    message: failure.message,
    status: failure.status,
    parameter: failure.parameter,
    retryAt: failure.retryAfter === null ? null : Date.now() + failure.retryAfter * 1000,
  };
}
