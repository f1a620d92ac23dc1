// One chart: a line over time with its gaps, the value under the pointer, and the same in words for those who do not see it.

import { clock, number, span, t } from './language.js';
import { gaps, range, runs } from './history.js';
import { find, put, show } from './page.js';

const SVG = 'http://www.w3.org/2000/svg';
const [WIDTH, HEIGHT] = [600, 100];

/** The next round number above: 1, 2, 5, 10, 20, 50, … */
export function roundAbove(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((round) => round >= value * 0.999);
}

export class Chart {
  /** @param top the end of the scale; null: as far as the values reach */
  constructor(figure, { name, top = null, digits = 0, unit = '' }) {
    Object.assign(this, { figure, name, top, digits, unit });
    this.area = find('path.area', figure);
    this.line = find('path.line', figure);
    this.holes = find('g', figure);
    this.plot = find('.plot', figure);
    this.cross = find('.cross', figure);
    this.samples = [];
  }

  text(value) {
    return `${number(value, this.digits, true)}${this.unit && ` ${this.unit}`}`;
  }

  draw(history, window, now) {
    const from = now - window;
    const samples = history.since(from, this.name);
    const seen = samples.filter(([at]) => at >= from);
    const told = range(seen);
    const top = this.top ?? roundAbove(told?.max ?? 0);
    const x = (at) => ((at - from) / window) * WIDTH;
    const y = (value) => HEIGHT - (Math.min(Math.max(value / top, 0), 1) * (HEIGHT - 4)) - 2;
    const parts = runs(samples).map((run) => run.map(([at, value]) => `${x(at).toFixed(1)} ${y(value).toFixed(1)}`));
    put(this.line, 'd', parts.map((points) => `M${points.join('L')}${points.length === 1 ? 'h.1' : ''}`).join(''));
    put(this.area, 'd', parts.map((points) => `M${points.join('L')}V${HEIGHT}H${points[0].split(' ')[0]}Z`).join(''));
    const missing = gaps(samples, now).map(([start, end]) => [Math.max(start, from), end]).filter(([start, end]) => end > start);
    while (this.holes.childElementCount > missing.length) this.holes.lastChild.remove();
    while (this.holes.childElementCount < missing.length) this.holes.append(document.createElementNS(SVG, 'rect'));
    missing.forEach(([start, end], index) => {
      const hole = this.holes.children[index];
      put(hole, 'x', x(start).toFixed(1));
      put(hole, 'width', (x(end) - x(start)).toFixed(1));
      put(hole, 'height', HEIGHT);
    });
    Object.assign(this, { samples: seen, missing, from, window, y });
    show(find('.top', this.figure), `${number(top)}${this.unit && ` ${this.unit}`}`);
    show(find('.start', this.figure), `−${span(window)}`);
    const last = samples.at(-1)?.[1] ?? null;
    const words = told ? t('metrics.range', { min: this.text(told.min), mean: this.text(told.mean), max: this.text(told.max) }) : '';
    show(find('.range', this.figure), words);
    return this.describe(last, words, missing);
  }

  /** The chart in words. Written at the pace of a reader, not of the feed. */
  describe(last, words, missing) {
    const holes = missing.reduce((sum, [start, end]) => sum + end - start, 0);
    const told = last === null ? t('waiting') : t('metrics.described', { name: t(`metrics.${this.name}`), now: this.text(last), window: span(this.window), range: words });
    this.words = missing.length ? `${told} ${t('metrics.gaps', { n: missing.length, span: span(holes) })}` : told;
    if (!this.written || performance.now() - this.written > 10_000 || missing.length !== this.holed) {
      put(find('svg', this.figure), 'aria-label', this.words);
      this.written = performance.now();
      this.holed = missing.length;
    }
  }

  /** Shows what was measured at a place of the chart, 0 to 1; nothing for null. */
  point(place) {
    if (place === null || !this.samples.length) {
      this.cross.hidden = true;
      return;
    }
    const at = this.from + place * this.window;
    const hole = this.missing.find(([start, end]) => at > start && at < end);
    let best = this.samples[0];
    for (const sample of this.samples) if (Math.abs(sample[0] - at) < Math.abs(best[0] - at)) best = sample;
    const shown = hole ? at : best[0];
    const share = Math.min(1, Math.max(0, (shown - this.from) / this.window));
    this.cross.hidden = false;
    this.cross.style.left = `${share * 100}%`;
    this.cross.dataset.side = share > 0.5 ? 'left' : 'right';
    this.cross.style.setProperty('--y', hole ? '100%' : `${this.y(best[1])}%`);
    show(find('.tip', this.cross), hole ? t('metrics.gap', { span: span(hole[1] - hole[0]) }) : `${this.text(best[1])} · ${clock(best[0])}`);
  }
}
