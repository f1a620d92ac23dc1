// Takes the pictures of the README from a real server that watches a small fleet, for five minutes. With Node.js 20 or later:
//
//   VELOFLUX=target/debug/veloflux CHROMIUM=/usr/bin/chromium node tests/clients/dashboard/pictures.mjs docs
//
// Given `all` after the folder, it takes every size in every state, to be looked at.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Server } from '../js/server.mjs';
import { ask } from './fleet.mjs';
import { readDashboard } from './reader.mjs';

const [folder, all] = process.argv.slice(2);
const WATCHED_MS = 300_000;
const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Pools of backends on addresses of this machine. A backend's number tells how slow it is; one of 0 does not listen. */
const POOLS = { web: [2, 3, 2, 4, 2, 700, 3, 2], api: [8, 11, 9, 12, 0], search: [21, 24, 19] };
const PORT = 7080;
const servers = [];
const pools = await Promise.all(Object.entries(POOLS).map(async ([pool, delays], network) => {
  const addresses = await Promise.all(delays.map(async (delay, index) => {
    const host = `127.0.${network + 1}.${index + 11}`;
    if (delay) {
      const server = createServer((_, answer) => setTimeout(() => answer.end('ok'), delay * (0.8 + Math.random() * 0.5)));
      server.listen(PORT, host);
      await once(server, 'listening');
      servers.push(server);
    }
    return `{ address = "${host}:${PORT}", weight = ${pool === 'web' && index > 4 ? 3 : 1} }`;
  }));
  return `[[pool]]\nname = "${pool}"\nbackends = [${addresses}]\n[pool.check]\nkind = "http"\npath = "/healthz"\ndegraded_above = "500ms"\n`;
}));
const checks = [['database', '127.0.1.11', true], ['cache', '127.0.9.9', false], ['payments', '127.0.2.11', true]]
  .map(([name, host, critical]) => `[[check]]\nname = "${name}"\nurl = "tcp://${host}:${PORT}"\ncritical = ${critical}\n`);
const server = await Server.start({ config: `[server]\nnode = "fleet-1"\n[billing]\nunit_price = "0.0005"\nbase_fee = "10"\n${pools.join('')}${checks.join('')}` });

/** What people ask of it meanwhile: more and less, as the day goes. */
let watched = true;
const load = (async () => {
  for (let at = 0; watched; at += 1) {
    const rate = Math.max(1, Math.round(9 + 6 * Math.sin(at / 70) + 3 * Math.sin(at / 11) + 3 * Math.random()));
    await Promise.all(Array.from({ length: rate }, () => ask(`${server.url}/livez`).catch(() => { /* Stopped, for a picture. */ })));
    await wait(500);
  }
})();

try {
  await readDashboard(server, async (page) => {
    await page.complete();
    await server.post('/api/ws/control', { action: 'drain', backend: `127.0.1.14:${PORT}`, for: '30m', reason: 'new kernel' });
    await wait(WATCHED_MS);
    const shot = async (name, scheme, [width, height]) => {
      await page.prefers({ 'prefers-color-scheme': scheme });
      await page.size(width, height);
      // Twice drawn: laid out, and the charts in their new width.
      await page.evaluate('new Promise((drawn) => { requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))); })');
      await page.shot(join(folder, `${name}.png`));
    };
    await shot('dashboard-light', 'light', [1160, 720]);
    await shot('dashboard-dark', 'dark', [1160, 720]);
    if (!all) return;
    const every = async (state) => {
      for (const size of [[360, 740], [1280, 800], [1920, 1080], [3840, 2160]]) {
        for (const scheme of ['light', 'dark']) await shot(`${state}-${size.join('x')}-${scheme}`, scheme, size);
      }
    };
    await every('degraded');
    await server.stop('SIGKILL');
    await page.until(`document.querySelector('[data-feed="status"]').dataset.old === 'true'`);
    await every('offline');
  });
} finally {
  watched = false;
  await load;
  await server.remove();
  for (const one of servers) {
    one.closeAllConnections();
    one.close();
  }
}
