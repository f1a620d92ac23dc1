// The keys. Each is one row: what it is called in the help, and what it does.

import { t, word } from './language.js';
import { find, make } from './page.js';
import { GROUPS } from './selection.js';

/** Where a key is a letter of a text, or the platform's. */
const isTyped = (event) => event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.('input:not([type="checkbox"]):not([type="radio"]), textarea, select');

export class Keyboard {
  constructor({ fleet, metrics, orders, token, links, looks }) {
    this.rows = [
      { keys: ['/'], told: 'filter', act: () => find('#filter').focus() },
      { keys: ['j', 'k'], told: 'rows', act: (key) => fleet.step(key === 'j' ? 1 : -1) },
      { keys: ['Enter'], told: 'open' },
      { keys: ['a'], told: 'act', act: () => fleet.current && orders.open(fleet.current.backend) },
      { keys: ['1', '2', '3', '4', '5'], told: 'states', act: (key) => fleet.choose(GROUPS[key - 1]) },
      { keys: ['g'], told: 'group', act: () => fleet.regroup() },
      { keys: ['[', ']'], told: 'window', act: (key) => metrics.step(key === ']' ? 1 : -1) },
      { keys: ['u'], told: 'update', act: () => orders.update() },
      { keys: ['t'], told: 'token', act: () => token.open() },
      { keys: ['r'], told: 'reconnect', act: () => links.again() },
      { keys: ['d'], told: 'theme', act: () => looks.next() },
      { keys: ['l'], told: 'language', act: () => looks.speak() },
      { keys: ['?'], told: 'help', act: () => this.help() },
      { keys: ['Esc'], told: 'escape' },
    ];
    this.dialog = find('#help');
    document.addEventListener('keydown', (event) => this.pressed(event));
    find('#filter').addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      if (event.target.value) fleet.clear();
      event.target.blur();
    });
    for (const close of document.querySelectorAll('dialog .close')) close.addEventListener('click', () => close.closest('dialog').close());
  }

  pressed(event) {
    if (isTyped(event) || document.querySelector('dialog[open]')) return;
    const down = event.target.closest?.('tr.backend') && { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const row = down ? this.rows.find(({ told }) => told === 'rows') : this.rows.find(({ keys, act }) => act && keys.includes(event.key));
    if (!row) return;
    event.preventDefault();
    row.act(down ? (down > 0 ? 'j' : 'k') : event.key);
  }

  help() {
    const rows = this.rows.map(({ keys, told }) => make('div', {},
      make('dt', {}, ...keys.flatMap((key) => [make('kbd', {}, key), ' '])), make('dd', {}, t(`help.${told}`))));
    find('dl', this.dialog).replaceChildren(...rows);
    const signs = GROUPS.map((group) => make('span', {}, make('span', { class: 'mark', 'data-state': group, 'aria-hidden': 'true' }), group === 'out' ? t('backends.out') : word(group)));
    find('.signs', this.dialog).replaceChildren(...signs);
    this.dialog.showModal();
  }
}
