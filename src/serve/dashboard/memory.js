// What a page leaves to the one that comes after it in the same tab: the last known state of each feed, and the charts. It is
// written when the page is left or hidden, and now and then, for writing costs more than most messages.

const WRITE_INTERVAL_MS = 30_000;

export class Memory {
  #unwritten = new Map();
  #last = [];

  constructor() {
    try {
      this.storage = sessionStorage;
    } catch {
      this.storage = null; // Then the next page begins anew.
    }
    addEventListener('pagehide', () => this.write());
    document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'hidden') this.write(); });
    setInterval(() => this.write(), WRITE_INTERVAL_MS);
  }

  getItem(key) {
    return this.storage?.getItem(key) ?? null;
  }

  setItem(key, text) {
    this.#unwritten.set(key, text);
  }

  /** Has `tell` called for the text that is to stand under a key, whenever it is written. */
  keep(key, tell) {
    this.#last.push(() => this.setItem(key, tell()));
  }

  write() {
    for (const tell of this.#last) tell();
    for (const [key, text] of this.#unwritten) {
      try {
        this.storage?.setItem(key, text);
      } catch { /* It is full: what stood there before is older, and marked by its age. */ }
    }
    this.#unwritten.clear();
  }
}
