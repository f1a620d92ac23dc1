// One backend: its line in the table, and what is told of it when the line is opened. Only what has changed is written.

import { ago, milliseconds, moment, number, t, word } from './language.js';
import { make, put, quote, show } from './page.js';
import { isOut } from './selection.js';

/** The state that says no more than the status does. */
const PLAIN = { healthy: 'up', degraded: 'slow', unhealthy: 'down', unknown: 'checking' };
/** How long a change stands out. */
const CHANGED_MS = 2_500;
const FACTS = ['since', 'checked', 'latency', 'weight', 'source', 'intent', 'detail'];

export const keyOf = (backend) => `${backend.source}\n${backend.pool}\n${backend.address}`;

export class Row {
  constructor(backend) {
    this.backend = null;
    this.text = '';
    /** Whether it is laid out; a browser that does not say so lays out everything. */
    this.seen = true;
    const cell = (name, ...children) => make('td', { role: 'cell', class: name }, ...children);
    this.mark = make('span', { class: 'mark', 'aria-hidden': 'true' });
    this.status = make('span', { class: 'state' });
    this.admin = make('span', { class: 'badge' });
    this.address = make('button', { type: 'button', class: 'address', tabindex: '-1', 'aria-expanded': 'false' }, backend.address);
    this.pool = cell('pool-name', backend.pool);
    this.latency = cell('latency');
    this.weight = cell('weight');
    this.age = document.createTextNode('');
    this.time = make('time', {}, this.age);
    this.source = cell('source');
    this.detail = cell('detail');
    this.act = make('button', { type: 'button', class: 'act', 'data-do': 'order', tabindex: '-1' }, '⋯');
    this.node = make('tr', { role: 'row', class: 'backend', 'data-address': backend.address, 'data-pool': backend.pool },
      cell('status', this.mark, this.status, this.admin),
      make('th', { role: 'rowheader', scope: 'row' }, this.address),
      this.pool, this.latency, this.weight, cell('checked', this.time), this.source, this.detail, cell('actions', this.act));
    this.node.row = this;
  }

  /** Takes what is known now. Tells the status from before, if it was another. */
  fill(backend) {
    const before = this.backend;
    this.backend = backend;
    this.text = '';
    put(this.node, 'data-status', backend.status);
    put(this.node, 'data-out', isOut(backend) ? '' : null);
    put(this.node, 'data-stale', backend.stale ? '' : null);
    put(this.mark, 'data-state', backend.status);
    const plain = !backend.state || backend.state === backend.status || backend.state === PLAIN[backend.status];
    show(this.status, plain ? word(backend.status) : `${word(backend.status)}, ${word(backend.state)}`);
    put(this.status, 'data-state', backend.status);
    const badges = [isOut(backend) ? word(backend.admin) : null, backend.intent && backend.intent.state !== 'applied' ? word(backend.intent.state) : null,
      backend.stale ? t('backend.stale') : null];
    show(this.admin, badges.filter(Boolean).join(' · '));
    show(this.latency, milliseconds(backend.latency_ms));
    show(this.weight, number(backend.weight));
    show(this.source, word(backend.source));
    quote(this.detail, backend.detail ?? backend.intent?.error ?? '');
    put(this.detail, 'title', this.detail.textContent || null);
    this.checked = backend.last_check ? Date.parse(backend.last_check) : null;
    put(this.time, 'datetime', backend.last_check ?? null);
    put(this.time, 'title', this.checked === null ? null : moment(this.checked));
    put(this.act, 'aria-label', t('backend.act', { address: backend.address }));
    put(this.act, 'title', t('backend.act', { address: backend.address }));
    if (this.facts) this.tell();
    return before && before.status !== backend.status ? before.status : null;
  }

  tick(now) {
    const text = this.checked === null ? t('never') : ago(now - this.checked);
    if (this.age.data !== text) this.age.data = text;
    if (this.changed && performance.now() - this.changed > CHANGED_MS) {
      this.changed = null;
      put(this.node, 'data-changed', null);
    }
  }

  /** Stands out for a moment. */
  stress() {
    this.changed = performance.now();
    put(this.node, 'data-changed', '');
  }

  /** Can be reached by the keyboard, or not: one row at a time can. */
  reach(reachable) {
    put(this.address, 'tabindex', reachable ? '0' : '-1');
    put(this.act, 'tabindex', reachable ? '0' : '-1');
  }

  /** Opens or closes the facts below the line. */
  toggle() {
    const open = !this.facts;
    put(this.address, 'aria-expanded', open);
    put(this.node, 'data-open', open ? '' : null);
    if (open) {
      this.facts = make('td', { role: 'cell', class: 'facts' }, make('dl', { class: 'pairs' },
        ...FACTS.map((name) => make('div', { 'data-fact': name }, make('dt'), make('dd')))));
      this.node.append(this.facts);
      this.tell();
    } else {
      this.facts.remove();
      this.facts = null;
    }
  }

  tell() {
    const { status, state, last_change: change, latency_ms: latency, weight, source, detail, intent } = this.backend;
    const ordered = intent && [word(intent.state), intent.admin && word(intent.admin), typeof intent.weight === 'number' ? t('backend.weight', { weight: number(intent.weight) }) : null,
      moment(Date.parse(intent.since)), intent.until && t('backend.until', { time: moment(Date.parse(intent.until)) }), intent.reason && `“${intent.reason}”`, intent.error];
    const facts = {
      since: [t('backend.since', { state: word(state || status) }), change && moment(Date.parse(change))],
      checked: [t('backend.checked'), this.checked && moment(this.checked)],
      latency: [t('column.latency'), milliseconds(latency)],
      weight: [t('column.weight'), number(weight)],
      source: [t('column.source'), word(source)],
      intent: [t('backend.intent'), ordered && ordered.filter(Boolean).join(' · ')],
      detail: [t('column.detail'), detail],
    };
    for (const [name, [label, value]] of Object.entries(facts)) {
      const pair = this.facts.querySelector(`[data-fact="${name}"]`);
      pair.hidden = !value;
      show(pair.firstChild, label);
      show(pair.lastChild, value ?? '');
    }
  }
}
