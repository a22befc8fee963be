// Server-sent events over fetch (WHATWG HTML, section 9.2.6), with a limit on the size of an event and a deadline on
// silence. EventSource cannot send a body or a header, which is why the format is read here.

const largestEvent = 4 * 1024 * 1024;

/** Thrown when the node sends nothing for `seconds`. */
export class SilenceError extends Error {
  constructor(seconds) {
    super(`Nothing arrived for ${seconds} seconds.`);
    this.name = "SilenceError";
  }
}

/** Turns pieces of text into the data of complete events. Keeps what is not complete yet. */
export class EventParser {
  #rest = "";
  #data = [];
  #size = 0;

  /** Takes the next piece and returns the data of every event that it completes. */
  push(piece) {
    const completed = [];
    this.#rest += piece;
    let start = 0;
    for (;;) {
      const end = this.#endOfLine(start);
      if (end === -1) break;
      const line = this.#rest.slice(start, end);
      start = this.#rest[end] === "\r" && this.#rest[end + 1] === "\n" ? end + 2 : end + 1;
      const data = this.#take(line);
      if (data !== null) completed.push(data);
    }
    this.#rest = this.#rest.slice(start);
    if (this.#rest.length + this.#size > largestEvent) {
      throw new RangeError(`The node sent an event over the limit of ${largestEvent} characters.`);
    }
    return completed;
  }

  /** The index of the next line end, or -1. A carriage return at the very end may be half of a pair: it waits. */
  #endOfLine(start) {
    for (let index = start; index < this.#rest.length; index += 1) {
      const unit = this.#rest.charCodeAt(index);
      if (unit === 10) return index;
      if (unit === 13) return index + 1 < this.#rest.length ? index : -1;
    }
    return -1;
  }

  #take(line) {
    if (line === "") {
      if (this.#data.length === 0) return null;
      const data = this.#data.join("\n");
      this.#data = [];
      this.#size = 0;
      return data;
    }
    if (line.startsWith("data:")) {
      const value = line.slice(line[5] === " " ? 6 : 5);
      this.#data.push(value);
      this.#size += value.length;
    }
    return null;
  }
}

/** The data of each event in `body`, a ReadableStream of bytes. Throws SilenceError past `silenceSeconds`. */
export async function* eventData(body, silenceSeconds) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new EventParser();
  try {
    for (;;) {
      const { done, value } = await withDeadline(reader.read(), silenceSeconds);
      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function withDeadline(promise, seconds) {
  let timer = 0;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new SilenceError(seconds)), seconds * 1000);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
