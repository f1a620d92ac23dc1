// What a token opens: nothing without one, reading with one that reads, and everything that can be done with one that may.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Server } from '../js/server.mjs';
import { Backend } from './fleet.mjs';
import { readDashboard } from './reader.mjs';

const [READER, OPERATOR] = ['reader-of-this-test', 'operator-of-this-test'];
const hash = (token) => createHash('sha256').update(token).digest('hex');

test('what a token opens', async (t) => {
  const roll = `${hash(READER)} viewer reader\n${hash(OPERATOR)} operator deploys\n`;
  const backend = await Backend.start();
  const server = await Server.start({ files: { roll }, config: `
    [auth]
    tokens_file = "HOME/roll"
    [[pool]]
    name = "web"
    backends = ["${backend.address}"]
    [pool.check]
    interval = "500ms"
  ` });
  try {
    await readDashboard(server, async (page) => {
      const said = `document.querySelector('#token .said').textContent`;
      const told = (words, patience) => page.until(`document.querySelector('#told').textContent.includes(${JSON.stringify(words)})`, patience);
      const doable = () => page.evaluate(`[...document.querySelectorAll('[data-do]')].filter((button) => button.checkVisibility()).length`);
      const give = async (token) => {
        await page.press('t');
        await page.type(token);
        await page.press('Enter');
      };

      await t.test('without one it says so', async () => {
        await page.until(`document.querySelector('#banner').textContent.includes('Reading needs a token here')`);
        assert.equal(await doable(), 0);
        assert.equal(await page.text('[data-field="cpu"]'), '–');
      });

      await t.test('a wrong one is refused in words, and nothing is kept of it', async () => {
        await page.click('#sign');
        await page.type('a-wrong-one');
        await page.press('Enter');
        await page.until(`${said}.includes('Not let in: this token is not known here')`);
        assert.equal(await page.evaluate(`document.querySelector('#token').open`), true);
        await page.press('Escape');
        await page.until(`document.querySelector('#token-field').value === ''`);
      });

      await t.test('one that reads fills the page, and may do nothing', async () => {
        await give(READER);
        await page.complete();
        assert.equal(await page.evaluate('document.documentElement.dataset.may'), 'read');
        assert.match(await page.text('#use-token'), /may only read/);
        assert.equal(await doable(), 0);
        assert.equal(await page.evaluate(`document.querySelector('#banner').hidden`), true);
      });

      await t.test('one of an operator measures now', async () => {
        await give(OPERATOR);
        await page.until(`document.documentElement.dataset.may === 'operate'`);
        await page.until(`!document.querySelector('#token').open`);
        const measured = 'Measured and sent: Backends, Metrics, Status, Billing, and Checks.';
        await page.press('u');
        // On a machine that is full it may not come in time; then the reader is told so, and asks again.
        await told(measured, 20_000).catch(() => page.press('u').then(() => told(measured)));
        assert.deepEqual((await page.axe()).wrong, []);
      });

      await t.test('drains a backend for a time and a reason, and takes it back', async () => {
        await page.press('j');
        await page.press('a');
        await page.until(`document.querySelector('#order').open`);
        assert.deepEqual((await page.axe()).wrong, []);
        await page.evaluate(`document.querySelector('#order [name="for"]').value = '30m'; document.querySelector('#order [name="reason"]').focus()`);
        await page.type('new kernel');
        await page.press('Enter');
        await told(`${backend.address} is draining.`);
        await page.until(`document.querySelector('tr.backend .badge').textContent === 'draining'`);
        await page.until(`document.querySelector('[data-group="out"] b').textContent === '1'`);
        await page.until(`document.activeElement.matches('.address, .act')`);
        await page.press('j');
        await page.press('Enter');
        assert.match(await page.text('[data-fact="intent"]'), /done · draining · .* · until .* · “new kernel”/);
        await page.press('Enter');
        await page.press('a');
        await page.until(`document.querySelector('#order').open`);
        assert.equal(await page.evaluate(`document.querySelector('#order [name="action"]:checked').value`), 'enable', 'what was ordered is offered to be withdrawn');
        await page.press('Enter');
        await told(`${backend.address} is enabled.`);
        await page.until(`document.querySelector('tr.backend .badge').textContent === ''`);
      });

      await t.test('says what is wrong with an order, and keeps it to be mended', async () => {
        await page.press('a');
        await page.evaluate(`{ const order = document.querySelector('#order'); order.querySelector('[name="for"]').value = 'own'; order.querySelector('[name="for"]').dispatchEvent(new Event('change', { bubbles: true })); order.querySelector('[name="span"]').focus(); }`);
        await page.type('5');
        await page.press('Enter');
        await page.until(`/\`5\` has no unit/.test(document.querySelector('#order .said').textContent)`);
        assert.equal(await page.evaluate(`document.querySelector('#order').open`), true);
        await page.press('Escape');
      });

      await t.test('pauses a feed after it was asked whether that is meant, and resumes it', async () => {
        await page.evaluate(`document.querySelector('[data-link-of="billing"] details').open = true`);
        await page.click('[data-link-of="billing"] [data-do="pause"]');
        assert.match(await page.text('#pause'), /Everybody who follows it/);
        await page.click('#pause [type="submit"]');
        await told('Paused: Billing.');
        await page.until(`document.querySelector('#banner').textContent.includes('Paused by an operator: Billing.')`);
        assert.match(await page.text('[data-feed="billing"] .link'), /paused/);
        await page.click('[data-link-of="billing"] [data-do="resume"]');
        await told('Goes on: Billing.');
        await page.until(`document.querySelector('#banner').hidden`);
      });

      await t.test('learns of a pause that somebody else has ordered', async () => {
        await server.post('/api/ws/control', { action: 'pause', type: 'health' });
        await page.until(`document.querySelector('#banner').textContent.includes('Paused by an operator: Checks.')`);
        await server.post('/api/ws/control', { action: 'resume', type: 'all' });
        await page.until(`document.querySelector('#banner').hidden`);
      });

      await t.test('stays in memory, or in the tab if that is wanted, and never in an address', async () => {
        const kept = `Object.values(sessionStorage).concat(Object.values(localStorage)).some((text) => text.includes('${OPERATOR}'))`;
        assert.equal(await page.evaluate(kept), false);
        await page.press('t');
        await page.evaluate(`document.querySelector('#token-keep').checked = true`);
        await page.type(OPERATOR);
        await page.press('Enter');
        await page.until(kept);
        await page.go();
        await page.complete();
        await page.until(`document.documentElement.dataset.may === 'operate'`);
        assert.deepEqual(page.requests.filter((url) => url.includes(OPERATOR) || url.includes(READER)), []);
        assert.doesNotMatch(await page.evaluate('location.href'), /test/);
      });

      await t.test('is forgotten, and then reading needs one again', async () => {
        await page.press('t');
        await page.click('#forget');
        await told('The token is forgotten.');
        assert.equal(await doable(), 0);
        await page.go();
        await page.until(`document.querySelector('#banner').textContent.includes('Reading needs a token here')`);
      });

      await t.test('the console says nothing but what was refused', () => {
        assert.deepEqual(page.complaints.filter((complaint) => !/WebSocket connection to|status of 40[013]/.test(complaint)), []);
      });
    });
  } finally {
    await server.remove();
    backend.kill();
  }
});
