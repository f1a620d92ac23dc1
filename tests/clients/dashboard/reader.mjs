// Somebody who reads the dashboard: a page in Chromium with hands, and with the eyes of a screen reader.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { inChromium } from '../chromium.mjs';

const { CHROMIUM: chromium } = process.env;
const CODES = { Enter: 13, Escape: 27, Tab: 9, ArrowDown: 40, ArrowUp: 38, Backspace: 8 };
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/**
 * Opens the dashboard of a server. Besides what `inChromium` gives, the page has `press` (a key), `type` (letters), `size`,
 * `prefers` (media features), `speaks` (the languages of the reader, from the next load on), `go` (loads it again), `text` (of a
 * node), `complete` (every panel is filled), `axe` (what is wrong for those who cannot see, and how much was looked at).
 */
export async function readDashboard(server, act, { before = '', size = [1280, 800] } = {}) {
  return inChromium(chromium, `${server.url}/`, async (page) => {
    const { send } = page;
    page.press = async (key) => {
      const shared = { key, windowsVirtualKeyCode: CODES[key], ...(key.length === 1 && { text: key }), ...(key === 'Enter' && { text: '\r' }) };
      await send('Input.dispatchKeyEvent', { type: 'keyDown', ...shared });
      await send('Input.dispatchKeyEvent', { type: 'keyUp', ...shared });
    };
    page.type = async (text) => { for (const letter of text) await page.press(letter); };
    page.size = (width, height) => send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
    page.prefers = (features) => send('Emulation.setEmulatedMedia', { features: Object.entries(features).map(([name, value]) => ({ name, value })) });
    page.speaks = async (languages) => {
      const { userAgent } = await send('Browser.getVersion');
      await send('Network.setUserAgentOverride', { userAgent, acceptLanguage: languages });
    };
    const begun = () => page.until('document.readyState === "complete" && document.querySelectorAll("[data-link-of]").length === 5');
    page.go = async () => {
      await send('Page.reload');
      await begun();
    };
    page.text = (selector) => page.evaluate(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? null`);
    page.click = (selector) => page.evaluate(`document.querySelector(${JSON.stringify(selector)}).click()`);
    page.complete = () => page.until(`(${complete})()`);
    page.axe = async () => {
      if (!(await page.evaluate('typeof axe !== "undefined"'))) await page.evaluate(`${await readFile(axe, 'utf8')}; undefined`);
      return page.evaluate(`axe.run(document, { resultTypes: ['violations', 'passes'] }).then(({ violations, passes }) => ({
        wrong: violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ': ' + html.slice(0, 200) + ' ' + failureSummary)),
        contrasts: passes.find(({ id }) => id === 'color-contrast')?.nodes.length ?? 0 }))`);
    };
    await page.size(...size);
    await begun();
    return act(page);
  }, { before, size });
}

/** Whether every panel shows what came, and no place is still empty. Runs in the page. */
function complete() {
  const digits = (selector) => /\d/.test(document.querySelector(selector)?.textContent ?? '');
  const feeds = [...document.querySelectorAll('section[data-feed]')];
  return feeds.every((panel) => panel.dataset.link === 'connected' && panel.dataset.old === 'false')
    && ['cpu', 'memory', 'rate', 'cost', 'usage', 'uptime', 'cluster_size', 'version'].every((field) => digits(`[data-field="${field}"]`))
    && document.querySelectorAll('[data-check]').length > 0 && document.querySelectorAll('tr.backend, .none:not([hidden])').length > 0
    && [...document.querySelectorAll('tr.backend time')].every((time) => time.textContent);
}

/** What a console is expected to say while a server is away. */
export const isOutage = (complaint) => /ERR_CONNECTION_(REFUSED|RESET)|WebSocket connection to/.test(complaint);
