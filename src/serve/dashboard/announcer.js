// What is said to somebody who does not look: changes, gathered so that a fleet in trouble does not talk without end; and
// the outcome of what the reader did, at once.

import { find, make, show } from './page.js';

/** The least time between two announcements of changes. */
const PACE_MS = 5_000;
/** How long an outcome stays to be seen. */
const OUTCOME_MS = 10_000;
/** Changes that wait to be said; what comes later takes the place of the oldest. */
const WAITING_MAX = 3;

export class Announcer {
  #waiting = [];
  #timer = null;
  #said = -Infinity;

  constructor() {
    this.changes = find('#announce');
    this.outcomes = find('#told');
  }

  /** Says a change when it is time. */
  later(text) {
    this.#waiting.push(text);
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift();
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#said = performance.now();
      show(this.changes, this.#waiting.splice(0).join(' '));
    }, Math.max(0, this.#said + PACE_MS - performance.now()));
  }

  /** Says now what came of something the reader did. */
  outcome(text, kind = 'good') {
    const told = make('p', { 'data-kind': kind, ...(kind === 'bad' && { role: 'alert' }) }, text);
    this.outcomes.replaceChildren(told);
    setTimeout(() => told.remove(), OUTCOME_MS);
  }
}
