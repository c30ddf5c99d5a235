// One stop of the Tab key for a whole board; the arrow keys move within it, Home and End to its ends.

export class Roving {
  #list;
  #current = null;

  // `list` holds the buttons, in the order they are walked; hidden ones are passed over.
  constructor(list, selector) {
    this.#list = list;
    this.selector = selector;
    list.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("focusin", (event) => this.#hold(event.target.closest(selector)));
  }

  // After buttons came, went, or were hidden: one of those that are seen can be reached.
  settle() {
    if (!this.#current?.isConnected || !this.#seen(this.#current)) this.#hold(this.#all()[0] ?? null);
  }

  #all() {
    return [...this.#list.querySelectorAll(this.selector)].filter((each) => this.#seen(each));
  }

  #seen(button) {
    return !button.parentElement.hidden;
  }

  #hold(button) {
    if (this.#current === button) return;
    if (this.#current) this.#current.tabIndex = -1;
    if (button) button.tabIndex = 0;
    this.#current = button;
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.#current) return;
    const all = this.#all();
    const here = all.indexOf(this.#current);
    const row = all.findIndex((each) => each.offsetTop > all[0].offsetTop);
    const columns = row < 0 ? all.length : row;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -here, End: all.length - 1 - here };
    if (!(event.key in steps)) return;
    event.preventDefault();
    all[here + steps[event.key]]?.focus();
  }
}
