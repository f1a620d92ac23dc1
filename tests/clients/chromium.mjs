// A page in headless Chromium, driven over the DevTools protocol with `ws`, so that nothing else needs to be installed.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import WebSocket from 'ws';

const PATIENCE_MS = 60_000;

/** The address of the DevTools, which Chromium says on stderr. */
async function devtools(browser) {
  const said = [];
  for await (const line of createInterface(browser.stderr)) {
    const found = /DevTools listening on (ws:\S+)/.exec(line);
    if (found) return found[1];
    said.push(line);
  }
  throw new Error(`Chromium did not start:\n${said.join('\n')}`);
}

/** One conversation with one page: `send` a command, hear every event. */
function conversation(socket, session, hear) {
  let count = 0;
  const waiting = new Map();
  socket.on('message', (text) => {
    const message = JSON.parse(text);
    if (message.id === undefined) return message.sessionId === session.value && hear(message);
    const { resolve, reject } = waiting.get(message.id) ?? {};
    if (!resolve) return undefined;
    return message.error ? reject(new Error(JSON.stringify(message.error))) : resolve(message.result);
  });
  socket.on('close', () => waiting.forEach(({ reject }) => reject(new Error('Chromium has gone'))));
  return (method, params = {}) => new Promise((resolve, reject) => {
    count += 1;
    const number = count;
    const late = setTimeout(() => reject(new Error(`Chromium does not answer ${method} ${JSON.stringify(params).slice(0, 200)}`)), PATIENCE_MS);
    const answered = (then) => (value) => { clearTimeout(late); waiting.delete(number); then(value); };
    waiting.set(number, { resolve: answered(resolve), reject: answered(reject) });
    socket.send(JSON.stringify({ id: number, method, params, sessionId: session.value }));
  });
}

/**
 * Opens a page, runs `act` with it, and closes everything. The page has `evaluate`, `until` (an expression holds), `shot` (a PNG
 * file), `send` (a DevTools command), and what was heard: `complaints` of the console, `requests`, `headers` of the document.
 */
export async function inChromium(chromium, url, act, { before = '', size = [1280, 900] } = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'veloflux-chromium-'));
  const browser = spawn(chromium, ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--hide-scrollbars',
    '--remote-debugging-port=0', `--user-data-dir=${profile}`, `--window-size=${size}`, 'about:blank'],
  { stdio: ['ignore', 'ignore', 'pipe'] });
  // Listened for from the beginning: who has gone already says so to nobody afterwards.
  const gone = new Promise((resolve) => { browser.on('exit', resolve); });
  try {
    const silent = setTimeout(() => browser.kill('SIGKILL'), PATIENCE_MS);
    const socket = new WebSocket(await devtools(browser), { perMessageDeflate: false });
    clearTimeout(silent);
    await new Promise((resolve, reject) => { socket.on('open', resolve); socket.on('error', reject); });
    const page = { complaints: [], requests: [], headers: {} };
    const session = { value: undefined };
    const send = conversation(socket, session, ({ method, params }) => {
      if (method === 'Runtime.exceptionThrown') page.complaints.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
      if (method === 'Runtime.consoleAPICalled' && params.type === 'error') page.complaints.push(JSON.stringify(params.args));
      if (method === 'Log.entryAdded' && params.entry.level === 'error') page.complaints.push(`${params.entry.text} ${params.entry.url}`);
      if (method === 'Network.requestWillBeSent') page.requests.push(params.request.url);
      if (method === 'Network.responseReceived' && params.response.url === url) {
        page.headers = Object.fromEntries(Object.entries(params.response.headers).map(([name, value]) => [name.toLowerCase(), value]));
      }
    });
    page.send = send;
    const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
    session.value = (await send('Target.attachToTarget', { targetId, flatten: true })).sessionId;
    await Promise.all(['Page', 'Runtime', 'Log', 'Network'].map((domain) => send(`${domain}.enable`)));
    if (before) await send('Page.addScriptToEvaluateOnNewDocument', { source: before });
    page.evaluate = async (expression) => {
      const { result, exceptionDetails } = await send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
      if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
      return result.value;
    };
    page.until = async (expression, patience = PATIENCE_MS) => {
      const end = Date.now() + patience;
      for (;;) {
        const value = await page.evaluate(expression);
        if (value) return value;
        if (Date.now() > end) throw new Error(`not within ${patience} ms: ${expression}\n${await page.evaluate('document.body.innerText')}\n${page.complaints.join('\n')}`);
        await new Promise((resolve) => { setTimeout(resolve, 50); });
      }
    };
    page.shot = async (file) => {
      const { data } = await send('Page.captureScreenshot', { format: 'png' });
      await writeFile(file, Buffer.from(data, 'base64'));
    };
    await send('Page.navigate', { url });
    const told = await act(page);
    socket.close();
    return told;
  } finally {
    browser.kill('SIGKILL');
    await gone;
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
