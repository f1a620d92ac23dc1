// A world for the client in which nothing happens by itself: a clock that is moved by hand, sockets that the test speaks through.

/** Lets everything that is ready run. */
export const settle = async () => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

export class World {
  time = 1_700_000_000_000;
  timers = new Map();
  sockets = [];
  listeners = new Map();
  requests = [];
  answers = [];
  notifications = [];
  visibilityState = 'visible';
  /** By how much the wall clock was set. */
  set = 0;
  #number = 0;

  constructor() {
    const world = this;
    const target = {
      addEventListener: (event, listener) => world.#listen(event).add(listener),
      removeEventListener: (event, listener) => world.#listen(event).delete(listener),
    };
    const document = { ...target, get visibilityState() { return world.visibilityState; } };
    this.environment = {
      WebSocket: class extends Socket {
        constructor(url, protocols) {
          super(world, url, protocols);
        }
      },
      setTimeout: (act, delay) => {
        world.#number += 1;
        world.timers.set(world.#number, { at: world.time + delay, act });
        return world.#number;
      },
      clearTimeout: (timer) => world.timers.delete(timer),
      now: () => world.time + world.set,
      monotonic: () => world.time,
      random: () => 1,
      window: { ...target, document, location: { origin: 'http://page:8080' } },
      fetch: async (url, request) => {
        world.requests.push({ url, ...request });
        const answer = world.answers.shift();
        if (answer === 'nobody') throw new TypeError('fetch failed');
        const { status = 200, body = { control: 'ok' }, headers = {} } = answer ?? {};
        return { ok: status < 300, status, text: async () => JSON.stringify(body), headers: new Headers(headers) };
      },
      Notification: class {
        static permission = 'granted';
        constructor(title, options) {
          world.notifications.push({ title, ...options });
        }
      },
    };
  }

  #listen(event) {
    if (!this.listeners.has(event)) this.listeners.set(event, new Set());
    return this.listeners.get(event);
  }

  get listenerCount() {
    return [...this.listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }

  /** What happens to the page: `online`, `visibilitychange`, `pagehide`. */
  async happen(event) {
    for (const listener of [...this.#listen(event)]) listener();
    await settle();
  }

  /** Moves the clock, timer by timer. */
  async pass(milliseconds) {
    const end = this.time + milliseconds;
    for (;;) {
      await settle();
      const [timer, next] = [...this.timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
      if (!next) break;
      this.timers.delete(timer);
      this.time = Math.max(this.time, next.at);
      next.act();
    }
    this.time = end;
    await settle();
  }

  /** Moves the clock while nothing runs, as where a page is frozen; its timers come late, with the next {@link World#pass}. */
  sleep(milliseconds) {
    this.time += milliseconds;
  }

  /** The sockets that have not been closed. */
  get alive() {
    return this.sockets.filter((socket) => socket.readyState < 2);
  }

  /** The newest socket, or the newest whose URL has this in it. */
  last(part = '') {
    return this.sockets.findLast((socket) => socket.url.includes(part));
  }
}

class Socket {
  onopen = null;
  onmessage = null;
  onclose = null;
  onerror = null;
  readyState = 0;
  sent = [];

  constructor(world, url, protocols) {
    if (!/^wss?:/.test(url)) throw Object.assign(new Error(`${url} is no address`), { name: 'SyntaxError' });
    Object.assign(this, { url, protocols });
    world.sockets.push(this);
  }

  /** The documents it was given to send, but pings. */
  get said() {
    return this.sent.map((text) => JSON.parse(text)).filter(({ type }) => type !== 'ping');
  }

  get pings() {
    return this.sent.map((text) => JSON.parse(text)).filter(({ type }) => type === 'ping');
  }

  send(text) {
    this.sent.push(text);
  }

  close(code, reason) {
    this.readyState = 3;
    this.closed = { code, reason };
  }

  // What the server does.
  open() {
    this.readyState = 1;
    this.onopen?.({ type: 'open' });
  }

  say(message) {
    this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) });
  }

  end(code = 1006, reason = '') {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

export const metrics = (cpu, id) => ({ type: 'metrics', data: { cpu, memory: 2, requests: 3, timestamp: '2024-01-15T10:30:00.000Z' }, ...(id && { id }) });
