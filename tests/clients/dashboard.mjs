// Opens the dashboard in headless Chromium and tells what a person would see as one line of JSON.
//
// Usage: dashboard.mjs CHROMIUM URL. Speaks the DevTools protocol over `ws`, so nothing else needs to be installed.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import WebSocket from 'ws';

const PATIENCE_MS = 30_000;
const [chromium, url] = process.argv.slice(2);
const profile = await mkdtemp(join(tmpdir(), 'veloflux-chromium-'));
const browser = spawn(chromium, ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
  '--remote-debugging-port=0', `--user-data-dir=${profile}`, '--window-size=1280,900', 'about:blank'],
{ stdio: ['ignore', 'ignore', 'pipe'] });

/** The address of the DevTools, which Chromium says on stderr. */
async function devtools() {
  const said = [];
  for await (const line of createInterface(browser.stderr)) {
    const found = /DevTools listening on (ws:\S+)/.exec(line);
    if (found) return found[1];
    said.push(line);
  }
  throw new Error(`Chromium did not start:\n${said.join('\n')}`);
}

/** One conversation with one page: `send` a command, hear every event. */
function conversation(socket, sessionId, hear) {
  let count = 0;
  const waiting = new Map();
  socket.on('message', (text) => {
    const message = JSON.parse(text);
    if (message.id === undefined) return message.sessionId === sessionId.value && hear(message);
    const { resolve, reject } = waiting.get(message.id);
    waiting.delete(message.id);
    return message.error ? reject(new Error(JSON.stringify(message.error))) : resolve(message.result);
  });
  return (method, params = {}) => new Promise((resolve, reject) => {
    count += 1;
    waiting.set(count, { resolve, reject });
    socket.send(JSON.stringify({ id: count, method, params, sessionId: sessionId.value }));
  });
}

/** What stands in the panels now. Runs in the page. */
function read() {
  return Object.fromEntries([...document.querySelectorAll('[data-feed]')].map((panel) => [panel.dataset.feed, {
    text: panel.innerText,
    fields: Object.fromEntries([...panel.querySelectorAll('[data-field]')].map((field) => [field.dataset.field, field.textContent])),
  }]));
}

/** Whether every panel shows what was measured and no placeholder. Runs in the page. */
function filled() {
  const number = (feed) => [...document.querySelectorAll(`[data-feed="${feed}"] [data-field]`)].some((field) => /\d/.test(field.textContent));
  const words = (feed, word) => document.querySelector(`[data-feed="${feed}"]`)?.innerText.toLowerCase().includes(word);
  return ['metrics', 'status', 'billing'].every(number) && words('backends', '127.0.0.1:') && words('health', 'healthy')
    && !/waiting for the first message/.test(document.body.innerText);
}

try {
  const socket = new WebSocket(await devtools(), { perMessageDeflate: false });
  await new Promise((resolve, reject) => { socket.on('open', resolve); socket.on('error', reject); });
  const complaints = [];
  const strangers = [];
  let policy = null;
  const session = { value: undefined };
  const send = conversation(socket, session, ({ method, params }) => {
    if (method === 'Runtime.exceptionThrown') complaints.push(params.exceptionDetails.text);
    if (method === 'Runtime.consoleAPICalled' && params.type === 'error') complaints.push(JSON.stringify(params.args));
    if (method === 'Log.entryAdded' && params.entry.level === 'error') complaints.push(`${params.entry.text} ${params.entry.url}`);
    if (method === 'Network.requestWillBeSent' && !params.request.url.startsWith(url)) strangers.push(params.request.url);
    if (method === 'Network.responseReceived' && params.response.url === url) {
      const headers = Object.entries(params.response.headers);
      policy = headers.find(([name]) => name.toLowerCase() === 'content-security-policy')?.[1] ?? null;
    }
  });
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
  session.value = (await send('Target.attachToTarget', { targetId, flatten: true })).sessionId;
  await Promise.all(['Page', 'Runtime', 'Log', 'Network'].map((domain) => send(`${domain}.enable`)));
  await send('Page.navigate', { url });

  const evaluate = async (expression) => {
    const { result, exceptionDetails } = await send('Runtime.evaluate', { expression, returnByValue: true });
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return result.value;
  };
  const until = async (expression) => {
    const end = Date.now() + PATIENCE_MS;
    while (!(await evaluate(expression))) {
      if (Date.now() > end) throw new Error(`not within ${PATIENCE_MS} ms: ${expression}\n${await evaluate('document.body.innerText')}\n${complaints}`);
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
  };
  const metrics = 'document.querySelector(\'[data-feed="metrics"]\').innerText';
  await until(`(${filled})()`);
  const panels = await evaluate(`(${read})()`);
  // A tick later the page has moved on by itself.
  await until(`${metrics} !== ${JSON.stringify(panels.metrics.text)}`);
  const later = await evaluate(`(${read})()`);
  console.log(JSON.stringify({ panels, later, complaints, strangers, policy }));
  socket.close();
} finally {
  const gone = new Promise((resolve) => { browser.on('exit', resolve); });
  browser.kill('SIGKILL');
  await gone;
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
}
