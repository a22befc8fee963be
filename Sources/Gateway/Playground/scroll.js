// Keeps the end of the conversation in view while it grows, unless the reader has scrolled up to read.

const near = 48;

export class ScrollKeeper {
  #scroller;
  #button;
  #following = true;

  /** `button` appears when the end is out of view, and goes there. */
  constructor(scroller, button) {
    this.#scroller = scroller;
    this.#button = button;
    scroller.addEventListener("scroll", () => {
      this.#following = this.#distance < near;
      this.#show();
    }, { passive: true });
    button.addEventListener("click", () => this.toEnd());
    const observer = new ResizeObserver(() => {
      if (this.#following) this.#scroller.scrollTop = this.#scroller.scrollHeight;
      this.#show();
    });
    observer.observe(scroller);
    for (const child of scroller.children) observer.observe(child);
  }

  /** From now on the end stays in view. */
  follow() {
    this.#following = true;
  }

  toEnd() {
    this.follow();
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#show();
  }

  get #distance() {
    return this.#scroller.scrollHeight - this.#scroller.clientHeight - this.#scroller.scrollTop;
  }

  #show() {
    this.#button.hidden = this.#following || this.#distance < near;
  }
}
