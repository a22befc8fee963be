// A search that is over, again: every event in its order, by hand or by itself.

import { byId } from "./dom.js";

const stepMilliseconds = 60;

export class CodeReplay {
  #place;
  #draw;
  #events = [];
  #shown = 0;
  #timer = 0;

  /** `draw` takes an event, or null for an empty stage. */
  constructor(place, draw) {
    this.#place = place;
    this.#draw = draw;
    byId("replay-back").addEventListener("click", () => this.#go(this.#shown - 1));
    byId("replay-on").addEventListener("click", () => this.#go(this.#shown + 1));
    byId("replay-place").addEventListener("input", () => this.#go(Number(byId("replay-place").value)));
    byId("replay-play").addEventListener("click", () => (this.#timer ? this.#pause() : this.#play()));
  }

  hide() {
    this.#pause();
    this.#place.hidden = true;
  }

  /** Offers these events. */
  offer(events) {
    this.#events = events;
    this.#shown = events.length;
    byId("replay-place").max = String(events.length);
    byId("replay-place").value = String(events.length);
    this.#place.hidden = events.length === 0;
  }

  #go(place) {
    const wanted = Math.min(Math.max(place, 0), this.#events.length);
    if (wanted < this.#shown) {
      this.#draw(null);
      this.#shown = 0;
    }
    while (this.#shown < wanted) {
      this.#draw(this.#events[this.#shown]);
      this.#shown += 1;
    }
    byId("replay-place").value = String(wanted);
  }

  #play() {
    if (this.#shown >= this.#events.length) this.#go(0);
    byId("replay-play").textContent = "Pause";
    this.#timer = setInterval(() => {
      if (this.#shown >= this.#events.length) this.#pause();
      else this.#go(this.#shown + 1);
    }, stepMilliseconds);
  }

  #pause() {
    clearInterval(this.#timer);
    this.#timer = 0;
    byId("replay-play").textContent = "Replay";
  }
}
