// The field in which a message is written, with its two buttons.

import { byId } from "./dom.js";

const tallest = 260;
const draftKey = "prsm.draft";

export class Composer {
  #draft = byId("draft");
  #sendButton = byId("send");
  #stopButton = byId("stop");
  #running = false;
  #send;

  /** Called when the up arrow is pressed in an empty field. */
  onEditLast = () => {};

  /** `send(text)` says whether the message went; `stop()` ends the answer. */
  constructor({ send, stop }) {
    this.#send = send;
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#draft.addEventListener("keydown", (event) => this.#key(event));
    this.#draft.addEventListener("input", () => this.#fit());
    addEventListener("pagehide", () => this.#keepDraft());
    this.#stopButton.addEventListener("click", () => {
      stop();
      this.#draft.focus();
    });
    this.#takeDraft();
    this.#fit();
  }

  get text() {
    return this.#draft.value;
  }

  /** While an answer is being made, Stop takes the place of Send. */
  setRunning(running) {
    this.#running = running;
    this.#stopButton.hidden = !running;
    this.#sendButton.hidden = running;
    byId("chat").classList.toggle("answering", running);
  }

  #key(event) {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "ArrowUp" && this.#draft.value === "" && !this.#running) {
      event.preventDefault();
      this.onEditLast();
    }
  }

  #submit() {
    if (this.#running || this.#draft.value.trim() === "") return;
    if (!this.#send(this.#draft.value.trim())) return;
    this.#draft.value = "";
    this.#fit();
    this.#draft.focus();
  }

  /** What was being written survives a reload of the tab. */
  #keepDraft() {
    try {
      sessionStorage.setItem(draftKey, this.#draft.value);
    } catch {
      // Storage is blocked or full: the draft goes with the page.
    }
  }

  #takeDraft() {
    try {
      this.#draft.value ||= sessionStorage.getItem(draftKey) ?? "";
    } catch {
      // Storage is blocked: there is no draft.
    }
  }

  #fit() {
    this.#draft.style.blockSize = "auto";
    this.#draft.style.blockSize = `${Math.min(tallest, this.#draft.scrollHeight)}px`;
    this.#sendButton.disabled = this.#draft.value.trim() === "";
  }
}
