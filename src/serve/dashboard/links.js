// The connections: the state of each feed's own, what came over it, and what is said when one is lost, old or paused.

import { FEEDS } from '../veloflux.js';
import { ago, clock, list, milliseconds, moment, number, span, t } from './language.js';
import { find, findAll, make, put, schedule, show } from './page.js';

/** A connection that is away for less than this is not worth a word: a server that restarts. */
const PATIENCE_MS = 3_000;
/** After the client has given up, the page tries again this often: a screen on a wall has nobody to press a button. */
const RETRY_INTERVAL_MS = 60_000;

const names = Object.keys(FEEDS);
/** The state without its count: `Reconnecting (1/5)` is `reconnecting`. */
const kind = (state) => state.split(' ')[0].toLowerCase();
const marks = { connected: 'healthy', connecting: 'unknown', reconnecting: 'degraded', disconnected: 'unknown', failed: 'unhealthy', error: 'unhealthy' };

export class Links {
  constructor(flux, access, announcer) {
    Object.assign(this, { flux, access, announcer });
    this.root = find('#links');
    this.banner = find('#banner');
    this.links = new Map(names.map((feed) => [feed, { state: 'Disconnected', down: Date.now(), failed: null, code: null, reason: null, attempt: 0, of: 0 }]));
    this.rows = new Map(names.map((feed) => [feed, this.row(feed)]));
    find('ul', this.root).append(...this.rows.values());
    flux.on('link', ({ feed, ...link }) => this.linked(feed, link));
    for (const event of ['stale', 'change']) flux.on(event, () => schedule(this.draw));
    find('#reconnect').addEventListener('click', () => this.again());
  }

  row(feed) {
    const pair = (name) => make('div', {}, make('dt', { 'data-t': `links.${name}` }), make('dd', { 'data-field': name }));
    const act = (deed) => make('button', { type: 'button', 'data-do': deed, 'data-of': feed, hidden: '' });
    return make('li', { 'data-link-of': feed }, make('details', {},
      make('summary', {},
        make('span', { class: 'mark', 'aria-hidden': 'true' }), make('span', { class: 'name', 'data-t': `feed.${feed}` }),
        make('span', { class: 'line', 'data-field': 'line' }), make('span', { class: 'age', 'data-field': 'age' })),
      make('dl', { class: 'pairs' }, ...['link', 'messages', 'rate', 'last', 'trip', 'pings', 'losses', 'missed', 'dropped'].map(pair)),
      make('div', { class: 'row-actions', 'data-needs': 'operate' }, act('pause'), act('resume'), act('update'))));
  }

  linked(feed, link) {
    const now = Date.now();
    const before = this.links.get(feed);
    const [from, to] = [kind(before.state), kind(link.state)];
    const down = to === 'connected' ? null : before.down ?? now;
    const failed = ['failed', 'error'].includes(to) ? before.failed ?? now : null;
    // The code and the reason of a loss hold until the connection stands again.
    const told = link.code === null && to !== 'connected' ? { code: before.code, reason: link.reason ?? before.reason } : { code: link.code, reason: link.reason };
    this.links.set(feed, { ...link, ...told, down, failed });
    if (from !== to && (to === 'failed' || to === 'error' || (to === 'connected' && before.told))) {
      this.announcer.later(t('told.link', { feed: t(`feed.${feed}`), state: this.words(feed) }));
    }
    if (to !== 'connected') this.links.get(feed).told = before.told || ['failed', 'error'].includes(to);
    schedule(this.draw);
  }

  words(feed) {
    const { state, attempt, of } = this.links.get(feed);
    return t(`link.${kind(state)}`, { attempt, of: of === Infinity ? '∞' : of });
  }

  paused(feed) {
    return this.access.paused.has(feed);
  }

  /** Whether what is shown of a feed is not how things are now. */
  old(feed) {
    const { data, stale, restored } = this.flux.snapshot(feed);
    const { down } = this.links.get(feed);
    return data !== null && (stale || restored || (down !== null && Date.now() - down >= PATIENCE_MS));
  }

  /** Whether the client has given up on a feed for a reason that time does not heal. */
  refused(feed) {
    const { state, code } = this.links.get(feed);
    return kind(state) === 'error' || (kind(state) === 'failed' && code >= 4400 && code < 4500);
  }

  /** Connects again what is not connected. */
  again() {
    for (const feed of names) {
      const state = kind(this.links.get(feed).state);
      if (state !== 'connected' && state !== 'connecting') this.flux.reconnect(feed);
    }
  }

  draw = () => {
    for (const feed of names) {
      const link = this.links.get(feed);
      const state = kind(link.state);
      const old = this.old(feed);
      const { receivedAt, restored } = this.flux.snapshot(feed);
      const panel = find(`section[data-feed="${feed}"]`);
      put(panel, 'data-link', state);
      put(panel, 'data-old', old);
      const caption = find('.link', panel);
      put(find('.mark', caption), 'data-state', marks[state]);
      const said = [state === 'connected' ? null : this.words(feed), this.paused(feed) ? t('link.paused') : null,
        old && receivedAt !== null ? t(restored ? 'link.kept' : 'link.stale', { time: clock(receivedAt) }) : null].filter(Boolean);
      show(find('.said', caption), said.join(' · ') || t('link.connected'));
      put(find('.said', caption), 'class', said.length ? 'said' : 'said hidden');
      put(caption, 'title', link.reason ? t('link.why', { reason: link.reason, code: link.code ?? t('none') }) : null);
      this.fill(feed);
    }
    this.say();
  };

  fill(feed) {
    const row = this.rows.get(feed);
    const link = this.links.get(feed);
    const state = kind(link.state);
    const statistics = this.flux.statistics(feed);
    const { receivedAt } = this.flux.snapshot(feed);
    const field = (name) => find(`[data-field="${name}"]`, row);
    put(row, 'data-link', state);
    put(find('.mark', row), 'data-state', this.paused(feed) && state === 'connected' ? 'unknown' : marks[state]);
    const age = receivedAt === null ? t('none') : ago(Date.now() - receivedAt);
    const rate = number(statistics.messagesPerSecond * 60, statistics.messagesPerSecond * 60 < 10 ? 1 : 0);
    const line = [state === 'connected' ? null : this.words(feed), this.paused(feed) ? t('link.paused') : null,
      t('links.pace', { rate }),
      statistics.losses ? t('links.broken', { n: statistics.losses }) : null,
      statistics.missedPings ? t('links.silent', { n: statistics.missedPings }) : null];
    show(field('age'), age);
    put(field('age'), 'title', receivedAt === null ? null : moment(receivedAt));
    show(field('line'), line.filter(Boolean).join(' · '));
    const why = link.reason && state !== 'connected' ? `${this.words(feed)}: ${t('link.why', { reason: link.reason, code: link.code ?? t('none') })}` : this.words(feed);
    const values = { link: why, messages: number(statistics.messages), rate, last: receivedAt === null ? t('never') : moment(receivedAt),
      trip: milliseconds(statistics.roundTrip), pings: number(statistics.missedPings), losses: number(statistics.losses), missed: number(statistics.missed), dropped: number(statistics.invalid) };
    for (const [name, value] of Object.entries(values)) show(field(name), value);
    const may = this.access.may === 'operate';
    for (const button of findAll('[data-do]', row)) {
      const deed = button.dataset.do;
      button.hidden = !may || (deed === 'pause' && this.paused(feed)) || (deed === 'resume' && !this.paused(feed));
      show(button, t(`links.${deed}`, { feed: t(`feed.${feed}`) }));
    }
  }

  /** The feeds by what is wrong with them. */
  troubles() {
    const now = Date.now();
    const link = (feed) => this.links.get(feed);
    return {
      refused: names.filter((feed) => this.refused(feed)),
      failed: names.filter((feed) => link(feed).failed !== null && !this.refused(feed)),
      lost: names.filter((feed) => link(feed).down !== null && link(feed).failed === null && now - link(feed).down >= PATIENCE_MS),
      stale: names.filter((feed) => link(feed).down === null && this.old(feed) && !this.paused(feed)),
      paused: names.filter((feed) => this.paused(feed)),
    };
  }

  /** The worst of them, in a word; null while all is well. */
  worst() {
    const { refused, failed, lost, stale } = this.troubles();
    if (refused.length || failed.length) return 'lost';
    return lost.length ? 'again' : stale.length ? 'old' : null;
  }

  /** The one line above everything: the worst that is to be said. Its times stand still, so that a screen reader reads it once. */
  say() {
    const now = Date.now();
    const link = (feed) => this.links.get(feed);
    const said = (feeds) => list(feeds.map((feed) => t(`feed.${feed}`)));
    const since = (feeds, when) => clock(Math.min(...feeds.map(when)));
    const down = (feed) => link(feed).down;
    const { refused, failed, lost, stale, paused } = this.troubles();
    let [level, text, buttons, next] = ['', '', [], ''];
    if (refused.length && !this.access.token) [level, text, buttons] = ['note', t('banner.token'), ['sign']];
    else if (refused.length) [level, text, buttons] = ['bad', t('banner.refused', { reason: `${said(refused)}: ${link(refused[0]).reason}` }), ['sign', 'reconnect']];
    else if (failed.length) {
      [level, text, buttons] = ['bad', t('banner.failed', { feeds: said(failed), time: since(failed, down) }), ['reconnect']];
      next = t('banner.next', { span: span(Math.max(0, this.retryAt(failed) - now)) });
    } else if (lost.length) {
      const first = lost.every((feed) => this.flux.snapshot(feed).data === null);
      [level, text, buttons] = ['warn', first ? t('banner.waiting') : `${t('banner.lost', { feeds: said(lost), time: since(lost, down) })} ${t('banner.again')}`, ['reconnect']];
    } else if (stale.length) [level, text] = ['warn', t('banner.stale', { feeds: said(stale), time: since(stale, (feed) => this.flux.snapshot(feed).receivedAt) })];
    else if (paused.length) [level, text] = ['note', t('banner.paused', { feeds: said(paused) })];
    put(this.banner, 'data-level', level || null);
    this.banner.hidden = !level;
    show(find('.text', this.banner), text);
    show(find('.next', this.banner), next);
    find('#reconnect').hidden = !buttons.includes('reconnect');
    find('#sign').hidden = !buttons.includes('sign');
  }

  retryAt(failed) {
    return Math.min(...failed.map((feed) => this.links.get(feed).failed)) + RETRY_INTERVAL_MS;
  }

  tick() {
    const { failed } = this.troubles();
    if (failed.length && Date.now() >= this.retryAt(failed)) {
      for (const feed of failed) {
        this.links.get(feed).failed = null;
        this.flux.reconnect(feed);
      }
    }
    schedule(this.draw);
  }
}
