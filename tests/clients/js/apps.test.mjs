// Builds an app around each adapter, as its users do, and drives it in a browser against a real server.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { inChromium } from '../chromium.mjs';
import { buildAngular } from './angular.mjs';
import { sample } from './samples.mjs';
import { Server, eventually } from './server.mjs';

const APPS = { react: 'plain/dist/react.html', vue: 'plain/dist/vue.html', angular: 'angular/dist/browser/index.html' };
const here = fileURLToPath(new URL('.', import.meta.url));
const modules = join(here, '../node_modules');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript' };
let folder;
let pages;
let origin;

/** Builds the apps that are plain modules. */
async function buildPlain(apps, root) {
  await symlink(modules, join(root, 'node_modules'));
  for (const app of apps) {
    await writeFile(join(root, `${app}.html`), `<!doctype html><meta charset="utf-8"><title>${app}</title><link rel="icon" href="data:,">
      <div id="root"></div><script type="module" src="./${app}.js"></script>`);
    await copyFile(join(here, `apps/${app}.js`), join(root, `${app}.js`));
  }
  await build({
    root,
    base: './',
    configFile: false,
    logLevel: 'error',
    resolve: { preserveSymlinks: true },
    // React's development build: only that one runs effects twice in strict mode.
    define: { 'process.env.NODE_ENV': '"development"' },
    build: { rollupOptions: { input: apps.map((app) => join(root, `${app}.html`)) }, target: 'es2022', minify: false },
  });
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'veloflux-apps-'));
  const [plain, angular] = ['plain', 'angular'].map((name) => join(folder, name));
  await Promise.all([plain, angular].map((path) => mkdir(path)));
  await copyFile(join(here, 'apps/angular.ts'), join(angular, 'angular.ts'));
  await writeFile(join(angular, 'sample.ts'), sample('ts'));
  await Promise.all([buildPlain(['react', 'vue'], plain), buildAngular(angular, modules, 'angular.ts', ['sample.ts'])]);
  pages = createServer(async ({ url }, answer) => {
    const { pathname } = new URL(url, 'http://h');
    const file = await readFile(join(folder, pathname)).catch(() => null);
    answer.writeHead(file ? 200 : 404, { 'Content-Type': TYPES[extname(pathname)] ?? 'text/plain' }).end(file ?? '');
  }).listen(0, '127.0.0.1');
  await once(pages, 'listening');
  origin = `http://127.0.0.1:${pages.address().port}`;
});

after(async () => {
  pages?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const text = (id) => `(document.querySelector('#${id}')?.textContent ?? '').trim()`;
const FILLED = `/^Connected [0-9.]+ \\S+Z$/.test(${text('metrics')}) && /127.0.0.1:\\d+ \\w+/.test(${text('backends')}) && /^Connected \\w+ [1-9]/.test(${text('status')})`;
/** From now on, what the page shows of its connections. Runs in the page. */
function observe() {
  window.seen = new Set();
  const look = () => {
    for (const id of ['metrics', 'status']) window.seen.add(`${id}: ${document.querySelector(`#${id}`)?.textContent.trim().match(/^\w+/)}`);
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
}

test('each adapter in an app of its framework', { concurrency: true }, async (context) => {
  await Promise.all(Object.entries(APPS).map(([app, path]) => context.test(`${app} shows values, comes back after a restart, and leaves no socket`, async () => {
    const server = await Server.start({ args: ['--backend', 'web=127.0.0.1:1'] });
    try {
      const sockets = await readFile(join(here, 'apps/sockets.js'), 'utf8');
      await inChromium(process.env.CHROMIUM, `${origin}/${path}?server=${encodeURIComponent(server.url)}`, async (page) => {
        const count = () => page.evaluate('window.sockets()');
        await page.until(FILLED);
        // The three feeds the page shows, each once, however often they are used, mounted and drawn.
        assert.deepEqual(await count(), { made: 3, open: 3 });
        assert.equal(await server.connections(), 3);
        const values = await page.evaluate(text('metrics'));
        await page.until(`${text('metrics')} !== ${JSON.stringify(values)}`);
        assert.deepEqual(await count(), { made: 3, open: 3 }, 'what is drawn again is not connected again');

        await page.evaluate(`(${observe})()`);
        await server.stop();
        await page.until('window.seen.has("metrics: Reconnecting") && window.seen.has("status: Reconnecting")');
        await server.start();
        await page.until(`${FILLED} && window.sockets().open === 3`);

        if (await page.evaluate('"enable" in window')) {
          for (const [enabled, connections] of [[false, 2], [true, 3]]) {
            await page.evaluate(`window.enable(${enabled})`);
            await eventually(async () => await server.connections() === connections);
          }
        }

        await page.evaluate('window.show(false)');
        await eventually(async () => await server.connections() === 0);
        const { made, open } = await count();
        assert.equal(open, 0);
        // What was left stays away, also when somebody looks at the page again.
        await page.evaluate('window.dispatchEvent(new Event("online")); new Promise((resolve) => { setTimeout(resolve, 300); })');
        assert.equal((await count()).made, made);
        const complaints = page.complaints.filter((complaint) => !/ERR_CONNECTION|WebSocket connection to/.test(complaint));
        assert.deepEqual(complaints, []);
      }, { before: sockets });
    } finally {
      await server.remove();
    }
  })));
});

test('a page without a build loads the client from the server, as the README shows', async () => {
  const server = await Server.start();
  try {
    const page = `<!doctype html><title>page</title><link rel="icon" href="data:,">${sample('html', 'README.md')}`;
    await writeFile(join(folder, 'page.html'), page.replaceAll('http://127.0.0.1:8080', server.url));
    await inChromium(process.env.CHROMIUM, `${origin}/page.html`, async (page) => {
      await page.until('/^CPU [0-9.]+ %$/.test(document.title)');
      assert.deepEqual([await server.connections(), page.complaints], [1, []]);
    });
  } finally {
    await server.remove();
  }
});
