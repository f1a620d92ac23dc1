// The server under test, from the side of its JavaScript clients: the real binary of `VELOFLUX`, on a port of its own that it
// keeps over restarts, with a state directory of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** The token of the tests: it may read, and control. */
export const TOKEN = 'a-token-of-the-tests-0123456789';

/** Asks until `attempt` gives something, or throws what it said last. */
export async function eventually(attempt, patience = 20_000) {
  const end = Date.now() + patience;
  for (;;) {
    const value = await attempt();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${patience} ms: ${attempt}`);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
}

async function freePort() {
  const socket = createServer().listen(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise((resolve) => { socket.close(resolve); });
  return port;
}

export class Server {
  #home;
  #port;
  #args;
  #child = null;

  /** Starts a server with these arguments, settings and files; `HOME` in the settings is where these are. */
  static async start({ args = [], config = '', files = {} } = {}) {
    const server = new Server();
    server.#home = await mkdtemp(join(tmpdir(), 'veloflux-js-'));
    server.#port = await freePort();
    const file = join(server.#home, 'veloflux.toml');
    await writeFile(file, config.replaceAll('HOME', server.#home));
    for (const [name, text] of Object.entries({ token: TOKEN, ...files })) await writeFile(join(server.#home, name), text);
    server.#args = ['serve', '--listen', `127.0.0.1:${server.#port}`, '--state-dir', join(server.#home, 'state'), '--config', file, ...args];
    await server.start();
    return server;
  }

  get port() {
    return this.#port;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts it (again), and waits until it listens. */
  async start() {
    const { PATH } = process.env;
    this.#child = spawn(process.env.VELOFLUX, this.#args, { env: { PATH, HOME: this.#home, VELOFLUX_TOKEN: TOKEN }, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = [];
    this.#child.stderr.on('data', (text) => said.push(text));
    for await (const line of createInterface(this.#child.stdout)) {
      if (line.startsWith('listening on')) return;
    }
    throw new Error(`the server does not listen:\n${said.join('')}`);
  }

  /** Ends it: with `SIGTERM` as a person would, with `SIGKILL` as a machine does. */
  async stop(signal = 'SIGTERM') {
    const gone = once(this.#child, 'exit');
    this.#child.kill(signal);
    await gone;
  }

  /** Stops its process where it is, as a machine that hangs, or lets it go on. */
  signal(signal) {
    this.#child.kill(signal);
  }

  /** How many feed connections it has, by its own count. */
  async connections() {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    return Number(/^veloflux_connections(?:\{\})? (\d+)$/m.exec(text)[1]);
  }

  async post(path, body) {
    const response = await fetch(`${this.url}${path}`, { method: 'POST', headers: { Authorization: `Bearer ${TOKEN}` }, body: body && JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  async remove() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.stop('SIGKILL');
    await rm(this.#home, { recursive: true, force: true });
  }
}

/** A wire to a server that can be cut and mended, while the server goes on. */
export class Wire {
  #port;
  #listener = null;
  #sockets = new Set();
  #to;

  static async to(port) {
    const wire = new Wire();
    wire.#to = port;
    wire.#port = await freePort();
    await wire.mend();
    return wire;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  async mend() {
    this.#listener = createServer((near) => {
      const far = connect(this.#to, '127.0.0.1');
      for (const [one, other] of [[near, far], [far, near]]) {
        this.#sockets.add(one);
        one.on('error', () => {});
        one.on('close', () => { this.#sockets.delete(one); other.destroy(); });
        one.pipe(other);
      }
    }).listen(this.#port, '127.0.0.1');
    await once(this.#listener, 'listening');
  }

  /** From now on nobody gets through, and whoever did is cut off. */
  cut() {
    this.#listener.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async close() {
    const closed = once(this.#listener, 'close');
    this.cut();
    await closed;
  }
}
