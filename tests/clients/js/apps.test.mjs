// Builds an app around each adapter, as its users do, and drives it in a browser against a real server.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ConsoleLogger, LogLevel, NodeJSFileSystem } from '@angular/compiler-cli';
import { createEs2015LinkerPlugin } from '@angular/compiler-cli/linker/babel';
import { transformAsync } from '@babel/core';
import { build } from 'vite';
import { inChromium } from '../chromium.mjs';
import { Server, eventually } from './server.mjs';

const APPS = ['react', 'vue', 'angular'];
const here = fileURLToPath(new URL('.', import.meta.url));
const modules = join(here, '../node_modules');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript' };
let folder;
let pages;
let origin;

/** What Angular's build does to its libraries: they come half compiled. */
const linker = {
  name: 'angular-linker',
  async transform(code, id) {
    if (!id.includes('/@angular/') || !code.includes('ɵɵngDeclare')) return null;
    const plugin = createEs2015LinkerPlugin({ linkerJitMode: false, fileSystem: new NodeJSFileSystem(), logger: new ConsoleLogger(LogLevel.warn) });
    const { code: linked } = await transformAsync(code, { configFile: false, babelrc: false, compact: false, filename: id, plugins: [plugin] });
    return { code: linked, map: null };
  },
};

/** Compiles the Angular app with Angular's own compiler, as strict as it can be. The others are plain modules. */
async function compileAngular() {
  const options = {
    compilerOptions: {
      target: 'es2022', module: 'es2022', moduleResolution: 'bundler', strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true,
      experimentalDecorators: true, preserveSymlinks: true, outDir: folder, rootDir: join(here, 'apps'), lib: ['es2022', 'dom'], types: [], skipLibCheck: false,
    },
    angularCompilerOptions: { strictTemplates: true, strictInjectionParameters: true, strictInputAccessModifiers: true },
    files: [join(here, 'apps/angular.ts')],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(options));
  await promisify(execFile)('node', [join(modules, '@angular/compiler-cli/bundles/src/bin/ngc.js'), '-p', join(folder, 'tsconfig.json')]);
}

before(async () => {
  // Below `node_modules`, so that the apps find what they import.
  folder = await mkdtemp(join(modules, '.apps-'));
  await compileAngular();
  for (const app of APPS) {
    await writeFile(join(folder, `${app}.html`), `<!doctype html><meta charset="utf-8"><title>${app}</title><link rel="icon" href="data:,">
      <div id="root"></div><app-root></app-root><script type="module" src="./${app}.js"></script>`);
    if (app !== 'angular') await writeFile(join(folder, `${app}.js`), await readFile(join(here, `apps/${app}.js`)));
  }
  await build({
    root: folder,
    logLevel: 'error',
    plugins: [linker],
    resolve: { preserveSymlinks: true },
    // React's development build: only that one runs effects twice in strict mode.
    define: { 'process.env.NODE_ENV': '"development"' },
    build: { outDir: join(folder, 'dist'), rollupOptions: { input: APPS.map((app) => join(folder, `${app}.html`)) }, target: 'es2022', minify: false },
  });
  pages = createServer(async ({ url }, answer) => {
    const { pathname } = new URL(url, 'http://h');
    const file = await readFile(join(folder, 'dist', pathname)).catch(() => null);
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

test('each adapter in an app of its framework', { concurrency: APPS.length }, async (context) => {
  await Promise.all(APPS.map((app) => context.test(`${app} shows values, comes back after a restart, and leaves no socket`, async () => {
    const server = await Server.start({ args: ['--backend', 'web=127.0.0.1:1'] });
    try {
      const sockets = await readFile(join(here, 'apps/sockets.js'), 'utf8');
      await inChromium(process.env.CHROMIUM, `${origin}/${app}.html?server=${encodeURIComponent(server.url)}`, async (page) => {
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
        await page.until(FILLED);
        assert.equal((await count()).open, 3);

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
