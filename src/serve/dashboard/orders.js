// What the reader has done: pause and resume, measure now, and what is ordered of a backend. Each is confirmed by its dialog
// where others would feel it, and what came of it is said.

import { whyNot } from './access.js';
import { list, number, t, word } from './language.js';
import { find, show } from './page.js';

export class Orders {
  constructor(flux, access, announcer) {
    Object.assign(this, { flux, access, announcer, backend: null, feed: null });
    this.dialog = find('#order');
    this.pausing = find('#pause');
    document.addEventListener('click', ({ target }) => {
      const button = target.closest?.('[data-do]');
      if (!button) return;
      const { do: deed, of: feed } = button.dataset;
      if (deed === 'order') this.open(button.closest('tr.backend').row.backend);
      if (deed === 'update') this.update(feed);
      if (deed === 'resume') this.resume(feed);
      if (deed === 'pause') this.ask(feed);
    });
    for (const dialog of [this.dialog, this.pausing]) {
      find('form', dialog).addEventListener('submit', (event) => {
        event.preventDefault();
        if (dialog === this.dialog) this.give();
        else this.pause();
      });
    }
    this.dialog.addEventListener('change', () => this.fit());
  }

  get allowed() {
    return this.access.may === 'operate';
  }

  /** Does something, and says what came of it. Gives true, or why it was not done. */
  async #do(act, told) {
    try {
      const answer = await act();
      this.access.note(answer);
      const [text, kind] = [told(answer)].flat();
      this.announcer.outcome(text, kind);
      return true;
    } catch (error) {
      this.announcer.outcome(whyNot(error), 'bad');
      // The rights may have changed since they were asked for.
      if ([401, 403].includes(error.status)) this.access.refresh();
      return error;
    }
  }

  update(feed) {
    if (!this.allowed) return;
    this.#do(() => this.flux.forceUpdate(feed), ({ feeds = [] }) => t('told.update', { feeds: list(feeds.map((one) => t(`feed.${one}`))) }));
  }

  resume(feed) {
    this.#do(() => this.flux.control('resume', { type: feed }), () => t('told.resume', { feed: t(`feed.${feed}`) }));
  }

  ask(feed) {
    this.feed = feed;
    show(find('p', this.pausing), t('order.pause', { feed: t(`feed.${feed}`) }));
    this.pausing.showModal();
  }

  pause() {
    this.pausing.close();
    this.#do(() => this.flux.control('pause', { type: this.feed }), () => t('told.pause', { feed: t(`feed.${this.feed}`) }));
  }

  /** Asks what is wanted of a backend. */
  open(backend) {
    if (!this.allowed) return;
    this.backend = backend;
    find('form', this.dialog).reset();
    const out = backend.admin && backend.admin !== 'enabled';
    find(`[name="action"][value="${out || backend.intent ? 'enable' : 'drain'}"]`, this.dialog).checked = true;
    find('[name="weight"]', this.dialog).value = backend.weight;
    show(find('h2', this.dialog), t('order.title', { address: backend.address }));
    show(find('.pool', this.dialog), `${t('backends.pool', { pool: backend.pool })} · ${word(backend.source)}`);
    show(find('.said', this.dialog), '');
    this.fit();
    this.dialog.showModal();
    find('[name="action"]:checked', this.dialog).focus();
  }

  #value(name) {
    return new FormData(find('form', this.dialog)).get(name) ?? '';
  }

  /** Only what goes with the action is asked for. */
  fit() {
    const action = this.#value('action');
    find('.for', this.dialog).hidden = action === 'enable';
    find('.own', this.dialog).hidden = action === 'enable' || this.#value('for') !== 'own';
    find('.share', this.dialog).hidden = action !== 'weight';
    find('.reason', this.dialog).hidden = action === 'enable';
  }

  async give() {
    const { address, pool, source } = this.backend;
    const action = this.#value('action');
    const order = { backend: address, pool, source };
    const lasts = this.#value('for') === 'own' ? this.#value('span').trim() : this.#value('for');
    if (action === 'weight') order.weight = Number(this.#value('weight'));
    if (action !== 'enable' && lasts) order.for = lasts;
    if (action !== 'enable' && this.#value('reason').trim()) order.reason = this.#value('reason').trim();
    const done = await this.#do(() => this.flux.control(action, order), ({ backend }) => {
      const { intent } = backend ?? {};
      const told = t(`told.${action}`, { address, weight: number(order.weight) });
      return intent && intent.state !== 'applied' ? [`${told} ${t('told.pending')} ${intent.error ?? ''}`.trim(), 'warn'] : told;
    });
    if (done === true) this.dialog.close();
    else show(find('.said', this.dialog), whyNot(done));
  }
}
