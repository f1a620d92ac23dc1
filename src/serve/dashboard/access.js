// The reader's token: typed in, held in memory or, if the reader wants it, in this tab's storage, and never in an address.
// What it may do is what the server answers.

import { VeloFlux, VeloFluxError } from '../veloflux.js';
import { t } from './language.js';
import { find, put, show } from './page.js';

const KEY = 'veloflux.token';

/** Why the server did not do something, in the reader's words and the server's. */
export function whyNot(error) {
  if (!(error instanceof VeloFluxError) || error.status === 0) return t('told.silent');
  return t([401, 403].includes(error.status) ? `told.${error.status}` : 'told.other', { message: error.message });
}

export class Access {
  token = null;
  /** `operate`, `read`, or null while there is none, or it is not known. */
  may = null;
  paused = new Set();
  #url;
  #changed;

  constructor(url, changed) {
    this.#url = url;
    this.#changed = changed;
    try {
      this.token = sessionStorage.getItem(KEY);
    } catch { /* Then it is typed in again. */ }
  }

  /** Asks the server what a token may do. Throws a `VeloFluxError` where it is not known there. */
  async #ask(token) {
    try {
      const { paused = [] } = await new VeloFlux({ url: this.#url, token }).control();
      return { may: 'operate', paused };
    } catch (error) {
      if (error.status === 403) return { may: 'read', paused: [] };
      throw error;
    }
  }

  /** Takes a token that the server knows. */
  async use(token, keep) {
    const { may, paused } = await this.#ask(token);
    Object.assign(this, { token, may, paused: new Set(paused) });
    this.#store(keep ? token : null);
    this.#changed('token');
  }

  forget() {
    Object.assign(this, { token: null, may: null, paused: new Set() });
    this.#store(null);
    this.#changed('forgotten');
  }

  /** Looks again what may be done and what is paused; without an answer nothing is changed. */
  async refresh() {
    if (!this.token) return;
    const asked = this.token;
    try {
      const { may, paused } = await this.#ask(asked);
      if (this.token === asked) Object.assign(this, { may, paused: new Set(paused) });
    } catch (error) {
      if (this.token === asked && error.status === 401) this.may = null;
    }
    this.#changed('rights');
  }

  /** Takes what an answer says of the paused feeds. */
  note({ paused }) {
    if (!paused) return;
    this.paused = new Set(paused);
    this.#changed('paused');
  }

  #store(token) {
    try {
      if (token === null) sessionStorage.removeItem(KEY);
      else sessionStorage.setItem(KEY, token);
    } catch { /* Then it lasts as long as the page. */ }
  }
}

/** The dialog in which a token is typed. */
export class TokenDialog {
  constructor(access, announcer) {
    Object.assign(this, { access, announcer });
    this.dialog = find('#token');
    this.field = find('#token-field');
    this.said = find('.said', this.dialog);
    find('form', this.dialog).addEventListener('submit', (event) => {
      event.preventDefault();
      this.take();
    });
    find('#forget').addEventListener('click', () => {
      access.forget();
      this.dialog.close();
      announcer.outcome(t('token.forgotten'));
    });
    // What was typed does not stay in the document.
    this.dialog.addEventListener('close', () => { this.field.value = ''; });
  }

  open() {
    show(this.said, '');
    find('#forget').hidden = this.access.token === null;
    if (!this.dialog.open) this.dialog.showModal();
    this.field.focus();
  }

  async take() {
    const token = this.field.value.trim();
    if (!token) return show(this.said, t('token.empty'));
    show(this.said, t('token.checking'));
    put(this.dialog, 'aria-busy', 'true');
    try {
      await this.access.use(token, find('#token-keep').checked);
      this.dialog.close();
      this.announcer.outcome(t(`token.${this.access.may}.told`));
    } catch (error) {
      show(this.said, whyNot(error));
      this.field.focus();
    } finally {
      put(this.dialog, 'aria-busy', null);
    }
  }
}
