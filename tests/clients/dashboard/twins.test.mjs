// Two balancers that serve the same server, each with its own mind about it: told apart, and given orders, by their sources.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Server, TOKEN, eventually } from '../js/server.mjs';
import { Backend } from './fleet.mjs';
import { readDashboard } from './reader.mjs';

/** A HAProxy with one server, `a` of the pool `app`, and a socket that takes orders. */
class Balancer {
  static async start(address) {
    const balancer = new Balancer();
    balancer.folder = await mkdtemp(join(tmpdir(), 'veloflux-haproxy-'));
    balancer.socket = join(balancer.folder, 'admin.sock');
    const file = join(balancer.folder, 'haproxy.cfg');
    await writeFile(file, `global
  stats socket ${balancer.socket} mode 600 level admin
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 1s
backend app
  server a ${address} check inter 200ms
`);
    balancer.child = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' });
    await eventually(() => balancer.says().catch(() => ''));
    return balancer;
  }

  /** What it says itself about its server: `UP`, `DRAIN`, `MAINT`. */
  async says() {
    const socket = connect(this.socket);
    socket.setEncoding('utf8').end('show stat\n');
    let text = '';
    for await (const part of socket) text += part;
    return text.split('\n').find((line) => line.startsWith('app,a,')).split(',')[17];
  }

  async remove() {
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
    await rm(this.folder, { recursive: true, force: true });
  }
}

test('a server that two sources list', async (t) => {
  const backend = await Backend.start();
  const [north, south] = [await Balancer.start(backend.address), await Balancer.start(backend.address)];
  const source = (name, { socket }) => `
    [[source]]
    name = "${name}"
    kind = "haproxy"
    url = "unix://${socket}"
    interval = "500ms"
  `;
  const server = await Server.start({ config: source('north', north) + source('south', south) });
  try {
    await readDashboard(server, async (page) => {
      const row = (of) => `[...document.querySelectorAll('tr.backend')].find((row) => row.querySelector('.source').textContent === '${of}')`;
      const badge = (of) => page.evaluate(`${row(of)}?.querySelector('.badge').textContent`);
      const becomes = (of, word) => page.until(`${row(of)}?.querySelector('.badge').textContent === '${word}'`);
      const press = (of) => page.evaluate(`${row(of)}.querySelector('.act').click()`);

      await t.test('stands in a row for each, which are alike but for the source', async () => {
        await becomes('north', '');
        await becomes('south', '');
        const rows = await page.evaluate(`[...document.querySelectorAll('tr.backend')].map(({ dataset }) => [dataset.pool, dataset.address].join())`);
        assert.deepEqual(rows, [`app,${backend.address}`, `app,${backend.address}`]);
        assert.match(await page.text('tr.pool'), /2 of 2 pass/);
      });

      await t.test('is drained at one of them, after it was said at which', async () => {
        await page.press('t');
        await page.type(TOKEN);
        await page.press('Enter');
        await page.until(`document.documentElement.dataset.may === 'operate'`);
        await page.until(`!document.querySelector('#token').open`);
        await press('south');
        assert.match(await page.text('#order .pool'), /app.*south/);
        await page.press('Enter');
        await page.until(`document.querySelector('#told').textContent.includes('${backend.address} is draining.')`);
        await becomes('south', 'draining');
        await eventually(async () => (await south.says()) === 'DRAIN');
        // The other has been read again meanwhile.
        await page.until(`document.querySelector('[data-group="out"] b').textContent === '1'`);
        assert.equal(await badge('north'), '');
        assert.equal(await north.says(), 'UP');
      });

      await t.test('shows what was ordered below the row of that one only', async () => {
        for (const of of ['north', 'south']) await page.evaluate(`${row(of)}.querySelector('.address').click()`);
        const ordered = (of) => page.evaluate(`${row(of)}.querySelector('[data-fact="intent"] dd').textContent`);
        assert.equal(await ordered('north'), '');
        assert.match(await ordered('south'), /done · draining/);
      });

      await t.test('is taken out at the other one, and back at the first', async () => {
        await press('north');
        await page.click('#order [value="maintenance"]');
        await page.click('#order [type="submit"]');
        await becomes('north', 'maintenance');
        assert.equal(await badge('south'), 'draining');
        await press('south');
        await page.click('#order [type="submit"]');
        await becomes('south', '');
        assert.equal(await badge('north'), 'maintenance');
        await eventually(async () => (await south.says()) === 'UP');
        assert.equal(await north.says(), 'MAINT');
        assert.deepEqual(page.complaints, []);
      });
    });
  } finally {
    await server.remove();
    await Promise.all([north.remove(), south.remove()]);
    backend.kill();
  }
});
