// The package: what it exports, holds and declares, and what it does where pages are rendered.
//
// On stdin stands what the server's own types say, as JSON: `messages`, `control` and `forced` answers, and for each of the
// `close_codes` what a client should do.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import { compileScript, parse } from 'vue/compiler-sfc';
import { Link, problemOf } from '../../../clients/js/veloflux.js';
import { sample } from './samples.mjs';
import { World, settle } from './world.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const clients = join(here, '..');
/** The package where an app has it; its own imports are then found as an app's are. */
const installed = join(clients, 'node_modules/veloflux');
const said = JSON.parse(readFileSync(0, 'utf8'));
const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
const modules = Object.entries(manifest.exports).map(([name, { types, default: code }]) => ({ name, types, code }));

// ---- types from what was said

/** Keys whose text is one of a few words, of which every one was said. */
const WORDS = new Set(['status', 'admin', 'scope', 'memory_scope', 'checks.*', 'intent.state', 'control', 'force_update', 'paused', 'feeds']);
/** Keys whose value is an object with any names. */
const MAPS = new Set(['checks', 'details']);

/** The TypeScript type of which these are all the values there are. `path` is the key they stand at, behind that of their object. */
function typeOf(values, path = '') {
  const key = path.split('.').at(-1);
  const kinds = new Set(values.map((value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value)));
  return [...kinds].map((kind) => {
    const these = values.filter((value) => kind === (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value));
    if (kind === 'string' && (WORDS.has(path) || WORDS.has(key))) return [...new Set(these)].map((word) => JSON.stringify(word)).join(' | ');
    if (kind === 'array') return `(${typeOf(these.flat(), path) || 'string'})[]`;
    if (kind !== 'object') return kind;
    if (MAPS.has(key)) return `Record<string, ${typeOf(these.flatMap((map) => Object.values(map)), `${key}.*`)}>`;
    const names = [...new Set(these.flatMap((object) => Object.keys(object)))];
    const typed = names.map((name) => {
      const there = these.filter((object) => Object.hasOwn(object, name)).map((object) => object[name]);
      return `${name}${there.length < these.length ? '?' : ''}: ${typeOf(there, `${key}.${name}`)}`;
    });
    return `{ ${typed.join('; ')} }`;
  }).join(' | ');
}

/** A program that compiles exactly when the types of the package and what the server says are the same. */
function likeness() {
  const of = (type) => said.messages.filter((message) => message.type === type).map(({ data }) => data);
  const pairs = [
    ['Backend', of('backends').flat()], ['BackendUpdate', of('backends_update')], ['Metrics', of('metrics')], ['Status', of('status')],
    ['Billing', of('billing')], ['HealthReport', of('health')], ['ControlAnswer', said.control], ['ForceUpdateAnswer', said.forced],
  ];
  return [
    `import type { Message, ${pairs.map(([name]) => name).join(', ')} } from 'veloflux';`,
    'type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;',
    // An intersection or a mapped type is written out, or it would not be the same as its equal.
    'type Plain<T> = T extends (infer Item)[] ? Plain<Item>[] : T extends object ? { [Key in keyof T]: Plain<T[Key]> } : T;',
    ...pairs.map(([name, values]) => `export const like${name}: Same<Plain<${name}>, Plain<${typeOf(values)}>> = true;`),
    ...said.messages.map((message, at) => `export const message${at} = ${JSON.stringify(message)} satisfies Message;`),
    'export const types: Same<Message["type"], ' + [...new Set(said.messages.map(({ type }) => JSON.stringify(type)))].join(' | ') + '> = true;',
  ].join('\n');
}

/** Compiles these programs, which stand nowhere but here, as strictly as it goes. Gives the compiler and what it complains about. */
function compile(programs) {
  const options = {
    target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022, moduleResolution: ts.ModuleResolutionKind.Bundler, jsx: ts.JsxEmit.ReactJSX,
    lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'], types: [], noEmit: true, strict: true, noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true, preserveSymlinks: true, experimentalDecorators: true, skipLibCheck: false,
  };
  const files = new Map(Object.entries(programs).map(([name, text]) => [join(clients, name), text]));
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? readFile(name);
  host.getSourceFile = (name, ...more) => (files.has(name) ? ts.createSourceFile(name, files.get(name), ...more) : getSourceFile(name, ...more));
  const declared = modules.map(({ types }) => join(installed, types));
  const program = ts.createProgram([...files.keys(), ...declared], options, host);
  const ours = program.getSourceFiles().filter(({ fileName }) => files.has(fileName) || declared.includes(fileName));
  const diagnostics = ours.flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]);
  const complaints = diagnostics.map(({ file, start, messageText }) => {
    const line = file ? file.getLineAndCharacterOfPosition(start).line : 0;
    return `${file?.fileName.split(sep).at(-1)}:${line + 1}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}\n    ${file?.text.split('\n')[line].slice(0, 400)}`;
  });
  return { program, complaints };
}

test('the types are those of the server, the samples compile, and the types export what the code does', async () => {
  const vue = parse(sample('vue'));
  assert.deepEqual(vue.errors, []);
  const { program, complaints } = compile({
    'likeness.ts': likeness(),
    'sample-react.tsx': sample('tsx'),
    'sample-vue.ts': compileScript(vue.descriptor, { id: 'sample', inlineTemplate: true }).content,
    'sample-angular.ts': sample('ts'),
    'sample-overview.tsx': sample('jsx', 'README.md'),
    'sample-page.ts': sample('js').replace(/'https:\S+\/veloflux.js'/, "'veloflux'"),
    ...Object.fromEntries(readdirSync(join(here, 'types')).map((name) => [name, readFileSync(join(here, 'types', name), 'utf8')])),
  });
  assert.deepEqual(complaints, []);
  const checker = program.getTypeChecker();
  for (const { name, types, code } of modules) {
    const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(join(installed, types))));
    const declared = exported.filter(({ flags }) => flags & ts.SymbolFlags.Value).map((symbol) => symbol.name);
    assert.deepEqual(declared.sort(), Object.keys(await import(pathToFileURL(join(installed, code)))).sort(), name);
  }
});

test('what the server can say is found valid, and what it cannot is not', () => {
  assert.deepEqual(said.messages.map(problemOf).filter((problem) => problem !== null), []);
  for (const message of said.messages) assert.notEqual(problemOf({ ...message, data: 7 }), null, message.type);
});

test('each close code of the server has the effect it is meant to have', async () => {
  const meant = { Stop: /^Disconnected$/, Reconnect: /^Reconnecting/, Change: /^Failed$/ };
  for (const [code, advice] of said.close_codes) {
    const world = new World();
    const link = new Link('ws://h/x', { environment: world.environment, token: 'abc' });
    link.open();
    await settle();
    world.last().open();
    world.last().end(code, '');
    assert.match(link.state.state, meant[advice], `${code}`);
    link.close();
  }
});

test('it packs what it exports, and nothing else', () => {
  const [{ files }] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: installed, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  const expected = [...modules.flatMap(({ types, code }) => [types, code].map((path) => path.replace('./', ''))), 'README.md', 'package.json'];
  assert.deepEqual(files.map(({ path }) => path).sort(), expected.sort());
  assert.deepEqual(manifest.dependencies ?? {}, {}, 'the core stands alone');
  assert.equal(manifest.sideEffects, false);
});

test('where pages are rendered there is no socket, and the same markup as at the first rendering of a page', async () => {
  const made = [];
  globalThis.WebSocket = class { constructor(url) { made.push(url); } };
  const { createElement, Fragment, StrictMode } = await import('react');
  const { renderToString } = await import('react-dom/server');
  const react = await import('veloflux/react');
  const Both = () => {
    const { data, connectionStatus } = react.useMetrics();
    const socket = react.useStatusWebSocket({ baseUrl: 'http://127.0.0.1:1' });
    return createElement(Fragment, null, `${data} ${connectionStatus} ${socket.data} ${socket.connectionStatus}`);
  };
  assert.equal(renderToString(createElement(StrictMode, null, createElement(Both))), 'null Disconnected null Connecting');

  const { createSSRApp, effectScope } = await import('vue');
  const server = await import('vue/server-renderer');
  const vue = await import('veloflux/vue');
  const app = createSSRApp({
    setup() {
      const { data, connectionStatus } = vue.useMetrics();
      const socket = vue.useStatusWebSocket({ baseUrl: 'http://127.0.0.1:1' });
      return () => `${data.value} ${connectionStatus.value} ${socket.data.value} ${socket.connectionStatus.value}`;
    },
  });
  assert.equal(await server.renderToString(app), 'null Disconnected null Connecting');
  // A store lives outside of components, and is made on a server, too.
  effectScope().run(() => vue.useMetrics());

  await import('@angular/compiler');
  const { Injector, NgZone, PLATFORM_ID, runInInjectionContext } = await import('@angular/core');
  const { VeloFluxWebSocketService, WebSocketService } = await import('veloflux/angular');
  const zone = { run: (act) => act(), runOutsideAngular: (act) => act() };
  const injector = Injector.create({ providers: [{ provide: PLATFORM_ID, useValue: 'server' }, { provide: NgZone, useValue: zone }] });
  runInInjectionContext(injector, () => {
    const feeds = VeloFluxWebSocketService.ɵprov.factory();
    const socket = WebSocketService.ɵprov.factory();
    socket.connect('ws://127.0.0.1:1/api/ws/metrics');
    assert.deepEqual([feeds.backends$.value, feeds.snapshot('metrics').link, socket.sendMessage({})], [[], 'Disconnected', false]);
    feeds.ngOnDestroy();
    socket.ngOnDestroy();
  });
  await new Promise((resolve) => { setTimeout(resolve, 10); });
  assert.deepEqual(made, []);
});
