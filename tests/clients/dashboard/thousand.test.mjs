// The dashboard with a thousand backends: only what has changed is touched, no picture waits for it, and hours leave nothing behind.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { Server } from '../js/server.mjs';
import { pushed } from './fleet.mjs';
import { readDashboard } from './reader.mjs';

const COUNT = 1_000;
/**
 * What the page may use of one processor while a thousand backends are told anew every second: it takes a seventh. This is judged,
 * and not how long a picture takes, which says more about what else the machine does; that is told.
 */
const BUSY_SHARE_MAX = 0.4;

test('a thousand backends', async (t) => {
  const server = await Server.start({ config: `
    [[source]]
    name = "deploys"
    kind = "push"
    ttl = "10m"
  ` });
  let bad = new Set([0, 500]);
  const push = () => server.post('/api/sources/deploys', { backends: pushed(COUNT, (index) => (bad.has(index) ? 'unhealthy' : 'healthy')) });
  try {
    await push();
    await readDashboard(server, async (page) => {
      await page.until(`document.querySelectorAll('tr.backend').length === ${COUNT}`);
      const address = (index) => pushed(COUNT, () => 'healthy')[index].address;
      const status = (index, word) => page.until(`document.querySelector('tr[data-address="${address(index)}"]').dataset.status === '${word}'`);

      await t.test('a change touches its own line and no other', async () => {
        await page.evaluate(`{ window.touched = new Set(); new MutationObserver((changes) => { for (const { target, type, attributeName } of changes) {
          const node = target.nodeType === 3 ? target.parentElement : target;
          const row = node?.closest('tr.backend');
          if (row && !node.closest('time')) touched.add(row.dataset.address + ' ' + type + ' ' + (attributeName ?? ''));
        } }).observe(document.querySelector('table'), { subtree: true, childList: true, attributes: true, characterData: true }); }`);
        bad = new Set([0, 500, 250]);
        await push();
        await status(250, 'unhealthy');
        const lines = await page.evaluate(`[...new Set([...touched].map((entry) => entry.split(' ')[0]))]`);
        assert.deepEqual(lines, [address(250)]);
      });

      await t.test('what is worst stands first, and a filter finds one among all', async () => {
        assert.equal(await page.evaluate(`document.querySelector('tbody tr.backend').dataset.status`), 'unhealthy');
        await page.press('/');
        await page.type(address(777));
        await page.until(`document.querySelectorAll('tr.backend').length === 1`);
        await page.press('Escape');
        await page.until(`document.querySelectorAll('tr.backend').length === ${COUNT}`);
        await page.click('[data-sort="address"]');
        assert.deepEqual(await page.evaluate(`[...document.querySelectorAll('tr.backend')].slice(0, 2).map((row) => row.dataset.address)`), ['10.0.0.0:8080', '10.0.0.12:8080']);
        await page.press('g');
        await page.until(`document.querySelectorAll('tbody[data-pool] .fold').length === 12`);
        await page.click('.fold');
        await page.until(`document.querySelectorAll('tr.backend').length === ${COUNT} - document.querySelector('.pool-pass').textContent.match(/of (\\d+)/)[1]`);
        await page.click('.fold');
        await page.press('g');
        await page.click('[data-sort="status"]');
      });

      await t.test('pictures do not wait', async (t) => {
        await page.send('Performance.enable', { timeDomain: 'threadTicks' });
        const busy = async () => (await page.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration').value;
        await page.evaluate(`{ window.frames = []; let last = performance.now(); const next = (at) => { frames.push(at - last); last = at; requestAnimationFrame(next); }; requestAnimationFrame(next); }`);
        await page.evaluate(`{ window.spoken = 0; new MutationObserver(() => { spoken += 1; }).observe(document.querySelector('#announce'), { childList: true }); }`);
        const [begun, used] = [performance.now(), await busy()];
        // Longer than the pause between two announcements: one may have been made just before.
        for (let round = 0; round < 12; round += 1) {
          bad = new Set(Array.from({ length: 20 }, (_, index) => (round * 131 + index * 37) % COUNT));
          await push();
          await status((round * 131) % COUNT, 'unhealthy');
          await new Promise((resolve) => { setTimeout(resolve, 500); });
        }
        const share = (await busy() - used) / ((performance.now() - begun) / 1_000);
        const seconds = (performance.now() - begun) / 1_000;
        const spoken = await page.evaluate('spoken');
        assert.ok(spoken >= 1 && spoken <= 1 + seconds / 5, `${spoken} announcements in ${seconds} s, of twenty changes a second`);
        const frames = (await page.evaluate('frames')).slice(1).sort((a, b) => a - b);
        const at = (part) => frames[Math.floor(frames.length * part)];
        t.diagnostic(`${frames.length} pictures: half within ${at(0.5).toFixed(1)} ms, 95 % within ${at(0.95).toFixed(1)} ms, the slowest ${frames.at(-1).toFixed(1)} ms; ${(share * 100).toFixed(0)} % of a processor`);
        assert.ok(share <= BUSY_SHARE_MAX, `${share} of a processor`);
      });

      await t.test('the console is clean', () => assert.deepEqual(page.complaints, []));
    });

    await t.test('hours leave nothing behind', async (t) => {
      const before = await readFile(new URL('simulated.js', import.meta.url), 'utf8');
      await readDashboard(server, async (page) => {
        await page.until(`document.querySelectorAll('tr.backend').length >= 40`);
        await page.send('Performance.enable');
        const sizes = async () => {
          await page.send('HeapProfiler.collectGarbage');
          const { metrics } = await page.send('Performance.getMetrics');
          return Object.fromEntries(['Nodes', 'JSEventListeners', 'JSHeapUsedSize', 'Documents'].map((name) => [name, metrics.find((metric) => metric.name === name).value]));
        };
        // An hour, for that is how long the charts remember; then twenty minutes more have to change nothing.
        const first = await page.evaluate('simulate(62)');
        const one = await sizes();
        const second = await page.evaluate('simulate(20)');
        const two = await sizes();
        t.diagnostic(JSON.stringify({ first, second, one, two }));
        assert.ok(second.messages > 8_000, `${second.messages} messages`);
        assert.deepEqual([first.open, second.open], [5, 5]);
        assert.ok(Math.abs(two.Nodes - one.Nodes) < 60, `${one.Nodes} nodes, then ${two.Nodes}`);
        assert.ok(Math.abs(two.JSEventListeners - one.JSEventListeners) < 5, `${one.JSEventListeners} listeners, then ${two.JSEventListeners}`);
        assert.ok(two.JSHeapUsedSize < one.JSHeapUsedSize + 3_000_000, `${one.JSHeapUsedSize} bytes, then ${two.JSHeapUsedSize}`);
        assert.deepEqual(page.complaints, []);
      }, { before });
    });
  } finally {
    await server.remove();
  }
});
