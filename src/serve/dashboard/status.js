// The status panel: the roll-up, and why it is not better.

import { number, t, word } from './language.js';
import { find, make, put, quote, schedule, show } from './page.js';

export class Status {
  constructor(flux, announcer) {
    Object.assign(this, { flux, announcer, before: null });
    this.root = find('[data-feed="status"]');
    flux.on('status', (data) => {
      if (this.before && this.before !== data.status) announcer.later(t('told.status', { state: word(data.status) }));
      this.before = data.status;
    });
    flux.on('change', (feed) => { if (feed === 'status') schedule(this.draw); });
  }

  draw = () => {
    const data = this.flux.data('status');
    if (!data) return;
    const field = (name) => find(`[data-field="${name}"]`, this.root);
    put(field('status'), 'data-state', data.status);
    put(find('.mark', this.root.querySelector('.figure')), 'data-state', data.status);
    show(field('status'), word(data.status));
    show(field('uptime'), data.uptime ?? t('none'));
    quote(field('version'), data.version ?? t('none'));
    show(field('cluster_size'), number(data.cluster_size));
    const reasons = data.reasons ?? [];
    const list = field('reasons');
    while (list.childElementCount > reasons.length) list.lastChild.remove();
    while (list.childElementCount < reasons.length) list.append(make('li'));
    reasons.forEach((reason, index) => quote(list.children[index], reason));
    list.hidden = !reasons.length;
    field('fine').hidden = data.status !== 'healthy';
    quote(find('#node'), data.node ?? location.host);
  };
}
