// The JavaScript client of veloflux: the live feeds of a service fleet, kept up to date over WebSocket.
//
// One file without dependencies and without a build step, because pages load it from a server as `/veloflux.js` and nothing
// else. Importing it opens nothing and touches no global, so it is safe where pages are rendered on a server.
//
// `VeloFlux` is what a page wants: the feeds of a server and what is known of them. It stands on `Link`, one connection that
// comes back by itself and knows nothing of feeds. The classes at the end keep the names of the published clients.
//
// Two clocks: what waits or measures a span goes by the monotonic one, so that a clock that is set harms nothing; what is told
// to people goes by the wall clock.

/** Every feed, with the time between two messages of it in milliseconds. */
export const FEEDS = Object.freeze({ backends: 5_000, metrics: 2_000, status: 10_000, billing: 30_000, health: 15_000 });

/** So many cadences without a message make a feed stale. */
const STALE_CADENCES = 3;
/** The longest time a connection may take to open. */
const CONNECT_TIMEOUT_MS = 10_000;
/** The longest wait a server may ask for. It says seconds; this is for what is no server of ours. */
const ASKED_DELAY_MAX_MS = 600_000;
/** The longest delay of a timer: past it browsers fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;
/** The window over which messages per second are counted, in seconds. */
const RATE_WINDOW_S = 60;
/** The least time between two writes of one feed to the storage. */
const SAVE_INTERVAL_MS = 1_000;
/** How long a connection may be away before anybody is told: a server that restarts is back by then. */
const ALERT_AFTER_MS = 5_000;
/** Closes after which the same attempt would end in the same way: protocol errors of ours. */
const POINTLESS = new Set([1002, 1003, 1007, 1009]);
const SUBPROTOCOL = 'veloflux.v1';
const OPEN = 1;
/** What no second attempt can mend. */
const UNSUPPORTED = Object.freeze({ code: 'unsupported' });

/** What went wrong with a request. `status` is the HTTP status (0: there was no answer), `code` the server's word for it. */
export class VeloFluxError extends Error {
  constructor(message, { status = 0, code = 'failed', retryAfter = null } = {}) {
    super(message);
    this.name = 'VeloFluxError';
    Object.assign(this, { status, code, retryAfter });
  }
}

// ---- when to try again ----------------------------------------------------------------------------------------------

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
function askedDelay(reason) {
  const asked = /retry_after_ms\D{0,3}(\d{1,9})/.exec(reason ?? '')?.[1] ?? 0;
  return Math.min(Number(asked), ASKED_DELAY_MAX_MS);
}

// ---- what is said ---------------------------------------------------------------------------------------------------

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value) => typeof value === 'string';
const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);
const isMeasured = (value) => value === null || isNumber(value);

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
const feedOf = (type) => (type === 'backends_update' ? 'backends' : Object.hasOwn(FEEDS, type) ? type : null);

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
  return found && { id, epoch: found[1], seq: Number(found[2]) };
}

// ---- events ---------------------------------------------------------------------------------------------------------

/** Calls what somebody else wrote: what it throws is reported and harms nobody here. */
function call(callback, ...details) {
  try {
    callback?.(...details);
  } catch (error) {
    (globalThis.reportError ?? console.error)(error);
  }
}

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
    for (const listener of [...(this.#listeners.get(event) ?? [])]) call(listener, detail);
  }

  /** How many listeners there are. */
  get listenerCount() {
    return [...this.#listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }

  removeAll() {
    this.#listeners.clear();
  }
}

// ---- the world around -----------------------------------------------------------------------------------------------

/** What a client uses of the world around it; tests and other platforms give their own. */
function worldOf(given = {}) {
  const global = globalThis;
  return {
    WebSocket: global.WebSocket,
    fetch: global.fetch?.bind(global),
    setTimeout: (act, delay) => global.setTimeout(act, delay),
    clearTimeout: (timer) => global.clearTimeout(timer),
    now: () => Date.now(),
    monotonic: () => performance.now(),
    random: () => Math.random(),
    window: typeof global.addEventListener === 'function' && typeof global.document !== 'undefined' ? global : null,
    Notification: global.Notification,
    ...given,
  };
}

/** Timers by name: setting one again replaces it. */
class Timers {
  #world;
  #running = new Map();

  constructor(world) {
    this.#world = world;
  }

  /** Calls `act` after `delay` milliseconds with how late that is: pages that sleep or are hidden get their timers late. */
  set(name, delay, act) {
    this.stop(name);
    const due = this.#world.monotonic() + delay;
    this.#running.set(name, this.#world.setTimeout(() => {
      this.#running.delete(name);
      act(this.#world.monotonic() - due);
    }, Math.min(delay, TIMER_MAX_MS)));
  }

  has(name) {
    return this.#running.has(name);
  }

  stop(name) {
    if (this.#running.has(name)) this.#world.clearTimeout(this.#running.get(name));
    this.#running.delete(name);
  }

  stopAll() {
    for (const name of [...this.#running.keys()]) this.stop(name);
  }
}

/** What is given as a value, or as a function that gives it, perhaps later. */
const given = async (value) => (typeof value === 'function' ? value() : value);

/** Asks by HTTP, with a token and perhaps a body. Gives the JSON of the answer or throws a {@link VeloFluxError}. */
async function ask(world, method, url, token, body) {
  if (!world.fetch) throw new VeloFluxError('there is no fetch here; give one as `environment.fetch`', UNSUPPORTED);
  const headers = { ...(token && { Authorization: `Bearer ${token}` }), ...(body && { 'Content-Type': 'application/json' }) };
  const response = await world.fetch(String(url), { method, headers, cache: 'no-store', ...(body && { body: JSON.stringify(body) }) });
  const text = await response.text();
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch { /* A proxy between us says what it likes. */ }
  if (response.ok && answer) return answer;
  const { code = 'failed', message = `the server answered ${response.status}` } = answer?.error ?? {};
  throw new VeloFluxError(message, { status: response.status, code, retryAfter: response.headers.get('Retry-After') });
}

// ---- one connection -------------------------------------------------------------------------------------------------

/**
 * A WebSocket that comes back by itself.
 *
 * It ends for good when it is closed from here, when the server is done (1000), and when the same attempt would end in the same
 * way: our protocol errors, a token that was refused (44xx), an address that is none. It is given up after
 * `maxAttempts` in a row that brought no message; then it tries anew when the network is back or somebody looks at the page.
 *
 * Events: `link` with what it is doing now (see {@link Link#state}), `message` with each document that came, `open`, `close` and
 * `error` with the events of the socket, `invalid` with what was no document, `pong` with the round trip, `missed` with how many
 * pings in a row nobody has answered, `wake` when the page was away.
 */
export class Link extends Emitter {
  #world;
  #timers;
  #options;
  #strategy;
  #monitor;
  #state;
  #socket = null;
  /** Whether it is to be connected. */
  #wanted = false;
  /** Attempts since the last message. */
  #attempt = 0;
  /** Counts connections: what an earlier one still says is not heard. */
  #turn = 0;
  /** Signs of life, and pings in a row without one. */
  #signs = 0;
  #missed = 0;
  #pinged = null;
  /** The token that was refused. */
  #refused = null;

  /**
   * @param {string | (() => string | Promise<string>)} url asked anew for every attempt
   * @param {object} [options] reconnectionStrategy, healthMonitor (false: none), token (a text, or a function that gives one),
   *   authentication ('subprotocol', 'message' or 'ticket'), connectTimeout, environment
   */
  constructor(url, options = {}) {
    super();
    this.url = url;
    this.#options = { authentication: 'subprotocol', connectTimeout: CONNECT_TIMEOUT_MS, ...options };
    this.#world = worldOf(options.environment);
    this.#timers = new Timers(this.#world);
    this.#strategy = strategyOf(options.reconnectionStrategy);
    this.#monitor = monitorOf(options.healthMonitor);
    this.#state = this.#described('Disconnected');
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
    this.#heed('addEventListener');
    this.#begin();
  }

  /** Ends the connection now and begins a new one, with all attempts before it. */
  reconnect() {
    if (!this.#wanted) return this.open();
    this.#drop('reconnecting');
    this.#begin();
  }

  /** Ends the connection, for good until somebody opens it again. */
  close() {
    if (!this.#wanted) return;
    this.#rest();
    this.#drop('done');
    this.#say('Disconnected');
  }

  /** Sends a document. False: there is no connection, and it was not sent. */
  send(message) {
    if (this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** Uses this token from now on: shows it on the connection there is, and tries again what an older one was refused. */
  async authenticate(token = this.#options.token) {
    this.#options = { ...this.#options, token };
    const fresh = (await given(token)) ?? '';
    if (this.connected && fresh) this.send({ type: 'auth', token: fresh });
    else if (this.#refused !== null && this.#refused !== fresh) this.open();
  }

  /** Counts as a sign of life. */
  alive() {
    this.#signs += 1;
    this.#missed = 0;
  }

  /** Watches the connection from now on in this manner; false: not at all. */
  monitor(options) {
    this.#monitor = monitorOf(options);
    this.#timers.stop('ping');
    if (this.connected) this.#watch();
  }

  // ---- the state

  #described(state, detail = {}) {
    const [attempt, of, since] = [this.#attempt, this.#strategy.maxAttempts, this.#world.now()];
    return Object.freeze({ state, attempt, of, retryAt: null, code: null, reason: null, since, ...detail });
  }

  #say(state, detail) {
    this.#state = this.#described(state, detail);
    this.emit('link', this.#state);
  }

  /** Begins or ceases to hear what happens to the page. */
  #heed(method) {
    const { window } = this.#world;
    for (const event of ['online', 'offline', 'pageshow']) window?.[method](event, this.#wake);
    for (const event of ['visibilitychange', 'resume']) window?.document[method](event, this.#wake);
    window?.[method]('pagehide', this.#sleep);
  }

  /** Nothing is wanted any more. */
  #rest() {
    this.#wanted = false;
    this.#heed('removeEventListener');
  }

  /** Lets go of the socket: nothing that it still says is heard. */
  #drop(reason) {
    this.#turn += 1;
    this.#timers.stopAll();
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    // One that never opened complains when it is closed.
    socket.onerror = () => {};
    socket.close(1000, reason);
  }

  /** Nobody will mend this by trying again. */
  #end(state, detail) {
    this.#rest();
    this.#say(state, detail);
  }

  // ---- connecting

  #begin() {
    this.#attempt = 0;
    this.#refused = null;
    this.#say('Connecting');
    this.#connect();
  }

  async #connect() {
    const turn = ++this.#turn;
    let token;
    let address;
    try {
      token = (await given(this.#options.token)) ?? '';
      if (turn !== this.#turn) return;
      if (this.#refused === token) return this.#end('Failed', { code: this.#state.code, reason: this.#state.reason });
      address = await this.#address(token);
      if (turn !== this.#turn) return;
      const { WebSocket } = this.#world;
      if (!WebSocket) throw new VeloFluxError('there is no WebSocket here; give one as `environment.WebSocket`', UNSUPPORTED);
      this.#socket = address.protocols.length ? new WebSocket(address.url, address.protocols) : new WebSocket(address.url);
    } catch (error) {
      if (turn === this.#turn) this.#failed(error, token);
      return;
    }
    this.#refused = null;
    const socket = this.#socket;
    socket.onopen = (event) => {
      if (token && this.#options.authentication === 'message') this.send({ type: 'auth', token });
      this.#opened(event);
    };
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onerror = (event) => this.emit('error', event);
    socket.onclose = (event) => {
      this.emit('close', event);
      const first = this.#state.state === 'Connecting';
      if (first && event.code === 1006) this.#inquire(address.asked, token);
      else this.#lost(event.code, event.reason, token);
    };
    this.#timers.set('connect', this.#options.connectTimeout, () => this.#lost(1006, 'no answer to the handshake', token));
  }

  /** Where to connect, with the token as the server wants it. */
  async #address(token) {
    const url = await given(this.url);
    switch (token ? this.#options.authentication : 'none') {
      case 'none':
        return { asked: url, url, protocols: [] };
      case 'subprotocol':
        return { asked: url, url, protocols: [SUBPROTOCOL, `bearer.${token}`] };
      case 'message':
        return { asked: url, url, protocols: [SUBPROTOCOL] };
      case 'ticket': {
        const { ticket } = await ask(this.#world, 'POST', new URL('/api/ws/ticket', url.replace(/^ws/, 'http')), token);
        return { asked: url, url: `${url}${url.includes('?') ? '&' : '?'}ticket=${encodeURIComponent(ticket)}`, protocols: [] };
      }
      default:
        throw new VeloFluxError(`\`authentication\` is \`${this.#options.authentication}\`; give 'subprotocol', 'message' or 'ticket'`, UNSUPPORTED);
    }
  }

  /** There is not even a socket. */
  #failed(error, token) {
    this.emit('error', error);
    const reason = String(error?.message ?? error);
    // An address that is none will not become one, nor will a browser allow tomorrow what it forbids today.
    const hopeless = ['SyntaxError', 'SecurityError'].includes(error?.name) || error?.code === UNSUPPORTED.code;
    if (hopeless) return this.#end('Error', { reason });
    this.#lost(error instanceof VeloFluxError ? closeCode(error) : 1006, reason, token);
  }

  /** Browsers keep to themselves why a first handshake failed. The same address, asked plainly, may say it. */
  async #inquire(url, token) {
    const { fetch } = this.#world;
    if (!fetch) return this.#lost(1006, '', token);
    const turn = this.#turn;
    const refusal = await ask(this.#world, 'GET', url.replace(/^ws/, 'http'), token).catch((error) => error);
    if (turn !== this.#turn) return;
    if (refusal instanceof VeloFluxError) this.#lost(closeCode(refusal), reasonOf(refusal), token);
    else this.#lost(1006, '', token);
  }

  #opened(event) {
    this.#timers.stop('connect');
    this.alive();
    this.#say('Connected');
    this.emit('open', event);
    this.#watch();
  }

  #receive(text) {
    this.alive();
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return this.emit('invalid', { problem: 'it is not JSON', text });
    }
    if (message?.type === 'pong') return this.#answered(message);
    // A connection that delivers is a good one: the next loss is counted from the start.
    this.#attempt = 0;
    this.emit('message', message);
  }

  #lost(code, reason, token) {
    this.#drop('lost');
    const why = { code, reason: reason || 'the connection was lost' };
    if (code === 1000 || this.#strategy.maxAttempts === 0) return this.#end('Disconnected', why);
    if (POINTLESS.has(code)) return this.#end('Failed', why);
    if (code >= 4400 && code < 4500) {
      this.#refused = token;
      // A function may have a better token by then.
      if (typeof this.#options.token !== 'function') return this.#end('Failed', why);
    }
    // Given up, but not deaf: it tries anew when the network comes back or somebody looks at the page.
    if (!this.#strategy.shouldReconnect(this.#attempt)) return this.#say('Failed', why);
    const delay = Math.max(this.#strategy.getDelay(this.#attempt, this.#world.random), askedDelay(reason));
    this.#attempt += 1;
    const most = this.#strategy.maxAttempts === Infinity ? '∞' : this.#strategy.maxAttempts;
    this.#timers.set('retry', delay, () => this.#connect());
    this.#say(`Reconnecting (${this.#attempt}/${most})`, { ...why, retryAt: this.#world.now() + delay });
  }

  // ---- whether it lives

  #watch() {
    if (!this.#monitor) return;
    const { interval, timeout, maxMissedPings } = this.#monitor;
    const before = this.#signs;
    this.#pinged = { timestamp: this.#world.now(), at: this.#world.monotonic() };
    this.send({ type: 'ping', timestamp: this.#pinged.timestamp });
    const judge = () => {
      this.#missed = this.#signs > before ? 0 : this.#missed + 1;
      if (this.#missed > 0) this.emit('missed', this.#missed);
      if (this.#missed >= maxMissedPings) return this.#lost(1006, `${this.#missed} pings without an answer`);
      this.#timers.set('ping', interval - timeout, () => this.#watch());
    };
    this.#timers.set('ping', timeout, (late) => {
      // The page slept, and what came meanwhile is still to be heard: it gets the same time once more.
      if (late > timeout && this.#signs === before) this.#timers.set('ping', timeout, judge);
      else judge();
    });
  }

  #answered({ timestamp, server_time: time }) {
    if (timestamp !== this.#pinged?.timestamp) return;
    const took = this.#world.monotonic() - this.#pinged.at;
    this.emit('pong', { took, skew: Date.parse(time) - (this.#world.now() - took / 2) });
  }

  /**
   * The network has changed, or somebody looks at the page again: what stands is tried, what waits does not wait longer, what was
   * given up begins anew. `offline` says nothing about a server on this machine, so that, too, only has it tried.
   */
  #wake = () => {
    if (!this.#wanted || this.#world.window?.document.visibilityState === 'hidden') return;
    this.emit('wake');
    if (this.connected) {
      this.#timers.stop('ping');
      this.#watch();
    } else if (this.#timers.has('retry')) {
      this.#timers.stop('retry');
      this.#connect();
    } else if (['Failed', 'Disconnected'].includes(this.#state.state)) {
      this.#begin();
    }
  };

  /** The page is left. It may come back as it was (`pageshow`), which browsers allow to pages without open connections. */
  #sleep = () => {
    this.#drop('done');
    this.#say('Disconnected', { reason: 'the page was left' });
  };
}

/** The close code that says the same as the status of a refused request: 401 as 4401, as the contract has it. */
function closeCode({ status }) {
  if ([401, 403, 404].includes(status)) return 4_000 + status;
  return [429, 503].includes(status) ? 1013 : 1006;
}

/** Why a request was refused, with the time to wait as a close says it. An answer to a plain question is no reason. */
function reasonOf({ status, message, retryAfter }) {
  if (![401, 403, 404, 429, 503].includes(status)) return '';
  return Number(retryAfter) > 0 ? `${message} (retry_after_ms=${Number(retryAfter) * 1_000})` : message;
}

// ---- the feeds ------------------------------------------------------------------------------------------------------

/** Messages per second over the last minute, counted in a bucket for each second. */
class Rate {
  #buckets = new Array(RATE_WINDOW_S).fill(0);
  #second = null;
  #began = null;

  /** Counts from now on, if it does not yet. `now` in milliseconds of the monotonic clock, as below. */
  begin(now) {
    this.#began ??= now;
  }

  add(now) {
    this.begin(now);
    this.#turn(now);
    this.#buckets[this.#second % RATE_WINDOW_S] += 1;
  }

  perSecond(now) {
    if (this.#began === null) return 0;
    this.#turn(now);
    const covered = Math.min(now - this.#began, (RATE_WINDOW_S - 1) * 1_000 + (now % 1_000));
    return this.#buckets.reduce((sum, count) => sum + count, 0) / (Math.max(1_000, covered) / 1_000);
  }

  /** Empties the buckets of the seconds that have begun since. */
  #turn(now) {
    const second = Math.floor(now / 1_000);
    const past = Math.min(RATE_WINDOW_S, this.#second === null ? 0 : second - this.#second);
    for (let back = 0; back < past; back += 1) this.#buckets[(second - back) % RATE_WINDOW_S] = 0;
    this.#second = second;
  }
}

/** What is known before anything was said. */
export const NOTHING_YET = Object.freeze({ data: null, id: null, receivedAt: null, stale: false, restored: false, link: 'Disconnected', error: null });

/** What a client knows of one feed. */
class Known {
  snapshot = NOTHING_YET;
  counts = { messages: 0, missed: 0, dropped: 0, invalid: 0, losses: 0, missedPings: 0, lastMessageAt: null, roundTrip: null };
  rate = new Rate();
  /** The run and the number of the last message. */
  last = null;
  /** When the last message came, by the monotonic clock. */
  heard = null;
  /** When listeners were last told, and when it was last written to the storage, by the monotonic clock. */
  told = -Infinity;
  saved = -Infinity;
  /** Whether its connection stands, and whether somebody was told that it does not. */
  up = false;
  alerted = false;

  constructor(world) {
    this.timers = new Timers(world);
  }

  renew(changes) {
    this.snapshot = Object.freeze({ ...this.snapshot, ...changes });
  }
}

/**
 * The feeds of one server.
 *
 * Events: each feed by its name with its new state; `link` with `{feed, state, …}` when a connection changes; `message` with
 * `{feed, message}`; `gap` with `{feed, missed, after, before}`; `resumed` with `{feed, recovered}`; `stale` with
 * `{feed, stale, age}`; `invalid` with `{feed, problem}`; `problem` with `{feed, code, message}`, what a server or the storage
 * complains about (`feed` is null where it is about none); `change` with the feed whenever its snapshot is a new one.
 */
export class VeloFlux extends Emitter {
  #world;
  #options;
  #base;
  #known = new Map();
  /** The connections, each with its feeds, by the names of these. */
  #links = new Map();
  /** How many use each feed. */
  #users = new Map();
  #timers;
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
    const { transport, maxMessagesPerSecond } = this.#options;
    if (!['separate', 'multiplexed'].includes(transport)) {
      throw new RangeError(`\`transport\` is \`${transport}\`; give 'separate' or 'multiplexed'`);
    }
    if (!(maxMessagesPerSecond === undefined || maxMessagesPerSecond > 0)) {
      throw new RangeError(`\`maxMessagesPerSecond\` is ${maxMessagesPerSecond}; give a number above 0`);
    }
    this.#world = worldOf(options.environment);
    this.#timers = new Timers(this.#world);
    // Checked now, not at the first connection.
    strategyOf(options.reconnectionStrategy);
    monitorOf(options.healthMonitor);
    const wanted = options.feeds === undefined || options.feeds === 'all' ? Object.keys(FEEDS) : [options.feeds].flat();
    for (const feed of Object.keys(FEEDS)) {
      this.#known.set(feed, new Known(this.#world));
      this.#restore(feed);
    }
    for (const feed of wanted) this.#of(feed);
    this.feeds = Object.freeze([...wanted]);
  }

  // ---- what a page reads

  /** The server's address, `https://host:port`. */
  get url() {
    const origin = this.#world.window?.location.origin ?? 'null';
    // A page from a file has the origin `null`.
    const here = origin === 'null' ? 'http://127.0.0.1:8080' : origin;
    this.#base ??= String(this.#options.url ?? here).replace(/^ws/, 'http').replace(/\/+$/, '');
    return this.#base;
  }

  /**
   * All about a feed, frozen, and the same object until something changes:
   * `{data, id, receivedAt, stale, restored, link, error}`. `restored`: it is from the storage, and nothing newer came.
   */
  snapshot(feed) {
    return this.#of(feed).snapshot;
  }

  /** The state of a feed: null before the first message. */
  data(feed) {
    return this.snapshot(feed).data;
  }

  /** How old the state of a feed is, in milliseconds; null before the first message. */
  age(feed) {
    const { snapshot: { receivedAt }, heard } = this.#of(feed);
    if (receivedAt === null) return null;
    // The monotonic clock may stand still while a machine sleeps, the other one may be set back: neither makes it younger.
    const spans = [this.#world.now() - receivedAt, heard === null ? 0 : this.#world.monotonic() - heard];
    return Math.max(0, ...spans);
  }

  /** The server's clock, in milliseconds as of `Date.now()`: ages of its timestamps are told by it. */
  serverNow() {
    return this.#world.now() + this.#skew;
  }

  /**
   * What came of a feed: `messages`; `missed` by their ids, `dropped` by the rate limit, `invalid`; `losses` of the connection
   * and `missedPings` on it; `messagesPerSecond` over the last minute; `lastMessageAt`; `roundTrip` in milliseconds.
   */
  statistics(feed) {
    const { counts, rate } = this.#of(feed);
    return { ...counts, messagesPerSecond: rate.perSecond(this.#world.monotonic()) };
  }

  /** Calls `listener` with the state of a feed, now if it is known and whenever it changes. Gives what ends that. */
  subscribe(feed, listener) {
    const { data } = this.snapshot(feed);
    const end = this.on(feed, listener);
    if (data !== null) call(listener, data);
    return end;
  }

  // ---- what a page does

  /** Connects the feeds that were asked for. */
  connect() {
    this.#usable();
    for (const feed of this.feeds) this.#users.set(feed, Math.max(1, this.#users.get(feed) ?? 0));
    this.#arrange();
    return this;
  }

  /**
   * Keeps a feed connected until the function that this returns is called; then, if nobody else uses it, it is disconnected.
   * What is used again at once, as React does in its strict mode, keeps its connection, and all that is used at once is connected
   * together.
   */
  use(feed) {
    this.#usable();
    this.#of(feed);
    this.#users.set(feed, (this.#users.get(feed) ?? 0) + 1);
    this.#timers.set('arrange', 0, () => this.#arrange());
    let used = true;
    return () => {
      if (!used || this.#closed) return;
      used = false;
      this.#users.set(feed, this.#users.get(feed) - 1);
      this.#timers.set('arrange', 0, () => this.#arrange());
    };
  }

  /** Ends the connection of a feed, or every one, and begins it anew. */
  reconnect(feed) {
    const links = feed === undefined ? this.#connections() : [...this.#links.values()].filter(({ feeds }) => feeds.includes(feed)).map(({ link }) => link);
    for (const link of links) link.reconnect();
  }

  /** Disconnects for good: nothing is left behind, and this client cannot be used again. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#timers.stopAll();
    for (const link of this.#connections()) {
      link.close();
      link.removeAll();
    }
    this.#links.clear();
    for (const known of this.#known.values()) known.timers.stopAll();
    this.removeAll();
  }

  get closed() {
    return this.#closed;
  }

  /**
   * Uses this token from now on (without one: what the option gives now). Every connection is shown it, before the old one
   * expires, and what an older one was refused is tried again.
   */
  async authenticate(token = this.#options.token) {
    this.#options = { ...this.#options, token };
    await Promise.all(this.#connections().map((link) => link.authenticate(token)));
  }

  /** Sends a document over the connection of a feed. False: there is none. */
  send(feed, message) {
    this.#of(feed);
    return [...this.#links.values()].find(({ feeds }) => feeds.includes(feed))?.link.send(message) ?? false;
  }

  /** Has a feed, or all of them, measured and sent now. */
  async forceUpdate(feed) {
    return this.#post('/api/ws/force-update', feed && { type: feed });
  }

  /**
   * Asks the server to do something: `check`; `pause` and `resume` with `{type: 'metrics' | 'all'}`; `drain`, `maintenance`,
   * `enable` and `weight` with `{backend, pool, source, for: '30m', reason, weight}`; `reload`.
   */
  async control(action, parameters = {}) {
    return this.#post('/api/ws/control', action && { action, ...parameters });
  }

  // ---- connections

  #usable() {
    if (this.#closed) throw new VeloFluxError('this client was closed; make another', { code: 'closed' });
  }

  #of(feed) {
    const known = this.#known.get(feed);
    if (!known) throw new RangeError(`there is no feed \`${feed}\`; there are ${Object.keys(FEEDS).join(', ')}`);
    return known;
  }

  async #post(path, body) {
    return ask(this.#world, 'POST', `${this.url}${path}`, await given(this.#options.token), body);
  }

  #connections() {
    return [...this.#links.values()].map(({ link }) => link);
  }

  /** Opens and closes connections until exactly what is used is connected. */
  #arrange() {
    const used = Object.keys(FEEDS).filter((feed) => (this.#users.get(feed) ?? 0) > 0);
    const groups = this.#options.transport === 'multiplexed' ? [used] : used.map((feed) => [feed]);
    const wanted = new Map(groups.filter((feeds) => feeds.length > 0).map((feeds) => [feeds.join(), feeds]));
    for (const [name, { link, feeds }] of this.#links) {
      if (wanted.has(name)) continue;
      this.#links.delete(name);
      link.removeAll();
      link.close();
      // What goes on over another connection was never away.
      for (const feed of feeds.filter((feed) => !used.includes(feed))) this.#linked(feed, link.state);
    }
    for (const [name, feeds] of wanted) {
      if (this.#links.has(name)) continue;
      const link = this.#link(feeds);
      this.#links.set(name, { link, feeds });
      link.open();
    }
  }

  /** A connection for one feed, or one for several, that asks for what came since the last message. */
  #link(feeds) {
    const { reconnectionStrategy, healthMonitor, connectTimeout = CONNECT_TIMEOUT_MS, token, authentication = 'subprotocol', environment } = this.#options;
    const url = () => (this.#options.transport === 'multiplexed' ? this.#sharedAddress(feeds) : this.#ownAddress(feeds[0]));
    const link = new Link(url, { reconnectionStrategy, healthMonitor, connectTimeout, token, authentication, environment });
    link.on('link', (detail) => {
      for (const feed of feeds) this.#linked(feed, detail);
    });
    link.on('message', (message) => this.#take(feeds, message));
    link.on('invalid', ({ problem }) => {
      for (const feed of feeds) this.#invalid(feed, problem);
    });
    link.on('missed', () => {
      for (const feed of feeds) this.#of(feed).counts.missedPings += 1;
    });
    link.on('pong', ({ took, skew }) => {
      if (Number.isFinite(skew)) this.#skew = skew;
      for (const feed of feeds) this.#of(feed).counts.roundTrip = took;
    });
    link.on('wake', () => {
      for (const feed of feeds) this.#review(feed);
    });
    return link;
  }

  #ownAddress(feed) {
    const last = this.#of(feed).last?.id;
    return this.#address(`/api/ws/${feed}`, { last_id: last });
  }

  #sharedAddress(feeds) {
    const seen = feeds.filter((feed) => this.#of(feed).last).map((feed) => `${feed}:${this.#of(feed).last.id}`);
    return this.#address('/api/ws', { feeds: feeds.join(','), last_id: seen.join(',') });
  }

  #address(path, parameters) {
    const query = Object.entries(parameters).filter(([, value]) => value).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
    // Nobody needs these two hidden, and people read addresses in logs.
    const text = query.join('&').replaceAll('%2C', ',').replaceAll('%3A', ':');
    return `${this.url.replace(/^http/, 'ws')}${path}${text && `?${text}`}`;
  }

  #linked(feed, detail) {
    const known = this.#of(feed);
    const { state, code, reason } = detail;
    const onPurpose = ['Connecting', 'Disconnected'].includes(state) && (code ?? 1000) === 1000;
    if (onPurpose) {
      known.timers.stop('alert');
    } else if (known.up) {
      known.counts.losses += 1;
      this.#alert(feed, detail);
    }
    known.up = state === 'Connected';
    if (known.up) {
      known.rate.begin(this.#world.monotonic());
      this.#calm(feed);
      this.#expect(feed);
    }
    known.renew({ link: state, error: reason });
    this.emit('change', feed);
    this.emit('link', { feed, ...detail });
    // The page may be gone before its timers come.
    if (state === 'Disconnected' && known.timers.has('save')) this.#save(feed);
  }

  // ---- messages

  #take(feeds, message) {
    const problem = problemOf(message);
    const about = [message?.data?.feed, feedOf(message?.type)].find((feed) => feeds.includes(feed));
    const feed = about ?? (feeds.length === 1 ? feeds[0] : null);
    if (problem) return (feed ? [feed] : feeds).forEach((one) => this.#invalid(one, problem));
    if (message.type === 'error') return this.emit('problem', { feed, ...message.data });
    if (message.type === 'resumed' && feed) return this.#resumed(feed, message.data);
    // What later servers say besides is for later clients.
    if (!feed || feedOf(message.type) !== feed) return;
    const known = this.#of(feed);
    this.#count(feed, known, message.id);
    this.emit('message', { feed, message });
    known.renew({ data: fold(known.snapshot.data, message), id: message.id ?? null, receivedAt: this.#world.now(), stale: false, restored: false });
    this.#expect(feed);
    this.#announce(feed, known);
    this.#keep(feed, known);
  }

  #count(feed, known, id) {
    const now = this.#world.monotonic();
    known.counts.messages += 1;
    known.counts.lastMessageAt = this.#world.now();
    known.heard = now;
    known.rate.add(now);
    const number = numberOf(id);
    if (!number) return;
    const { last } = known;
    if (last && last.epoch === number.epoch && number.seq > last.seq + 1) {
      const missed = number.seq - last.seq - 1;
      known.counts.missed += missed;
      this.emit('gap', { feed, missed, after: last.id, before: id });
    }
    known.last = number;
  }

  /** The server says whether what was missed follows. If all of it does, and it is nothing, what is known is the present. */
  #resumed(feed, { recovered, replayed } = {}) {
    const known = this.#of(feed);
    this.emit('resumed', { feed, recovered: recovered === true });
    // What was missed is not counted twice: the server says that it does not follow.
    if (recovered !== true) known.last = null;
    if (recovered !== true || replayed !== 0 || !known.snapshot.stale) return;
    known.renew({ stale: false, restored: false });
    this.emit('change', feed);
  }

  #invalid(feed, problem) {
    this.#of(feed).counts.invalid += 1;
    this.emit('invalid', { feed, problem });
  }

  /** Tells listeners the newest state, at the pace they want. */
  #announce(feed, known) {
    const tell = () => {
      known.told = this.#world.monotonic();
      this.emit('change', feed);
      this.emit(feed, known.snapshot.data);
    };
    const { maxMessagesPerSecond } = this.#options;
    if (maxMessagesPerSecond === undefined) return tell();
    if (known.timers.has('announce')) {
      // Somebody newer has come: the one that waited is never told.
      known.counts.dropped += 1;
      return;
    }
    const wait = known.told + 1_000 / maxMessagesPerSecond - this.#world.monotonic();
    if (wait > 0) known.timers.set('announce', wait, tell);
    else tell();
  }

  // ---- age

  /** Waits for the next message of a feed, and says when it does not come. */
  #expect(feed) {
    const known = this.#of(feed);
    known.timers.set('stale', STALE_CADENCES * FEEDS[feed], () => {
      if (this.#idle(feed)) this.#expect(feed);
      else this.#stale(feed);
    });
  }

  /** An empty list has nothing to update: while its connection is up it is current. */
  #idle(feed) {
    const { up, snapshot } = this.#of(feed);
    return feed === 'backends' && up && snapshot.data?.length === 0;
  }

  /** The page was away, and its timers perhaps stood still: what is old by the wall clock is stale until it is confirmed. */
  #review(feed) {
    const { data, stale } = this.snapshot(feed);
    if (data !== null && !stale && !this.#idle(feed) && this.age(feed) > STALE_CADENCES * FEEDS[feed]) this.#stale(feed);
  }

  #stale(feed) {
    const known = this.#of(feed);
    known.renew({ stale: true });
    this.emit('change', feed);
    this.emit('stale', { feed, stale: true, age: this.age(feed) });
  }

  // ---- the storage

  #place(feed) {
    return `${this.#options.storageKey}:${this.url}:${feed}`;
  }

  #restore(feed) {
    try {
      const kept = JSON.parse(this.#options.storage?.getItem(this.#place(feed)) ?? 'null');
      if (kept && isNumber(kept.at) && problemOf({ type: feed, data: kept.data }) === null) {
        this.#of(feed).renew({ data: kept.data, receivedAt: kept.at, stale: true, restored: true });
        // What came since then can still be asked for: a page that is loaded again has no hole.
        this.#of(feed).last = numberOf(kept.id);
      }
    } catch { /* What cannot be read is not there. */ }
  }

  #keep(feed, known) {
    if (!this.#options.storage || known.timers.has('save')) return;
    const wait = known.saved + SAVE_INTERVAL_MS - this.#world.monotonic();
    if (wait <= 0) this.#save(feed);
    else known.timers.set('save', wait, () => this.#save(feed));
  }

  #save(feed) {
    const known = this.#of(feed);
    known.timers.stop('save');
    known.saved = this.#world.monotonic();
    const { data, id, receivedAt } = known.snapshot;
    try {
      this.#options.storage.setItem(this.#place(feed), JSON.stringify({ at: receivedAt, id, data }));
    } catch (error) {
      this.emit('problem', { feed, code: 'storage', message: String(error.message ?? error) });
    }
  }

  // ---- alerts

  #alert(feed, { code, reason }) {
    const { alerts } = this.#options;
    if (!alerts) return;
    const known = this.#of(feed);
    known.timers.set('alert', alerts.after ?? ALERT_AFTER_MS, () => {
      known.alerted = true;
      call(alerts.onDisconnect, { feed, code, reason, state: known.snapshot.link });
      if (alerts.notification) call(() => this.#notify(reason));
    });
  }

  /** One notification for all feeds that are away: the newest takes the place of the others. */
  #notify(reason) {
    const { Notification } = this.#world;
    if (Notification?.permission !== 'granted') return;
    const away = Object.keys(FEEDS).filter((feed) => this.#of(feed).alerted);
    new Notification(`veloflux: ${away.join(', ')} disconnected`, { body: `${this.url}: ${reason}`, tag: `veloflux ${this.url}` });
  }

  #calm(feed) {
    const known = this.#of(feed);
    known.timers.stop('alert');
    if (known.alerted) call(this.#options.alerts?.onReconnect, { feed });
    known.alerted = false;
  }
}

let page = null;

/** The client that all parts of a page share which were given none: of the server the page came from. */
export function pageClient() {
  if (!page || page.closed) page = new VeloFlux();
  return page;
}

// ---- the names of the published clients -----------------------------------------------------------------------------

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
 * the data of each message, `<name>:pong`, `<name>:close`, `<name>:error`, `<name>:link` with the state of the connection as text, and
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
    for (const event of ['open', 'close', 'error', 'pong']) link.on(event, (detail) => this.emit(`${name}:${event}`, detail));
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
