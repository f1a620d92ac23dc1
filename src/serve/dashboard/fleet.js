// The backends: a table by pool that stays smooth with a thousand of them. A line is touched only when its backend has changed,
// and moved only when its place has; the browser lays out the lines that are to be seen.

import { number, spoken, t, word } from './language.js';
import { find, findAll, make, preferences, put, schedule, show } from './page.js';
import { keyOf, Row } from './row.js';
import { arrange, COLUMNS, count, FALLING, GROUPS, haystack, inStates, passes, termsOf } from './selection.js';

/** So many changes are told by name. */
const TOLD_MAX = 3;
/** The ages in lines that are not to be seen, and may yet be read aloud, are told anew every so many ticks. */
const UNSEEN_TICKS = 10;
/** So many are shown by pool where nobody has chosen. */
const GROUPED_MAX = 100;
/** How they stand where nobody has chosen. */
const [FIRST] = Object.keys(COLUMNS);

export class Fleet {
  constructor(flux, announcer) {
    Object.assign(this, { flux, announcer });
    this.root = find('[data-feed="backends"]');
    this.table = find('table', this.root);
    this.filter = find('#filter');
    this.rows = new Map();
    this.pools = new Map();
    this.closed = new Set();
    this.states = new Set();
    this.list = null;
    this.current = null;
    this.ticks = 0;
    const kept = preferences.get('sort') ?? FIRST;
    this.order = { sort: Object.hasOwn(COLUMNS, kept) ? kept : FIRST, descending: preferences.get('descending') === 'true' };
    this.chosen = { true: true, false: false }[preferences.get('group')] ?? null;
    flux.on('change', (feed) => { if (feed === 'backends') schedule(this.draw); });
    this.filter.addEventListener('input', () => schedule(this.place));
    find('#group').addEventListener('click', () => this.regroup());
    find('#clear').addEventListener('click', () => this.clear());
    for (const chip of findAll('[data-group]', this.root)) chip.addEventListener('click', () => this.choose(chip.dataset.group));
    for (const button of findAll('[data-sort]', this.root)) button.addEventListener('click', () => this.sort(button.dataset.sort));
    this.table.addEventListener('click', (event) => this.clicked(event));
    this.table.addEventListener('contentvisibilityautostatechange', ({ target, skipped }) => {
      target.row.seen = !skipped;
      if (!skipped) target.row.tick(flux.serverNow());
    });
    this.table.addEventListener('focusin', ({ target }) => this.reach(target.closest('tr.backend')?.row ?? null));
  }

  clicked({ target }) {
    const pool = target.closest('tbody')?.dataset.pool;
    const row = target.closest('tr.backend')?.row;
    if (target.closest('.fold')) {
      if (!this.closed.delete(pool)) this.closed.add(pool);
      this.place();
    } else if (row && !target.closest('.act, .facts') && !String(getSelection())) {
      this.reach(row);
      row.toggle();
    }
  }

  /** Shows only this group of states, or shows all again. */
  choose(group) {
    if (!this.states.delete(group)) this.states.add(group);
    this.place();
  }

  clear() {
    this.states.clear();
    this.filter.value = '';
    this.place();
  }

  sort(column) {
    const descending = column === this.order.sort && !this.order.descending;
    this.order = { ...this.order, sort: column, descending };
    preferences.set('sort', column);
    preferences.set('descending', descending);
    this.place();
  }

  regroup() {
    this.chosen = !this.grouped;
    preferences.set('group', this.chosen);
    this.place();
  }

  /** By pool, unless there are so many that the worst of all should stand together; or as the reader has chosen. */
  get grouped() {
    return this.chosen ?? (this.list?.length ?? 0) <= GROUPED_MAX;
  }

  /** The row that the keyboard reaches. */
  reach(row) {
    if (!row || row === this.current) return;
    this.current?.reach(false);
    this.current = row;
    row.reach(true);
  }

  /** The next row, or the one before. */
  step(by) {
    const shown = findAll('tr.backend:not([hidden])', this.table);
    if (!shown.length) return;
    const at = document.activeElement?.closest?.('tr.backend') ? shown.indexOf(this.current?.node) : -1;
    const next = shown[Math.min(shown.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
    next.row.address.focus({ preventScroll: true });
    next.scrollIntoView({ block: 'nearest' });
  }

  draw = () => {
    const list = this.flux.data('backends');
    if (list !== null && list !== this.list) this.take(list);
    this.place();
  };

  take(list) {
    this.list = list;
    const now = this.flux.serverNow();
    const gone = new Set(this.rows.keys());
    const changed = [];
    for (const backend of list) {
      const key = keyOf(backend);
      gone.delete(key);
      let row = this.rows.get(key);
      if (!row) this.rows.set(key, (row = new Row(backend)));
      if (row.backend === backend) continue;
      if (row.fill(backend) !== null) {
        changed.push(backend);
        row.stress();
      }
      row.tick(now);
    }
    for (const key of gone) {
      const row = this.rows.get(key);
      row.node.remove();
      if (this.current === row) this.current = null;
      this.rows.delete(key);
    }
    if (changed.length) this.announcer.later(this.told(changed));
  }

  told(changed) {
    const names = changed.slice(0, TOLD_MAX).map(({ address, status }) => t('backend.changed', { address, state: word(status) }));
    if (changed.length > TOLD_MAX) names.push(t('backend.more', { n: changed.length - TOLD_MAX }));
    return changed.length === 1 ? `${names[0]}.` : t('backend.changes', { n: changed.length, names: names.join(', ') });
  }

  /** Puts every row where it belongs, and says what is shown. */
  place = () => {
    this.controls();
    if (this.list === null) return;
    const terms = termsOf(this.filter.value);
    const fits = (backend) => {
      const row = this.rows.get(keyOf(backend));
      return inStates(backend, this.states) && terms.every((term) => (row.text ||= haystack(backend)).includes(term));
    };
    this.collator ??= new Intl.Collator(spoken(), { numeric: true });
    const shown = this.list.filter(fits);
    const pools = arrange(shown, { ...this.order, group: this.grouped }, this.collator.compare);
    // What is said of a pool is said of all of it, whatever is filtered.
    const whole = Map.groupBy(this.list, ({ pool }) => pool);
    const bodies = pools.map(({ pool, members }) => this.body(pool, members, whole.get(pool)));
    reconcile(this.table, bodies, find('thead', this.table));
    for (const [pool, body] of this.pools) if (!bodies.includes(body)) this.pools.delete(pool);
    put(this.table, 'data-grouped', this.grouped);
    if (!this.current?.node.isConnected) this.reach(find('tr.backend', this.table)?.row ?? null);
    find('.none', this.root).hidden = shown.length > 0;
    const nothing = find('.none span', this.root);
    put(nothing, 'data-t', this.list.length ? 'backends.unmatched' : 'backends.none');
    show(nothing, t(nothing.dataset.t));
    find('#clear').hidden = !this.list.length;
    const all = t('backends.count', { n: this.list.length });
    show(find('[data-field="shown"]', this.root), shown.length === this.list.length ? all : t('backends.shown', { shown: number(shown.length), all }));
    this.tally(count(this.list));
  };

  body(pool, members, whole) {
    if (!this.pools.has(pool)) {
      const body = make('tbody', { role: 'rowgroup', ...(pool !== null && { 'data-pool': pool }) });
      if (pool !== null) {
        body.append(make('tr', { role: 'row', class: 'pool' }, make('th', { role: 'rowheader', scope: 'rowgroup' },
          make('button', { type: 'button', class: 'fold' }, make('span', { class: 'pool-title' }, pool), make('span', { class: 'pool-pass' })))));
      }
      this.pools.set(pool, body);
    }
    const body = this.pools.get(pool);
    const closed = pool !== null && this.closed.has(pool);
    if (pool !== null) {
      const passing = whole.filter(passes).length;
      const head = body.firstChild;
      put(find('.fold', head), 'aria-expanded', !closed);
      show(find('.pool-pass', head), t('backends.pass', { pass: number(passing), all: number(whole.length) }));
      put(head, 'data-state', passing === whole.length ? null : passing ? 'some' : 'none');
    }
    reconcile(body, closed ? [] : members.map((backend) => this.rows.get(keyOf(backend)).node), pool === null ? null : body.firstChild);
    return body;
  }

  controls() {
    put(find('#group'), 'aria-pressed', this.grouped);
    for (const chip of findAll('[data-group]', this.root)) put(chip, 'aria-pressed', this.states.has(chip.dataset.group));
    for (const button of findAll('[data-sort]', this.root)) {
      const sorted = button.dataset.sort === this.order.sort;
      const falling = this.order.descending !== FALLING.has(this.order.sort);
      put(button.closest('th'), 'aria-sort', sorted ? (falling ? 'descending' : 'ascending') : null);
    }
  }

  tally(counts) {
    for (const group of GROUPS) {
      const chip = find(`[data-group="${group}"]`, this.root);
      show(find('b', chip), number(counts[group]));
      show(find('.label', chip), group === 'out' ? t('backends.out') : word(group));
      chip.hidden = counts[group] === 0 && group !== 'healthy' && !this.states.has(group);
      const part = find(`.share [data-state="${group}"]`, this.root);
      if (part) part.style.flexGrow = counts[group];
    }
  }

  /** Everything said anew, as after a change of the language. */
  retell() {
    this.collator = null;
    for (const row of this.rows.values()) row.fill(row.backend);
    for (const row of this.rows.values()) row.tick(this.flux.serverNow());
    this.place();
  }

  tick() {
    const now = this.flux.serverNow();
    this.ticks = (this.ticks + 1) % UNSEEN_TICKS;
    for (const row of this.rows.values()) if (row.seen || this.ticks === 0) row.tick(now);
  }
}

/** Makes `wanted` the children of `parent` after `first`, moving as few nodes as a single walk can tell. */
function reconcile(parent, wanted, first) {
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  let cursor = first ? first.nextSibling : parent.firstChild;
  const kept = new Set(wanted);
  for (const node of wanted) {
    while (cursor && !kept.has(cursor)) {
      const next = cursor.nextSibling;
      cursor.remove();
      cursor = next;
    }
    if (cursor === node) {
      cursor = cursor.nextSibling;
    } else if (cursor?.nextSibling === node) {
      // The one before it has gone further down: it is put back where it belongs when its turn comes.
      cursor.remove();
      cursor = node.nextSibling;
    } else {
      parent.insertBefore(node, cursor);
    }
  }
  while (cursor) {
    const next = cursor.nextSibling;
    cursor.remove();
    cursor = next;
  }
  if (focused && focused.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
}
