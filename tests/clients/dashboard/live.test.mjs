// The dashboard of a server that lives through something, as a person and as a screen reader see it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TEXTS } from '../../../src/serve/dashboard/texts.js';
import { Server } from '../js/server.mjs';
import { Backend, ask } from './fleet.mjs';
import { isOutage, readDashboard } from './reader.mjs';

/** Lets waits of a second and more pass twenty times as fast once `hurried` is set: back-off and patience, not a different page. */
const hurry = `{ const wait = window.setTimeout; window.setTimeout = (act, delay, ...rest) => wait(act, window.hurried && delay >= 500 ? delay / 20 : delay, ...rest); }`;
/** Lets the connections be cut (`window.cut(true)`) while the server goes on, and be whole again. */
const scissors = `{ const [Whole, open] = [window.WebSocket, new Set()]; let away = false;
  window.WebSocket = class extends Whole {
    constructor(url, ...rest) { super(away ? url.replace('/api/ws/', '/nowhere/') : url, ...rest); open.add(this); this.addEventListener('close', () => open.delete(this)); }
  };
  window.cut = (cut) => { away = cut; if (cut) for (const socket of open) socket.close(4008); else dispatchEvent(new Event('online')); }; }`;
const points = `document.querySelector('[data-chart="cpu"] .line').getAttribute('d').split(/[ML]/).length`;

test('the dashboard of a server that lives through something', async (t) => {
  const [first, second] = [await Backend.start(), await Backend.start()];
  const server = await Server.start({ config: `
    [[pool]]
    name = "web"
    backends = ["${first.address}", { address = "${second.address}", weight = 3 }, "127.0.0.1:1"]
    [pool.check]
    interval = "500ms"
    fall = 2
    [[check]]
    name = "database"
    url = "tcp://${first.address}"
    [[check]]
    name = "cache"
    url = "redis://127.0.0.1:1"
    critical = false
  ` });
  const row = (address) => `tr[data-address="${address}"]`;
  try {
    await readDashboard(server, async (page) => {
      await page.complete();

      await t.test('every panel is filled', async () => {
        const shown = { backends: ['web', '2 of 3 pass', first.address, second.address, '127.0.0.1:1', 'unhealthy', 'connection refused', 'own check'],
          status: ['Degraded', '127.0.0.1:1', 'cache', '0.1.0'], health: ['database', 'healthy', 'critical', 'cache', 'unhealthy', 'refused'], billing: ['$', 'USD', '% passed', 'request'],
          metrics: ['CPU', 'Memory', 'Requests', 'counted by this server', 'connections'] };
        for (const [feed, words] of Object.entries(shown)) {
          const text = await page.text(`[data-feed="${feed}"]`);
          for (const word of words) assert.ok(text.includes(word), `\`${word}\` is not to be seen in ${feed}:\n${text}`);
        }
        const values = await page.evaluate(`['cpu', 'memory', 'rate'].map((field) => Number(document.querySelector('[data-field="' + field + '"]').textContent))`);
        assert.ok(values[0] >= 0 && values[0] <= 100 && values[1] > 0 && values[1] <= 100 && values[2] >= 0, values.join());
        assert.equal(await page.text(`${row(second.address)} .weight`), '3');
        assert.match(await page.text(`${row(second.address)} .latency`), /^[\d.]+ ms$/);
        assert.match(await page.evaluate(`document.querySelector('${row(second.address)} time').title`), /\d{4}, \d\d:\d\d:\d\d$/);
        assert.match(await page.evaluate('document.title'), /^▲ degraded · \S+ · veloflux$/);
        for (const feed of ['backends', 'metrics', 'status', 'billing', 'health']) {
          assert.match(await page.text(`[data-link-of="${feed}"]`), /\/min\s+\d+s ago/, feed);
          assert.match(await page.evaluate(`document.querySelector('[data-link-of="${feed}"] [data-field="messages"]').textContent`), /^[1-9]/);
        }
      });

      await t.test('nothing is asked of anybody else, and nothing else could run', async () => {
        assert.deepEqual(page.requests.filter((url) => !url.startsWith(server.url) && !url.startsWith('data:')), []);
        const policy = page.headers['content-security-policy'];
        assert.match(policy, /default-src 'none'.*require-trusted-types-for 'script'/);
        assert.doesNotMatch(policy, /unsafe|\*/);
        for (const path of ['/', '/dashboard/app.js', '/dashboard/theme.css', '/veloflux.js']) {
          const whole = await ask(`${server.url}${path}`);
          const head = await ask(`${server.url}${path}`, { method: 'HEAD' });
          const known = await ask(`${server.url}${path}`, { headers: { 'If-None-Match': `"x", W/${whole.headers.etag}` } });
          assert.deepEqual([whole.status, head.status, known.status, head.length, known.length], [200, 200, 304, 0, 0], path);
          assert.equal(head.headers.etag, whole.headers.etag);
          assert.equal(whole.headers['x-content-type-options'], 'nosniff');
        }
        assert.equal((await ask(`${server.url}/dashboard/none.js`)).status, 404);
      });

      await t.test('a screen reader, and who needs contrast, find nothing wrong in light and dark', async () => {
        for (const scheme of ['light', 'dark']) {
          await page.prefers({ 'prefers-color-scheme': scheme });
          const { wrong, contrasts } = await page.axe();
          assert.deepEqual(wrong, [], scheme);
          assert.ok(contrasts > 60, `only ${contrasts} texts were measured`);
        }
      });

      await t.test('who wants no motion sees none, and who wants other colours still sees the signs', async () => {
        await page.prefers({ 'prefers-reduced-motion': 'reduce' });
        const moving = `[...document.querySelectorAll('*')].filter((node) => ['', '::before', '::after'].some((part) => { const { transitionDuration, animationName } = getComputedStyle(node, part || null); return transitionDuration !== '0s' || animationName !== 'none'; })).length`;
        assert.equal(await page.evaluate(moving), 0);
        await page.prefers({ 'forced-colors': 'active' });
        const signs = `[...document.querySelectorAll('tr.backend .mark')].map((mark) => { const { backgroundColor, borderTopWidth } = getComputedStyle(mark); return backgroundColor !== getComputedStyle(document.body).backgroundColor || borderTopWidth !== '0px'; })`;
        assert.deepEqual(await page.evaluate(signs), [true, true, true]);
        await page.prefers({});
      });

      await t.test('without a token nothing can be done', async () => {
        assert.equal(await page.evaluate(`[...document.querySelectorAll('[data-do]')].filter((button) => button.checkVisibility()).length`), 0);
      });

      await t.test('everything can be reached and done by the keyboard, and the focus is seen', async () => {
        const focused = `(() => { const { activeElement: at } = document; const { outlineStyle, outlineWidth } = getComputedStyle(at); return { name: at.id || at.className || at.dataset.group || (at.dataset.sort && 'by ' + at.dataset.sort) || at.dataset.window || at.tagName, seen: outlineStyle !== 'none' && outlineWidth !== '0px' }; })()`;
        const order = [];
        for (;;) {
          await page.press('Tab');
          const { name, seen } = await page.evaluate(focused);
          if (name === order[0] || name === 'BODY') break;
          assert.ok(seen, `the focus is not to be seen on ${name}`);
          order.push(name);
        }
        assert.deepEqual(order.slice(0, 5), ['skip', 'use-token', 'language', 'theme', 'show-help']);
        assert.ok(order.indexOf('filter') < order.indexOf('group') && order.indexOf('group') < order.indexOf('by status'), order.join());
        assert.equal(order.filter((name) => name === 'address').length, 1, order + ': one backend is reached by Tab, the others by j and k');
        await page.press('/');
        await page.type('refused');
        await page.until(`document.querySelectorAll('tr.backend').length === 1`);
        assert.match(await page.text('[data-field="shown"]'), /^1 of 3 backends$/);
        await page.press('Escape');
        await page.until(`document.querySelectorAll('tr.backend').length === 3`);
        await page.press('3');
        await page.until(`document.querySelectorAll('tr.backend').length === 1 && document.querySelector('[data-group="unhealthy"]').ariaPressed === 'true'`);
        await page.press('3');
        await page.until(`document.querySelectorAll('tr.backend').length === 3`);
        await page.press('j');
        await page.press('j');
        await page.press('Enter');
        assert.equal(await page.evaluate(`document.activeElement.getAttribute('aria-expanded')`), 'true');
        assert.match(await page.text('tr[data-open] .facts'), /Last check[\s\S]*Source[\s\S]*own check/);
        await page.press('Enter');
        assert.equal(await page.evaluate(`document.querySelectorAll('.facts dl').length`), 0);
        await page.press('?');
        assert.match(await page.text('#help'), /filter the backends/);
        await page.press('Escape');
        assert.equal(await page.evaluate(`document.querySelector('#help').open || !document.activeElement.matches('.address')`), false, 'the focus goes back');
      });

      await t.test('it is read in Portuguese by a reader who wants that, and in English again', async () => {
        await page.press('l');
        await page.until(`document.documentElement.lang === 'pt-BR'`);
        await page.until(`/\\d,\\d ms/.test(document.querySelector('${row(second.address)} .latency').textContent)`);
        const texts = await page.evaluate(`[...document.querySelectorAll('[data-t]')].map((node) => [node.dataset.t, node.textContent])`);
        for (const [key, text] of texts) assert.equal(text, TEXTS[key][1], key);
        for (const word of ['saudável', 'com falha', '2 de 3 respondem', 'verificação própria']) assert.ok((await page.text('[data-feed="backends"]')).includes(word), word);
        assert.match(await page.evaluate('document.title'), /degradado/);
        assert.equal(await page.evaluate(`document.querySelector('[data-field="reasons"] li').lang`), 'en', 'what the server says is English');
        assert.deepEqual((await page.axe()).wrong, []);
        await page.press('l');
        await page.until(`document.documentElement.lang === 'en'`);
        await page.evaluate('localStorage.clear()');
        await page.speaks('pt-PT,pt');
        const before = await page.evaluate(points);
        await page.go();
        await page.complete();
        assert.equal(await page.evaluate('document.documentElement.lang'), 'pt-BR');
        assert.ok(await page.evaluate(points) >= before, 'the chart goes on where the page before has left it');
        await page.speaks('en-US,en');
        await page.go();
        await page.complete();
      });

      await t.test('a connection that is cut leaves no hole in the charts: what was missed is replayed', async () => {
        const before = await page.evaluate(points);
        await page.evaluate('window.cut(true)');
        await page.until(`document.querySelector('[data-feed="metrics"]').dataset.link === 'reconnecting'`);
        // Longer than what would show as a gap.
        await page.until(`document.querySelectorAll('[data-chart="cpu"] rect').length === 1`);
        await page.evaluate('window.cut(false)');
        await page.complete();
        await page.until(`document.querySelectorAll('[data-chart="cpu"] rect').length === 0`);
        assert.ok(await page.evaluate(points) >= before + 3, 'the points of the time in between are there');
        assert.equal(await page.evaluate(`document.querySelector('[data-link-of="metrics"] [data-field="missed"]').textContent`), '0');
      });

      await t.test('a backend that is killed turns unhealthy, and it is said', async () => {
        second.kill();
        await page.until(`document.querySelector('${row(second.address)}').dataset.status === 'unhealthy'`);
        assert.match(await page.text(row(second.address)), /unhealthy[\s\S]*refused/);
        assert.match(await page.text('tr.pool'), /1 of 3 pass/);
        await page.until(`document.querySelector('#announce').textContent.includes('${second.address} is unhealthy')`);
        assert.equal(await page.text('[data-group="unhealthy"] b'), '2');
      });

      await t.test('a restart shows Reconnecting, then Connected, and the chart is not lost', async () => {
        const before = await page.evaluate(points);
        await page.evaluate(`{ const panel = document.querySelector('[data-feed="metrics"]'); window.links = []; new MutationObserver(() => links.push(panel.dataset.link)).observe(panel, { attributes: true, attributeFilter: ['data-link'] }); }`);
        await server.stop('SIGKILL');
        await page.until(`links.includes('reconnecting')`);
        assert.match(await page.text('[data-feed="metrics"] .link'), /Reconnecting \(\d\/5\)/);
        await server.start();
        await page.complete();
        assert.deepEqual(await page.evaluate(`[links[0], links.at(-1)]`), ['reconnecting', 'connected']);
        await page.until(`${points} > ${before}`);
        assert.equal(await page.evaluate(`document.querySelector('#banner').hidden`), true);
      });

      await t.test('without a server everything is grey and says how old it is, until somebody reconnects', async () => {
        await server.stop('SIGKILL');
        await page.until(`[...document.querySelectorAll('section[data-feed]')].every((panel) => panel.dataset.old === 'true')`);
        assert.match(await page.text('#banner'), /No connection since \d\d:\d\d:\d\d: Backends, Metrics, Status, Billing, and Checks\./);
        assert.match(await page.text('[data-feed="status"] .link'), /Reconnecting .* old, from \d\d:\d\d:\d\d/);
        await page.until(`/^○ Reconnecting · /.test(document.title)`);
        const grey = await page.evaluate(`getComputedStyle(document.querySelector('[data-field="status"]')).color === getComputedStyle(document.querySelector('[data-feed="status"] dt')).color`);
        assert.ok(grey, 'a state that is old has no colour');
        const age = await page.text(`${row(first.address)} time`);
        await page.until(`document.querySelector('${row(first.address)} time').textContent !== ${JSON.stringify(age)}`);
        await page.until(`document.querySelectorAll('[data-chart="cpu"] rect').length === 1`);
        assert.deepEqual((await page.axe()).wrong, [], 'also what is old can be read');
        await page.evaluate('window.hurried = true');
        await page.until(`document.querySelector('#links [data-link-of="metrics"]').dataset.link === 'failed'`);
        await page.until(`/trying again did not help/.test(document.querySelector('#banner').textContent)`);
        await page.until(`/^○ Failed · /.test(document.title)`);
        await server.start();
        await page.click('#reconnect');
        await page.complete();
        assert.equal(await page.evaluate(`document.querySelector('#banner').hidden`), true);
        assert.equal(await page.evaluate(`document.querySelectorAll('[data-chart="cpu"] rect').length`), 1, 'what was not measured is a gap');
        assert.match(await page.evaluate(`document.querySelector('[data-chart="cpu"] svg').ariaLabel`), /CPU: now [\d.]+ %.*min.*mean.*max.*1 gap without data/);
      });

      await t.test('from a phone to a wall nothing sticks out', async () => {
        for (const [width, height] of [[360, 740], [768, 1024], [1280, 800], [3840, 2160]]) {
          await page.size(width, height);
          const [content, view] = await page.evaluate(`[document.documentElement.scrollWidth, document.documentElement.clientWidth]`);
          assert.ok(content <= view, `${content} pixels are wide in a window of ${width}`);
        }
        await page.size(360, 740);
        assert.deepEqual((await page.axe()).wrong, []);
      });

      await t.test('the console is clean', () => {
        assert.deepEqual(page.complaints.filter((complaint) => !isOutage(complaint)), []);
      });
    }, { before: hurry + scissors });
  } finally {
    await server.remove();
    first.kill();
    second.kill();
  }
});
