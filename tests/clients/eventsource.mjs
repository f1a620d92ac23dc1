// A browser's `EventSource` that loses its connection and comes back by itself; tells what it was given as one line of JSON.
//
// Usage: eventsource.mjs CHROMIUM PORT. The page comes through a relay of ours, which can cut connections without the server
// having restarted.

import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { inChromium } from './chromium.mjs';

const [chromium, port] = process.argv.slice(2);

const sockets = new Set();
let up = true;
const relay = createServer((near) => {
  if (!up) return near.destroy();
  const far = connect(Number(port), '127.0.0.1');
  for (const [socket, other] of [[near, far], [far, near]]) {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => { sockets.delete(socket); other.destroy(); });
    socket.pipe(other);
  }
});
await new Promise((resolve) => { relay.listen(0, '127.0.0.1', resolve); });

/** Nobody gets through for so long, and whoever was connected is cut off. */
async function outage(milliseconds) {
  up = false;
  for (const socket of sockets) socket.destroy();
  await sleep(milliseconds);
  up = true;
}

const told = await inChromium(chromium, `http://127.0.0.1:${relay.address().port}/`, async (page) => {
  await page.until('document.readyState === "complete"');
  await page.evaluate(`(() => {
    window.heard = [];
    window.source = new EventSource('/api/events/metrics');
    for (const type of ['metrics', 'resumed']) source.addEventListener(type, (event) => heard.push({ type, id: event.lastEventId, data: JSON.parse(event.data) }));
  })()`);
  await page.until('heard.length >= 2');
  await outage(5_000);
  await page.until('heard.some(({ type }) => type === "resumed") && heard.at(-1).type === "metrics" && heard.length > 5');
  return page.evaluate('heard');
});
relay.close();
for (const socket of sockets) socket.destroy();
process.stdout.write(`${JSON.stringify(told)}\n`);
