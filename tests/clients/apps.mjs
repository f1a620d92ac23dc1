// Builds an app around each adapter, as its users do, and drives them in a browser against a real server.
//
// Usage: apps.mjs CHROMIUM SERVER. After "ready" on stdout it waits for a line on stdin: the server was restarted.
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ConsoleLogger, LogLevel, NodeJSFileSystem } from '@angular/compiler-cli';
import { createEs2015LinkerPlugin } from '@angular/compiler-cli/linker/babel';
import { transformAsync } from '@babel/core';
import { build } from 'vite';
import { inChromium } from './chromium.mjs';

const [chromium, server] = process.argv.slice(2);
const here = fileURLToPath(new URL('.', import.meta.url));
const folder = await mkdtemp(join(here, 'node_modules', '.apps-'));
const apps = ['react', 'vue', 'angular'];
/** What Angular's build does to its libraries: they come half compiled. */
const linker = {
  name: 'angular-linker',
  async transform(code, id) {
    if (!id.includes('/@angular/') || !code.includes('ɵɵngDeclare')) return null;
    const { code: linked } = await transformAsync(code, { configFile: false, babelrc: false, compact: false, filename: id, plugins: [createEs2015LinkerPlugin({ linkerJitMode: false, fileSystem: new NodeJSFileSystem(), logger: new ConsoleLogger(LogLevel.warn) })] });
    return { code: linked, map: null };
  },
};
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

try {
  // Angular's own compiler, as strict as it can be; the others are plain modules.
  const options = {
    compilerOptions: {
      target: 'es2022', module: 'es2022', moduleResolution: 'bundler', strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true,
      experimentalDecorators: true, preserveSymlinks: true, outDir: folder, rootDir: join(here, 'apps'), lib: ['es2022', 'dom'], types: [], skipLibCheck: false,
    },
    angularCompilerOptions: { strictTemplates: true, strictInjectionParameters: true, strictInputAccessModifiers: true },
    files: [join(here, 'apps/angular.ts')],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(options));
  execFileSync('node', [join(here, 'node_modules/@angular/compiler-cli/bundles/src/bin/ngc.js'), '-p', join(folder, 'tsconfig.json')], { stdio: ['ignore', 'pipe', 'inherit'] });
  for (const app of apps) {
    await writeFile(join(folder, `${app}.html`), await readFile(join(here, `apps/${app}.html`)));
    if (app !== 'angular') await writeFile(join(folder, `${app}.js`), await readFile(join(here, `apps/${app}.js`)));
  }
  await build({
    root: folder,
    logLevel: 'error',
    plugins: [linker],
    resolve: { preserveSymlinks: true },
    build: { outDir: join(folder, 'dist'), rollupOptions: { input: apps.map((app) => join(folder, `${app}.html`)) }, target: 'es2022' },
  });
  const pages = createServer(async ({ url }, answer) => {
    const { pathname } = new URL(url, 'http://h');
    const file = await readFile(join(folder, 'dist', pathname)).catch(() => null);
    answer.writeHead(file ? 200 : 404, { 'Content-Type': types[extname(pathname)] ?? 'text/plain' }).end(file ?? '');
  });
  pages.listen(0, '127.0.0.1');
  await once(pages, 'listening');
  const origin = `http://127.0.0.1:${pages.address().port}`;
  const before = await readFile(join(here, 'apps/sockets.js'), 'utf8');
  const text = (id) => `(document.querySelector('#${id}')?.textContent ?? '')`;
  const filled = `/^Connected [0-9.]+$/.test(${text('metrics')}.trim()) && /127.0.0.1:\\d+ \\w+/.test(${text('backends')}) && /^Connected \\w+ [1-9]/.test(${text('status')})`;

  let waiting = apps.length;
  let restarted;
  const restart = new Promise((resolve) => { restarted = resolve; });
  const told = await Promise.all(apps.map((app) => inChromium(chromium, `${origin}/${app}.html?server=${encodeURIComponent(server)}`, async (page) => {
    await page.until(filled);
    const first = await page.evaluate('window.sockets()');
    const statuses = `(() => { const seen = window.seen = []; new MutationObserver(() => { for (const id of ['metrics', 'status']) { const now = document.querySelector('#' + id)?.textContent.split(/ (?=[0-9n]|\\w+ \\d)/)[0]; if (now && seen.at(-1) !== id + ': ' + now) seen.push(id + ': ' + now); } }).observe(document.body, { subtree: true, childList: true, characterData: true }); })()`;
    await page.evaluate(statuses);
    // Some time in which everything is drawn again and again, and no socket is made.
    const ticks = await page.evaluate(text('metrics'));
    await page.until(`${text('metrics')} !== ${JSON.stringify(ticks)}`);
    const second = await page.evaluate('window.sockets()');
    waiting -= 1;
    if (waiting === 0) {
      console.log('ready');
      process.stdin.once('data', restarted);
    }
    await restart;
    await page.until('window.seen.some((state) => /Reconnecting/.test(state))');
    await page.until(filled);
    const third = await page.evaluate('window.sockets()');
    await page.evaluate('window.show(false)');
    await page.until('window.sockets().open === 0');
    await new Promise((resolve) => { setTimeout(resolve, 500); });
    const last = await page.evaluate('window.sockets()');
    const complaints = page.complaints.filter((complaint) => !/ERR_CONNECTION|WebSocket connection to/.test(complaint));
    return [app, { first, second, third, last, complaints }];
  }, { before })));
  console.log(JSON.stringify(Object.fromEntries(told)));
  pages.close();
  process.stdin.destroy();
} finally {
  await rm(folder, { recursive: true, force: true });
}
