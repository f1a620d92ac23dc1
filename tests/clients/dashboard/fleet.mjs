// What a server watches: backends that can be killed, and a fleet that is pushed to it.
import { once } from 'node:events';
import { createServer, request } from 'node:http';

/** A backend that answers 200 to everything, until it is killed. */
export class Backend {
  static async start() {
    const backend = new Backend();
    backend.server = createServer((_, answer) => answer.end('ok'));
    backend.server.listen(0, '127.0.0.1');
    await once(backend.server, 'listening');
    backend.address = `127.0.0.1:${backend.server.address().port}`;
    return backend;
  }

  kill() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** A fleet of `count` backends as a deploy tool would push it; `status` gives the state of each. */
export function pushed(count, status) {
  return Array.from({ length: count }, (_, i) => {
    const detail = { unhealthy: 'no answer within 2 s', degraded: 'slow: 812 ms, wanted 500 ms' }[status(i)];
    return { pool: `pool-${String(i % 12).padStart(2, '0')}`, address: `10.${i % 12}.${i >> 8}.${i & 255}:8080`, weight: 1 + (i % 3), status: status(i), ...(detail && { detail }) };
  });
}

/** Status and headers of a plain request, with its body's length. */
export function ask(url, { method = 'GET', headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers }, (answer) => {
      let length = 0;
      answer.on('data', (chunk) => { length += chunk.length; });
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, length }));
    });
    asked.on('error', reject);
    asked.end();
  });
}
