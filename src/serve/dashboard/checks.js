// The panel of the dependency checks.

import { ago, milliseconds, moment, span, t, word } from './language.js';
import { find, make, put, quote, schedule, show } from './page.js';

export class Checks {
  constructor(flux) {
    this.flux = flux;
    this.root = find('[data-feed="health"]');
    this.list = find('[data-field="checks"]', this.root);
    this.rows = new Map();
    flux.on('change', (feed) => { if (feed === 'health') schedule(this.draw); });
  }

  row(name) {
    const row = make('li', { 'data-check': name },
      make('span', { class: 'mark', 'aria-hidden': 'true' }),
      make('span', { class: 'name' }, name),
      make('span', { class: 'badge', 'data-field': 'critical', hidden: '' }),
      make('span', { class: 'state', 'data-field': 'status' }),
      make('span', { class: 'facts', 'data-field': 'facts' }),
      make('span', { class: 'why', 'data-field': 'error', hidden: '' }));
    this.rows.set(name, row);
    return row;
  }

  draw = () => {
    const data = this.flux.data('health');
    if (!data) return;
    // One that has not answered yet stands in the details only.
    const rank = (name) => ['unhealthy', 'degraded', 'unknown', undefined, 'healthy'].indexOf(data.checks[name]);
    const names = [...new Set([...Object.keys(data.checks), ...Object.keys(data.details ?? {})])]
      .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
    for (const [name, row] of this.rows) {
      if (!names.includes(name)) {
        row.remove();
        this.rows.delete(name);
      }
    }
    names.forEach((name, index) => {
      const row = this.rows.get(name) ?? this.row(name);
      if (this.list.children[index] !== row) this.list.insertBefore(row, this.list.children[index] ?? null);
      this.fill(row, data.checks[name] ?? 'unknown', data.details?.[name] ?? {});
    });
    const nothing = find('.none', this.root);
    nothing.hidden = names.length > 0;
    put(nothing, 'data-t', 'health.none');
    show(nothing, t('health.none'));
  };

  fill(row, status, detail) {
    const field = (name) => find(`[data-field="${name}"]`, row);
    put(find('.mark', row), 'data-state', status);
    put(field('status'), 'data-state', status);
    show(field('status'), word(status));
    field('critical').hidden = !detail.critical;
    show(field('critical'), t('health.critical'));
    const now = this.flux.serverNow();
    const facts = [detail.kind && word(detail.kind), typeof detail.latency_ms === 'number' ? milliseconds(detail.latency_ms) : null,
      detail.last_check ? ago(now - Date.parse(detail.last_check)) : null];
    show(field('facts'), facts.filter(Boolean).join(' · '));
    const times = [detail.last_check && `${t('backend.checked')}: ${moment(Date.parse(detail.last_check))}`,
      detail.since && `${t('backend.since', { state: word(status) })}: ${moment(Date.parse(detail.since))}`];
    put(field('facts'), 'title', times.filter(Boolean).join('\n') || null);
    put(field('status'), 'title', detail.since ? t('health.since', { span: span(now - Date.parse(detail.since)) }) : null);
    field('error').hidden = !detail.error;
    quote(field('error'), detail.error ?? '');
  }

  tick() {
    schedule(this.draw);
  }
}
