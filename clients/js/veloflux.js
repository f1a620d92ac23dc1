// The JavaScript client of veloflux: the live feeds of a service fleet, kept up to date over WebSocket.
//
// One module without dependencies and without a build step, for browsers and Node.js 22 and later. Importing it opens
// nothing and touches no global, so it is safe on a server that renders pages. `VeloFlux` is what a page wants; `Link` is
// one connection that comes back by itself; the classes at the end keep the names of the published clients.

/** Every feed, with the time between two messages of it in milliseconds. */
export const FEEDS = Object.freeze({ backends: 5_000, metrics: 2_000, status: 10_000, billing: 30_000, health: 15_000 });

/** So many cadences without a message make a feed stale. */
const STALE_CADENCES = 3;
/** The longest time a connection may take to open. */
const CONNECT_TIMEOUT_MS = 10_000;
/** The window over which messages per second are counted. */
const RATE_WINDOW_MS = 60_000;
/** The least time between two writes of one feed to the storage. */
const SAVE_INTERVAL_MS = 1_000;
/** Closes after which the same attempt would end in the same way: protocol errors of ours. */
const POINTLESS = new Set([1002, 1003, 1007, 1009]);
const SUBPROTOCOL = 'veloflux.v1';
const OPEN = 1;

/** What went wrong with a request. `status` is the HTTP status, `code` the server's word for it. */
export class VeloFluxError extends Error {
  constructor(message, { status = 0, code = 'failed', retryAfter = null } = {}) {
    super(message);
    this.name = 'VeloFluxError';
    Object.assign(this, { status, code, retryAfter });
  }
}

// ---- when to try again

/** How long to wait before connecting again, and how often. Times in milliseconds. */
export class ReconnectionStrategy {
  constructor({ maxAttempts = 5, baseDelay = 1_000, maxDelay = 30_000, backoffFactor = 2, jitter = true } = {}) {
    const numbers = { maxAttempts, baseDelay, maxDelay, backoffFactor };
    for (const [name, value] of Object.entries(numbers)) {
      if (typeof value !== 'number' || !(value >= 0)) throw new RangeError(`\`${name}\` is ${value}; give a number from 0`);
    }
    Object.assign(this, numbers, { jitter: Boolean(jitter) });
  }

  /** The delay before an attempt; the first is 0. */
  getDelay(attempt, random = Math.random) {
    // 0 × Infinity is no number: a delay that starts at 0 stays there.
    const grown = this.baseDelay === 0 ? 0 : this.baseDelay * this.backoffFactor ** attempt;
    const delay = Math.min(grown, this.maxDelay);
    return this.jitter ? delay * (0.5 + random() * 0.5) : delay;
  }

  /** Whether there is to be an attempt after so many that failed. */
  shouldReconnect(attempt) {
    return attempt < this.maxAttempts;
  }
}

const strategyOf = (given) => (given instanceof ReconnectionStrategy ? given : new ReconnectionStrategy(given));

/** The health monitor: a ping every `interval`, a sign of life within `timeout`, `maxMissedPings` in a row and it is over. */
function monitorOf(given = {}) {
  if (given === false || given === null) return null;
  const { interval = 30_000, timeout = 5_000, maxMissedPings = 3 } = given;
  for (const [name, value] of Object.entries({ interval, timeout, maxMissedPings })) {
    if (!(value > 0)) throw new RangeError(`\`${name}\` is ${value}; give a number above 0`);
  }
  if (timeout > interval) throw new RangeError('`timeout` is longer than `interval`; a ping is answered before the next');
  return { interval, timeout, maxMissedPings };
}

/** The time the server asks for in the reason of a close, in milliseconds. */
const askedDelay = (reason) => Number(/retry_after_ms\D{0,3}(\d{1,9})/.exec(reason ?? '')?.[1] ?? 0);

// ---- what is said

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value) => typeof value === 'string';
const isCount = (value) => typeof value === 'number' && Number.isFinite(value);
const isMeasured = (value) => value === null || isCount(value);

/** What the data of each message must hold. Keys that are not named here are nobody's business. */
const SHAPES = {
  backends: (data) => Array.isArray(data) && data.every((item) => isObject(item) && isText(item.address) && isText(item.status)),
  backends_update: (data) => isObject(data) && isText(data.address),
  metrics: (data) => isObject(data) && isMeasured(data.cpu) && isMeasured(data.memory) && isMeasured(data.requests),
  status: (data) => isObject(data) && isText(data.status),
  billing: (data) => isObject(data) && isMeasured(data.usage) && isMeasured(data.cost),
  health: (data) => isObject(data) && typeof data.healthy === 'boolean' && isObject(data.checks),
};

/** The feed a type of message belongs to; none for the others. */
const feedOf = (type) => (type === 'backends_update' ? 'backends' : type in FEEDS ? type : null);

/** What is wrong with a message of a feed; null if nothing. */
export function problemOf(message) {
  if (!isObject(message) || !isText(message.type)) return 'it is no object with a `type`';
  const shape = Object.hasOwn(SHAPES, message.type) ? SHAPES[message.type] : null;
  if (shape && !shape(message.data)) return `the data of \`${message.type}\` is not what it should be`;
  return null;
}

/** The state of a feed after a message. The old one is not changed. */
export function fold(state, message) {
  if (message.type !== 'backends_update') return message.data;
  const update = message.data;
  const meant = (item) => item.address === update.address && (update.pool === undefined || update.pool === item.pool);
  // In two pools it is not said which of them is meant; the server then sends the whole list.
  if (!Array.isArray(state) || state.filter(meant).length !== 1) return state;
  return state.map((item) => (meant(item) ? { ...item, ...update } : item));
}

/** The run and the number in the id of a message. */
function numberOf(id) {
  const found = /^(.+)-(\d+)$/.exec(id ?? '');
  return found && { epoch: found[1], seq: Number(found[2]) };
}

// ---- events

/** Listeners by event. One that throws neither stops the others nor the connection. */
class Emitter {
  #listeners = new Map();

  /** Calls `listener` at every such event, until the function that this returns is called. */
  on(event, listener) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
    this.#listeners.get(event).add(listener);
    return () => this.off(event, listener);
  }

  off(event, listener) {
    this.#listeners.get(event)?.delete(listener);
    if (this.#listeners.get(event)?.size === 0) this.#listeners.delete(event);
  }

  emit(event, detail) {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        listener(detail);
      } catch (error) {
        (globalThis.reportError ?? console.error)(error);
      }
    }
  }

  /** How many listeners there are. */
  get listenerCount() {
    return [...this.#listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }

  removeAll() {
    this.#listeners.clear();
  }
}

/** What a client uses of the world around it; tests and other platforms give their own. */
function worldOf(given = {}) {
  const global = globalThis;
  return {
    WebSocket: global.WebSocket,
    fetch: global.fetch?.bind(global),
    setTimeout: (...args) => global.setTimeout(...args),
    clearTimeout: (timer) => global.clearTimeout(timer),
    now: () => Date.now(),
    random: () => Math.random(),
    window: typeof global.addEventListener === 'function' && typeof global.document !== 'undefined' ? global : null,
    Notification: global.Notification,
    ...given,
  };
}

// ---- one connection

/**
 * A WebSocket that comes back by itself.
 *
 * Events: `link` with what it is doing now (see {@link Link#state}), `message` with each document that came, `open`, `close` and
 * `error` with the events of the socket, `invalid` with what was no document, `pong` with the round trip in milliseconds.
 */
export class Link extends Emitter {
  #world;
  #options;
  #strategy;
  #monitor;
  #socket = null;
  #timers = new Map();
  #attempt = 0;
  #missed = 0;
  #signs = 0;
  #wanted = false;
  #turn = 0;
  #state;

  /**
   * @param {string | (() => string | Promise<string>)} url asked anew for every attempt
   * @param {object} [options] reconnectionStrategy, healthMonitor (false: none), token (a text, or a function that gives one),
   *   authentication ('subprotocol', 'message' or 'ticket'), connectTimeout, environment
   */
  constructor(url, options = {}) {
    super();
    this.url = url;
    this.#options = options;
    this.#world = worldOf(options.environment);
    this.#strategy = strategyOf(options.reconnectionStrategy);
    this.#monitor = monitorOf(options.healthMonitor);
    this.#state = Object.freeze({ state: 'Disconnected', attempt: 0, of: this.#strategy.maxAttempts, retryAt: null, code: null, reason: null, since: this.#world.now() });
  }

  /**
   * What it is doing: `{state, attempt, of, retryAt, code, reason, since}`. The state is `Connecting`, `Connected`,
   * `Reconnecting (k/n)`, `Disconnected` (closed on purpose, by either side), `Failed` (given up) or `Error` (cannot be tried).
   */
  get state() {
    return this.#state;
  }

  get connected() {
    return this.#state.state === 'Connected';
  }

  /** Connects, unless it is connected or about to be. */
  open() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#attempt = 0;
    const { window } = this.#world;
    window?.addEventListener('online', this.#wake);
    window?.document.addEventListener('visibilitychange', this.#wake);
    this.#say('Connecting');
    this.#connect();
  }

  /** Ends the connection now and begins a new one, with all attempts before it. */
  reconnect() {
    if (!this.#wanted) return this.open();
    this.#drop(1000, 'reconnecting');
    this.#attempt = 0;
    this.#say('Connecting');
    this.#connect();
  }

  /** Ends the connection, for good until somebody opens it again. */
  close() {
    if (!this.#wanted) return;
    this.#rest();
    this.#drop(1000, 'done');
    this.#say('Disconnected');
  }

  /** Sends a document. False: there is no connection, and it was not sent. */
  send(message) {
    if (this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** Counts as a sign of life. */
  alive() {
    this.#signs += 1;
    this.#missed = 0;
  }

  /** Watches the connection from now on in this manner; false: not at all. */
  monitor(options) {
    this.#monitor = monitorOf(options);
    this.#stop('ping');
    if (this.connected) this.#watch();
  }

  #say(state, detail = {}) {
    this.#state = Object.freeze({ state, attempt: this.#attempt, of: this.#strategy.maxAttempts, retryAt: null, code: null, reason: null, since: this.#world.now(), ...detail });
    this.emit('link', this.#state);
  }

  #after(name, delay, act) {
    this.#stop(name);
    this.#timers.set(name, this.#world.setTimeout(() => {
      this.#timers.delete(name);
      act();
    }, delay));
  }

  #stop(name) {
    if (this.#timers.has(name)) this.#world.clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  /** Nothing is wanted any more. */
  #rest() {
    this.#wanted = false;
    const { window } = this.#world;
    window?.removeEventListener('online', this.#wake);
    window?.document.removeEventListener('visibilitychange', this.#wake);
  }

  /** Lets go of the socket: nothing that it still says is heard. */
  #drop(code, reason) {
    this.#turn += 1;
    for (const name of [...this.#timers.keys()]) this.#stop(name);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    // One that never opened complains when it is closed.
    socket.onerror = () => {};
    socket.close(code, reason);
  }

  async #connect() {
    const turn = ++this.#turn;
    let socket;
    try {
      const token = await given(this.#options.token);
      const { url, protocols } = await this.#address(token);
      if (turn !== this.#turn) return;
      const { WebSocket } = this.#world;
      if (!WebSocket) throw new VeloFluxError('there is no WebSocket here; give one as `environment.WebSocket`');
      socket = protocols.length ? new WebSocket(url, protocols) : new WebSocket(url);
      socket.onopen = (event) => {
        if (token && this.#options.authentication === 'message') this.send({ type: 'auth', token });
        this.#opened(event);
      };
    } catch (error) {
      if (turn !== this.#turn) return;
      this.emit('error', error);
      // An address that is none will not become one, and a token that was refused is not a better one next time.
      if (error?.name === 'SyntaxError' || (error instanceof VeloFluxError && [0, 401, 403, 404].includes(error.status))) {
        this.#rest();
        return this.#say('Error', { reason: String(error.message ?? error) });
      }
      return this.#lost(1006, String(error?.message ?? error));
    }
    this.#socket = socket;
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onerror = (event) => this.emit('error', event);
    socket.onclose = (event) => {
      this.emit('close', event);
      this.#lost(event.code, event.reason);
    };
    this.#after('connect', this.#options.connectTimeout ?? CONNECT_TIMEOUT_MS, () => this.#lost(1006, 'no answer to the handshake'));
  }

  /** Where to connect, with the token as the server wants it. */
  async #address(token) {
    let url = await given(this.url);
    if (!token) return { url, protocols: [] };
    switch (this.#options.authentication ?? 'subprotocol') {
      case 'subprotocol':
        return { url, protocols: [SUBPROTOCOL, `bearer.${token}`] };
      case 'message':
        return { url, protocols: [SUBPROTOCOL] };
      case 'ticket': {
        const at = new URL('/api/ws/ticket', url.replace(/^ws/, 'http'));
        const { ticket } = await post(this.#world, at, token);
        url += `${url.includes('?') ? '&' : '?'}ticket=${encodeURIComponent(ticket)}`;
        return { url, protocols: [] };
      }
      default:
        throw new VeloFluxError(`\`authentication\` is \`${this.#options.authentication}\`; give 'subprotocol', 'message' or 'ticket'`);
    }
  }

  #opened(event) {
    this.#stop('connect');
    this.alive();
    this.#say('Connected');
    this.emit('open', event);
    this.#watch();
  }

  #watch() {
    if (!this.#monitor) return;
    const { interval, timeout, maxMissedPings } = this.#monitor;
    const before = this.#signs;
    this.send({ type: 'ping', timestamp: this.#world.now() });
    this.#after('ping', timeout, () => {
      this.#missed = this.#signs > before ? 0 : this.#missed + 1;
      if (this.#missed >= maxMissedPings) return this.#lost(1006, `${this.#missed} pings without an answer`);
      this.#after('ping', interval - timeout, () => this.#watch());
    });
  }

  #receive(text) {
    this.alive();
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return this.emit('invalid', { problem: 'it is not JSON', text });
    }
    if (message?.type === 'pong') {
      const now = this.#world.now();
      const took = now - message.timestamp;
      if (took >= 0) this.emit('pong', { took, skew: Date.parse(message.server_time) - (message.timestamp + now) / 2 });
      return;
    }
    // A connection that delivers is a good one: the next loss is counted from the start.
    this.#attempt = 0;
    this.emit('message', message);
  }

  #lost(code, reason) {
    this.#drop(1000, 'lost');
    const why = { code, reason: reason || 'the connection was lost' };
    if (code === 1000 || this.#strategy.maxAttempts === 0) {
      this.#rest();
      return this.#say('Disconnected', why);
    }
    if (POINTLESS.has(code) || (code >= 4400 && code < 4500)) {
      this.#rest();
      return this.#say('Failed', why);
    }
    if (!this.#strategy.shouldReconnect(this.#attempt)) {
      // It still listens for the network to come back and for somebody to look at the page.
      return this.#say('Failed', why);
    }
    const delay = Math.max(this.#strategy.getDelay(this.#attempt, this.#world.random), askedDelay(reason));
    this.#attempt += 1;
    const n = this.#strategy.maxAttempts === Infinity ? '∞' : this.#strategy.maxAttempts;
    this.#after('retry', delay, () => this.#connect());
    this.#say(`Reconnecting (${this.#attempt}/${n})`, { ...why, retryAt: this.#world.now() + delay });
  }

  /** The network is back, or the page is looked at again: what waits does not wait longer, what stands is tried. */
  #wake = () => {
    const { window } = this.#world;
    if (!this.#wanted || window?.document.visibilityState === 'hidden') return;
    if (this.connected) {
      this.#stop('ping');
      this.#watch();
    } else if (this.#timers.has('retry') || this.#state.state === 'Failed') {
      this.#stop('retry');
      if (this.#state.state === 'Failed') this.#attempt = 0;
      this.#connect();
    }
  };
}

const given = async (value) => (typeof value === 'function' ? value() : value);

/** Posts a command with a token, and gives the answer or throws a {@link VeloFluxError}. */
async function post(world, url, token, body) {
  if (!world.fetch) throw new VeloFluxError('there is no fetch here; give one as `environment.fetch`');
  const headers = { ...(token && { Authorization: `Bearer ${token}` }), ...(body && { 'Content-Type': 'application/json' }) };
  const response = await world.fetch(url, { method: 'POST', headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch { /* A proxy between us says what it likes. */ }
  if (response.ok && answer) return answer;
  const { code = 'failed', message = `the server answered ${response.status}` } = answer?.error ?? {};
  throw new VeloFluxError(message, { status: response.status, code, retryAfter: response.headers?.get?.('Retry-After') ?? null });
}

// ---- the feeds

/**
 * The feeds of one server.
 *
 * Events: each feed by its name with its new state; `link` with `{feed, state, …}` when a connection changes; `message` with
 * `{feed, message}`; `gap` with `{feed, missed, after, before}`; `resumed` with `{feed, recovered}`; `stale` with
 * `{feed, stale, age}`; `invalid` with `{feed, problem}`; `change` with the feed whenever its snapshot is a new one.
 */
export class VeloFlux extends Emitter {
  #world;
  #options;
  #base;
  #feeds = new Map();
  #links = new Map();
  #users = new Map();
  #closed = false;
  #skew = 0;

  /**
   * @param {object} [options]
   *   url: of the server (default: where the page came from); feeds: names, or 'all' (default);
   *   transport: 'separate' (default) or 'multiplexed': one socket for all feeds;
   *   token: a text or a function; authentication: 'subprotocol' (default), 'message' or 'ticket';
   *   reconnectionStrategy, healthMonitor, connectTimeout: see {@link Link};
   *   maxMessagesPerSecond: how often listeners of one feed are called, the newest wins (default: no limit);
   *   storage: what has getItem and setItem, to show the last known values at once next time; storageKey;
   *   alerts: {after, onDisconnect, onReconnect, notification}: who is told when a connection is away for `after` ms;
   *   environment: WebSocket, fetch, setTimeout, … for tests and other platforms
   */
  constructor(options = {}) {
    super();
    this.#options = { transport: 'separate', storageKey: 'veloflux', ...options };
    if (!['separate', 'multiplexed'].includes(this.#options.transport)) {
      throw new RangeError(`\`transport\` is \`${this.#options.transport}\`; give 'separate' or 'multiplexed'`);
    }
    this.#world = worldOf(options.environment);
    // Checked now, not at the first connection.
    strategyOf(options.reconnectionStrategy);
    monitorOf(options.healthMonitor);
    const wanted = options.feeds === undefined || options.feeds === 'all' ? Object.keys(FEEDS) : [options.feeds].flat();
    const unknown = wanted.find((feed) => !Object.hasOwn(FEEDS, feed));
    if (unknown !== undefined) throw new RangeError(`there is no feed \`${unknown}\`; there are ${Object.keys(FEEDS).join(', ')}`);
    this.feeds = Object.freeze([...wanted]);
    for (const feed of Object.keys(FEEDS)) this.#feeds.set(feed, this.#restored(feed));
  }

  // ---- what a page reads

  /** The server's address, `https://host:port`. */
  get url() {
    this.#base ??= String(this.#options.url ?? this.#world.window?.location?.origin ?? 'http://127.0.0.1:8080').replace(/^ws/, 'http').replace(/\/+$/, '');
    return this.#base;
  }

  /**
   * All about a feed, frozen, and the same object until something changes:
   * `{data, id, receivedAt, stale, restored, link, error}`. `restored`: it is from the storage, and nothing newer came.
   */
  snapshot(feed) {
    return this.#known(feed).snapshot;
  }

  /** The state of a feed: null before the first message. */
  data(feed) {
    return this.snapshot(feed).data;
  }

  /** How old the state of a feed is, in milliseconds; null before the first message. */
  age(feed) {
    const { receivedAt } = this.snapshot(feed);
    return receivedAt === null ? null : Math.max(0, this.#world.now() - receivedAt);
  }

  /** The server's clock, in milliseconds as of `Date.now()`: ages of its timestamps are told by it. */
  serverNow() {
    return this.#world.now() + this.#skew;
  }

  /**
   * What came of a feed: messages, bytes are not counted; `missed` by their ids, `dropped` by the rate limit, `invalid`;
   * `losses` of the connection; `messagesPerSecond` over the last minute; `lastMessageAt`; `roundTrip` in milliseconds.
   */
  statistics(feed) {
    const known = this.#known(feed);
    const now = this.#world.now();
    const { times, since, ...counted } = known.counts;
    while (times.length && times[0] <= now - RATE_WINDOW_MS) times.shift();
    const window = Math.max(1_000, Math.min(RATE_WINDOW_MS, now - (since ?? now)));
    return { ...counted, messagesPerSecond: times.length / (window / 1_000) };
  }

  /** Calls `listener` with the state of a feed, now if it is known and whenever it changes. Gives what ends that. */
  subscribe(feed, listener) {
    const { data } = this.#known(feed).snapshot;
    const end = this.on(feed, listener);
    if (data !== null) listener(data);
    return end;
  }

  // ---- what a page does

  /** Connects the feeds that were asked for. */
  connect() {
    this.#alive();
    for (const feed of this.feeds) this.#users.set(feed, Math.max(1, this.#users.get(feed) ?? 0));
    this.#arrange();
    return this;
  }

  /**
   * Keeps a feed connected until the function that this returns is called; then, if nobody else uses it, it is disconnected.
   * What is used again at once, as React does in its strict mode, keeps its connection.
   */
  use(feed) {
    this.#alive();
    this.#known(feed);
    this.#users.set(feed, (this.#users.get(feed) ?? 0) + 1);
    this.#arrange();
    let used = true;
    return () => {
      if (!used) return;
      used = false;
      this.#users.set(feed, Math.max(0, (this.#users.get(feed) ?? 0) - 1));
      this.#world.setTimeout(() => { if (!this.#closed) this.#arrange(); }, 0);
    };
  }

  /** Ends every connection and begins it anew. */
  reconnect() {
    for (const link of new Set(this.#links.values())) link.reconnect();
  }

  /** Disconnects for good: nothing is left behind, and this client cannot be used again. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    for (const link of new Set(this.#links.values())) {
      link.close();
      link.removeAll();
    }
    this.#links.clear();
    this.#users.clear();
    for (const [feed, known] of this.#feeds) {
      if (known.unsaved) this.#save(feed);
      for (const timer of known.timers.values()) this.#world.clearTimeout(timer);
      known.timers.clear();
      known.snapshot = Object.freeze({ ...known.snapshot, link: 'Disconnected' });
    }
    this.removeAll();
  }

  get closed() {
    return this.#closed;
  }

  /** Shows every connection a fresh token before the old one expires. */
  async refresh() {
    const token = await given(this.#options.token);
    for (const link of new Set(this.#links.values())) link.send({ type: 'auth', token });
  }

  /** Sends a document over the connection of a feed. False: there is none. */
  send(feed, message) {
    return this.#links.get(feed)?.send(message) ?? false;
  }

  /** Has a feed, or all of them, measured and sent now. */
  async forceUpdate(feed) {
    return this.#post('/api/ws/force-update', feed && { type: feed });
  }

  /**
   * Asks the server to do something: `check`; `pause` and `resume` with `{type: 'metrics' | 'all'}`; `drain`, `maintenance`,
   * `enable` and `weight` with `{backend, pool, for: '30m', reason, weight}`; `reload`.
   */
  async control(action, parameters = {}) {
    return this.#post('/api/ws/control', action && { action, ...parameters });
  }

  // ---- inside

  #alive() {
    if (this.#closed) throw new VeloFluxError('this client was closed; make another');
  }

  #known(feed) {
    const known = this.#feeds.get(feed);
    if (!known) throw new RangeError(`there is no feed \`${feed}\`; there are ${Object.keys(FEEDS).join(', ')}`);
    return known;
  }

  async #post(path, body) {
    return post(this.#world, `${this.url}${path}`, await given(this.#options.token), body);
  }

  /** Opens and closes connections until exactly what is used is connected. */
  #arrange() {
    const used = Object.keys(FEEDS).filter((feed) => (this.#users.get(feed) ?? 0) > 0);
    if (this.#options.transport === 'multiplexed') return this.#arrangeShared(used);
    for (const [feed, link] of this.#links) {
      if (!used.includes(feed)) this.#let(feed, link);
    }
    for (const feed of used) {
      if (this.#links.has(feed)) continue;
      const link = this.#link([feed], () => this.#address(`/api/ws/${feed}`, this.#resume(feed)));
      this.#links.set(feed, link);
      link.open();
    }
  }

  #arrangeShared(used) {
    const shared = this.#links.values().next().value;
    const now = [...this.#links.keys()];
    if (now.length === used.length && used.every((feed) => this.#links.has(feed))) return;
    for (const feed of now) this.#links.delete(feed);
    if (shared) {
      shared.close();
      shared.removeAll();
    }
    for (const feed of now.filter((feed) => !used.includes(feed))) this.#linked(feed, 'Disconnected', {});
    if (!used.length) return;
    const link = this.#link(used, () => {
      const known = used.map((feed) => [feed, this.#resume(feed)]).filter(([, id]) => id);
      const resume = known.map(([feed, id]) => `${feed}:${id}`).join(',');
      return this.#address('/api/ws', resume || null, `feeds=${used.join(',')}`);
    });
    for (const feed of used) this.#links.set(feed, link);
    link.open();
  }

  #let(feed, link) {
    this.#links.delete(feed);
    link.close();
    link.removeAll();
  }

  #resume(feed) {
    return this.#known(feed).last?.id ?? null;
  }

  #address(path, lastId, query = '') {
    const resume = lastId ? `last_id=${encodeURIComponent(lastId)}` : '';
    const parameters = [query, resume].filter(Boolean).join('&');
    return `${this.url.replace(/^http/, 'ws')}${path}${parameters && `?${parameters}`}`;
  }

  #link(feeds, url) {
    const { reconnectionStrategy, healthMonitor, connectTimeout, token, authentication, environment } = this.#options;
    const link = new Link(url, { reconnectionStrategy, healthMonitor, connectTimeout, token, authentication, environment });
    link.on('link', (detail) => {
      for (const feed of feeds) this.#linked(feed, detail.state, detail);
    });
    link.on('message', (message) => this.#take(feeds, message));
    link.on('invalid', ({ problem }) => {
      for (const feed of feeds) this.#invalid(feed, problem);
    });
    link.on('pong', ({ took, skew }) => {
      if (Number.isFinite(skew)) this.#skew = skew;
      for (const feed of feeds) this.#known(feed).counts.roundTrip = took;
    });
    return link;
  }

  #linked(feed, state, detail) {
    const known = this.#known(feed);
    if (known.up && state !== 'Connected') {
      known.counts.losses += state === 'Disconnected' ? 0 : 1;
      known.up = false;
      if (state !== 'Disconnected') this.#alarm(feed, detail);
    }
    if (state === 'Connected') {
      known.up = true;
      known.counts.since ??= this.#world.now();
      this.#calm(feed);
      this.#expect(feed);
    }
    this.#renew(feed, { link: state, error: detail.reason ?? null });
    this.emit('link', { feed, ...detail, state });
  }

  #take(feeds, message) {
    const type = isText(message?.type) ? message.type : '';
    const feed = feedOf(type) ?? (type === 'resumed' ? message.data?.feed ?? feeds[0] : feeds[0]);
    if (!feeds.includes(feed)) return;
    const known = this.#known(feed);
    if (type === 'resumed') return this.emit('resumed', { feed, recovered: message.data?.recovered === true });
    if (type === 'error') return this.emit('problem', { feed, ...message.data });
    const problem = problemOf(message);
    if (problem) return this.#invalid(feed, problem);
    // What later servers say besides is for later clients.
    if (!feedOf(type)) return;
    this.#count(feed, known, message.id);
    this.emit('message', { feed, message });
    this.#renew(feed, { data: fold(known.snapshot.data, message), id: message.id ?? null, receivedAt: this.#world.now(), stale: false, restored: false }, 'quietly');
    this.#expect(feed);
    this.#announce(feed, known);
    this.#keep(feed, known);
  }

  #count(feed, known, id) {
    const now = this.#world.now();
    known.counts.messages += 1;
    known.counts.lastMessageAt = now;
    known.counts.times.push(now);
    while (known.counts.times[0] <= now - RATE_WINDOW_MS) known.counts.times.shift();
    const number = numberOf(id);
    if (!number) return;
    const last = known.last;
    if (last && last.epoch === number.epoch && number.seq > last.seq + 1) {
      const missed = number.seq - last.seq - 1;
      known.counts.missed += missed;
      this.emit('gap', { feed, missed, after: last.id, before: id });
    }
    known.last = { ...number, id };
  }

  #invalid(feed, problem) {
    this.#known(feed).counts.invalid += 1;
    this.emit('invalid', { feed, problem });
  }

  /** A new snapshot. The state itself is announced apart, at the pace the listeners want. */
  #renew(feed, changes, quietly) {
    const known = this.#known(feed);
    known.snapshot = Object.freeze({ ...known.snapshot, ...changes });
    if (!quietly) this.emit('change', feed);
  }

  #announce(feed, known) {
    const limit = this.#options.maxMessagesPerSecond;
    const tell = () => {
      known.announced = this.#world.now();
      this.emit('change', feed);
      this.emit(feed, known.snapshot.data);
    };
    if (!(limit > 0)) return tell();
    if (known.timers.has('announce')) {
      // Somebody newer has come: the one that waited is never told.
      known.counts.dropped += 1;
      return;
    }
    const wait = known.announced + 1_000 / limit - this.#world.now();
    if (wait <= 0) return tell();
    this.#timer(known, 'announce', wait, tell);
  }

  #timer(known, name, delay, act) {
    this.#world.clearTimeout(known.timers.get(name));
    known.timers.set(name, this.#world.setTimeout(() => {
      known.timers.delete(name);
      act();
    }, delay));
  }

  /** Waits for the next message of a feed, and says when it does not come. */
  #expect(feed) {
    const known = this.#known(feed);
    this.#timer(known, 'stale', STALE_CADENCES * FEEDS[feed], () => {
      // An empty list has nothing to update: while its connection is up it is current.
      if (feed === 'backends' && known.up && known.snapshot.data?.length === 0) return this.#expect(feed);
      this.#renew(feed, { stale: true });
      this.emit('stale', { feed, stale: true, age: this.age(feed) });
    });
  }

  // ---- the storage

  #restored(feed) {
    const counts = { messages: 0, missed: 0, dropped: 0, invalid: 0, losses: 0, lastMessageAt: null, roundTrip: null, times: [], since: null };
    const known = { counts, timers: new Map(), last: null, up: false, announced: -Infinity, unsaved: false, saved: -Infinity };
    let [data, receivedAt] = [null, null];
    try {
      const kept = JSON.parse(this.#options.storage?.getItem(`${this.#options.storageKey}:${feed}`) ?? 'null');
      if (kept && isCount(kept.at) && problemOf({ type: feed, data: kept.data }) === null) [data, receivedAt] = [kept.data, kept.at];
    } catch { /* What cannot be read is not there. */ }
    const restored = data !== null;
    known.snapshot = Object.freeze({ data, id: null, receivedAt, stale: restored, restored, link: 'Disconnected', error: null });
    return known;
  }

  #keep(feed, known) {
    if (!this.#options.storage) return;
    known.unsaved = true;
    if (known.timers.has('save')) return;
    const wait = known.saved + SAVE_INTERVAL_MS - this.#world.now();
    if (wait <= 0) return this.#save(feed);
    this.#timer(known, 'save', wait, () => this.#save(feed));
  }

  #save(feed) {
    const known = this.#known(feed);
    known.unsaved = false;
    known.saved = this.#world.now();
    const { data, receivedAt } = known.snapshot;
    try {
      this.#options.storage.setItem(`${this.#options.storageKey}:${feed}`, JSON.stringify({ at: receivedAt, data }));
    } catch (error) {
      this.emit('problem', { feed, code: 'storage', message: String(error.message ?? error) });
    }
  }

  // ---- alerts

  #alarm(feed, detail) {
    const { alerts } = this.#options;
    if (!alerts) return;
    const known = this.#known(feed);
    this.#timer(known, 'alarm', alerts.after ?? 5_000, () => {
      known.alarmed = true;
      const told = { feed, code: detail.code, reason: detail.reason, state: known.snapshot.link };
      call(alerts.onDisconnect, told);
      const { Notification } = this.#world;
      if (alerts.notification && Notification?.permission === 'granted') {
        new Notification(`veloflux: ${feed} is disconnected`, { body: detail.reason ?? '', tag: `veloflux-${feed}` });
      }
    });
  }

  #calm(feed) {
    const known = this.#known(feed);
    this.#world.clearTimeout(known.timers.get('alarm'));
    known.timers.delete('alarm');
    if (known.alarmed) call(this.#options.alerts?.onReconnect, { feed });
    known.alarmed = false;
  }
}

function call(callback, detail) {
  try {
    callback?.(detail);
  } catch (error) {
    (globalThis.reportError ?? console.error)(error);
  }
}

// ---- the names of the published clients

/** What hooks and services of the published clients give for options, as a {@link Link} wants it. */
export function linkOptions({ shouldReconnect = true, reconnectInterval, maxReconnectAttempts, reconnectionStrategy, ...rest } = {}) {
  const named = {};
  if (reconnectInterval !== undefined) Object.assign(named, { baseDelay: reconnectInterval, backoffFactor: 1, jitter: false, maxDelay: Infinity });
  if (maxReconnectAttempts !== undefined) named.maxAttempts = maxReconnectAttempts;
  if (!shouldReconnect) named.maxAttempts = 0;
  return { ...rest, reconnectionStrategy: Object.keys(named).length ? { ...reconnectionStrategy, ...named } : reconnectionStrategy };
}

/**
 * Connections by name. Listeners get an event whose `detail` is what happened: `<name>:open`, `<name>:message`, `<name>:<type>` with
 * the data of each message, `<name>:close`, `<name>:error`, `<name>:link` with the state of the connection as text, and
 * the same as `<name>:status` — but for a connection called `status`, where that is what its messages say.
 */
export class WebSocketManager {
  #events = new Emitter();
  #links = new Map();

  connect(name, url, options = {}) {
    this.disconnect(name);
    const link = new Link(url, linkOptions(options));
    this.#links.set(name, link);
    link.on('link', ({ state }) => {
      this.emit(`${name}:link`, state);
      if (name !== 'status') this.emit(`${name}:status`, state);
    });
    for (const event of ['open', 'close', 'error']) link.on(event, (detail) => this.emit(`${name}:${event}`, detail));
    link.on('message', (message) => {
      this.emit(`${name}:message`, message);
      if (isText(message?.type)) this.emit(`${name}:${message.type}`, message.data);
    });
    link.open();
  }

  /** The connection of that name. */
  link(name) {
    return this.#links.get(name);
  }

  disconnect(name) {
    const link = this.#links.get(name);
    this.#links.delete(name);
    link?.close();
    link?.removeAll();
  }

  disconnectAll() {
    for (const name of [...this.#links.keys()]) this.disconnect(name);
  }

  send(name, message) {
    return this.#links.get(name)?.send(message) ?? false;
  }

  on(event, listener) {
    return this.#events.on(event, listener);
  }

  off(event, listener) {
    this.#events.off(event, listener);
  }

  emit(event, detail) {
    this.#events.emit(event, { type: event, detail });
  }
}

/** Watches connections of a {@link WebSocketManager} closer, or not at all. They are watched by themselves already. */
export class ConnectionHealthMonitor {
  constructor(manager, { interval = 30_000, timeout = 5_000, maxMissedPings = 3 } = {}) {
    this.manager = manager;
    Object.assign(this, { checkInterval: interval, timeout, maxMissedPings });
  }

  startMonitoring(name) {
    this.manager.link(name)?.monitor({ interval: this.checkInterval, timeout: this.timeout, maxMissedPings: this.maxMissedPings });
  }

  stopMonitoring(name) {
    this.manager.link(name)?.monitor(false);
  }

  handlePong(name) {
    this.manager.link(name)?.alive();
  }
}

/** All feeds of a server. Events with a `detail`: each feed by its name, and `connectionStatus` with the state of each. */
export class VeloFluxWebSocketManager {
  #flux;
  #events = new Emitter();

  constructor(baseUrl = 'ws://localhost:8080', options = {}) {
    this.baseUrl = baseUrl;
    this.data = { metrics: {}, status: {}, backends: [], billing: {}, health: {} };
    this.connectionStatus = {};
    this.#flux = new VeloFlux({ ...options, url: baseUrl });
    for (const feed of Object.keys(FEEDS)) {
      this.#flux.on(feed, (data) => {
        this.data[feed] = data;
        this.emit(feed, data);
      });
    }
    this.#flux.on('link', ({ feed, state }) => {
      this.connectionStatus = { ...this.connectionStatus, [feed]: state };
      this.emit('connectionStatus', this.connectionStatus);
    });
    this.#flux.connect();
  }

  on(event, listener) {
    return this.#events.on(event, listener);
  }

  off(event, listener) {
    this.#events.off(event, listener);
  }

  emit(event, detail) {
    this.#events.emit(event, { type: event, detail });
  }

  disconnect() {
    this.#flux.close();
  }

  getData() {
    return this.data;
  }

  getConnectionStatus() {
    return this.connectionStatus;
  }
}
