/** Keeps a view at its end while it is there, also when pictures, a keyboard or a new message change its height. */
export class StickToEnd {
  #sticks = true;

  /** @param {HTMLElement} view @param {HTMLElement[]} contents */
  constructor(view, contents) {
    this.view = view;
    view.addEventListener('scroll', () => {
      this.#sticks = view.scrollHeight - view.scrollTop - view.clientHeight < 60;
    });
    const grown = new ResizeObserver(() => this.keep());
    for (const element of [view, ...contents]) grown.observe(element);
  }

  keep() {
    if (this.#sticks) this.go();
  }

  go() {
    this.#sticks = true;
    this.view.scrollTop = this.view.scrollHeight;
  }

  /** From the next change on. */
  stick() {
    this.#sticks = true;
  }
}
