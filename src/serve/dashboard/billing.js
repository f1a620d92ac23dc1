// The billing panel: what this period has cost so far, to the last digit, and how much of it has passed.

import { ago, days, decimal, moment, money, number, percent, t, word } from './language.js';
import { find, put, schedule, show } from './page.js';

export class Billing {
  constructor(flux) {
    this.flux = flux;
    this.root = find('[data-feed="billing"]');
    flux.on('change', (feed) => { if (feed === 'billing') schedule(this.draw); });
  }

  draw = () => {
    const data = this.flux.data('billing');
    if (!data) return;
    const field = (name) => find(`[data-field="${name}"]`, this.root);
    const currency = data.currency ?? 'USD';
    show(field('cost'), data.cost === null ? t('none') : money(data.cost, currency));
    show(field('cost_exact'), data.cost_exact ? `${decimal(data.cost_exact)} ${currency}` : t('none'));
    const usage = number(data.usage, 3);
    show(field('usage'), data.unit === 'request' ? t('billing.requests', { n: data.usage, usage }) : [usage, data.unit].filter(Boolean).join(' '));
    const [start, end] = [Date.parse(data.period_start ?? ''), Date.parse(data.period_end ?? '')];
    const known = end > start;
    show(field('period'), known ? days(start, end - 1) : word(data.period));
    put(field('period'), 'title', known ? `${moment(start)} – ${moment(end)}` : null);
    const passed = known ? Math.min(1, Math.max(0, (this.flux.serverNow() - start) / (end - start))) : null;
    const bar = find('progress', this.root);
    bar.hidden = passed === null;
    if (passed !== null) {
      put(bar, 'value', passed.toFixed(4));
      put(bar, 'aria-label', t('billing.passed', { share: percent(passed) }));
    }
    show(field('passed'), passed === null ? '' : t('billing.passed', { share: percent(passed) }));
    show(field('last_updated'), data.last_updated ? ago(this.flux.serverNow() - Date.parse(data.last_updated)) : t('never'));
    put(field('last_updated'), 'title', data.last_updated ? moment(Date.parse(data.last_updated)) : null);
    field('partial').hidden = !data.partial;
  };

  tick() {
    schedule(this.draw);
  }
}
