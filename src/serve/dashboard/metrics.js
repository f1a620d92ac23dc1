// The metrics panel: CPU, memory and requests now, and over the time the reader chooses.

import { Chart } from './chart.js';
import { History } from './history.js';
import { number, span, t, word } from './language.js';
import { find, findAll, preferences, put, schedule, show } from './page.js';

const WINDOWS_MS = [300_000, 900_000, 3_600_000];

export class Metrics {
  constructor(flux, memory, key) {
    this.flux = flux;
    this.root = find('[data-feed="metrics"]');
    this.history = new History(memory.getItem(key));
    this.charts = [
      new Chart(find('[data-chart="cpu"]'), { name: 'cpu', top: 100, digits: 1, unit: '%' }),
      new Chart(find('[data-chart="memory"]'), { name: 'memory', top: 100, digits: 1, unit: '%' }),
      new Chart(find('[data-chart="requests"]'), { name: 'requests', digits: 1, unit: '/s' }),
    ];
    const kept = Number(preferences.get('window'));
    this.window = WINDOWS_MS.includes(kept) ? kept : WINDOWS_MS[0];
    // Each message, also those that are replayed after an interruption: none of them is left out of the chart.
    flux.on('message', ({ feed, message }) => {
      if (feed === 'metrics' && this.history.add(message.data)) schedule(this.draw);
    });
    memory.keep(key, () => this.history.text());
    for (const button of findAll('[data-window]', this.root)) {
      button.addEventListener('click', () => this.choose(Number(button.dataset.window)));
    }
    const charts = find('.charts', this.root);
    charts.addEventListener('pointermove', (event) => {
      const plot = event.target.closest?.('.plot');
      const place = plot && (event.clientX - plot.getBoundingClientRect().left) / plot.clientWidth;
      for (const chart of this.charts) chart.point(plot ? place : null);
    });
    charts.addEventListener('pointerleave', () => { for (const chart of this.charts) chart.point(null); });
  }

  choose(window) {
    this.window = window;
    preferences.set('window', window);
    this.draw();
  }

  /** The next longer time, or the next shorter. */
  step(by) {
    const index = WINDOWS_MS.indexOf(this.window) + by;
    if (index >= 0 && index < WINDOWS_MS.length) this.choose(WINDOWS_MS[index]);
  }

  draw = () => {
    for (const button of findAll('[data-window]', this.root)) {
      show(button, span(Number(button.dataset.window)));
      put(button, 'aria-pressed', Number(button.dataset.window) === this.window);
    }
    const now = this.flux.serverNow();
    for (const chart of this.charts) chart.draw(this.history, this.window, now);
    const data = this.flux.data('metrics');
    if (data) this.figures(data);
  };

  figures(data) {
    const field = (name) => find(`[data-field="${name}"]`, this.root);
    show(field('cpu'), number(data.cpu, 1, true));
    show(field('memory'), number(data.memory, 1, true));
    const window = data.window_ms > 0 ? data.window_ms / 1_000 : 2;
    show(field('rate'), number(data.requests_per_second ?? data.requests / window, 1, true));
    show(field('scope'), data.scope ? t('metrics.of', { scope: word(data.scope) }) : '');
    show(field('memory_scope'), data.memory_scope ? t('metrics.of', { scope: word(data.memory_scope) }) : '');
    const source = data.requests_source;
    show(field('requests_source'), source ? t('metrics.by', { source: word(source) }) : '');
    const totals = [typeof data.requests_total === 'number' ? t('metrics.total', { n: data.requests_total }) : null,
      typeof data.connections === 'number' ? t('metrics.connections', { n: data.connections }) : null];
    show(field('totals'), totals.filter(Boolean).join(' · '));
  }

  tick() {
    // Without messages the time goes on, and the gap at the right grows.
    schedule(this.draw);
  }
}
