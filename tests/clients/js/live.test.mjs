// The client against a real server: what it shows is what the server says, through restarts, kills, hangs and expired tokens.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, test } from 'node:test';
import WebSocket from 'ws';
import { FEEDS, Link, VeloFlux } from '../../../clients/js/veloflux.js';
import { Server, TOKEN, Wire, eventually } from './server.mjs';

const SECRET = 'a secret that is long enough for HS256';
const environment = { WebSocket };
/** So fast that a test has patience for it. */
const reconnectionStrategy = { baseDelay: 100, maxDelay: 200, maxAttempts: 200 };
const started = [];
const clients = [];
after(() => {
  for (const client of clients) client.close();
  return Promise.all(started.map((server) => server.remove()));
});

async function serve(options) {
  const server = await Server.start(options);
  started.push(server);
  return server;
}

/** A client that keeps what happens. Its events are waited for from the start, so none is too early. */
function connect(server, options = {}) {
  const client = new VeloFlux({ url: server.url, environment, reconnectionStrategy, ...options });
  clients.push(client);
  const events = [];
  for (const event of ['link', 'gap', 'resumed', 'invalid', 'problem', 'message']) client.on(event, (detail) => events.push({ event, ...detail }));
  client.connect();
  const of = (event) => events.filter((one) => one.event === event);
  return { client, events, of, states: (feed) => of('link').filter((one) => one.feed === feed).map(({ state }) => state) };
}

/** A token that holds for so many seconds, and the leeway of the server. */
function webToken(seconds, claims = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: 'ana', exp: Math.floor(Date.now() / 1_000) + seconds, ...claims })}`;
  return `${head}.${createHmac('sha256', SECRET).update(head).digest('base64url')}`;
}

const guarded = { config: `[auth]\nfeed_token_file = "HOME/readers"\n[auth.jwt]\nalgorithms = ["HS256"]\nkey_file = "HOME/secret"\n`, files: { secret: SECRET, readers: 'a-token-of-readers-0123456789' } };

test('every feed arrives, is valid, and a restart or a kill is over by itself', async () => {
  const server = await serve({ args: ['--backend', 'web=127.0.0.1:1', '--check', 'database=tcp://127.0.0.1:1'] });
  const { client, of, states } = connect(server, { token: TOKEN });
  const filled = () => Object.keys(FEEDS).every((feed) => client.data(feed) && client.snapshot(feed).link === 'Connected');
  await eventually(filled);
  await eventually(() => client.data('backends')[0].status === 'unhealthy');
  assert.equal(await server.connections(), 5);
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    const before = client.statistics('metrics').messages;
    await server.stop(signal);
    await eventually(() => Object.keys(FEEDS).every((feed) => /^Reconnecting/.test(client.snapshot(feed).link)));
    assert.ok(client.data('backends').length === 1, 'what was known is still shown');
    await server.start();
    await eventually(() => filled() && client.statistics('metrics').messages > before);
  }
  assert.deepEqual(await client.forceUpdate('metrics').then(({ force_update: said, feeds }) => [said, feeds]), ['triggered', ['metrics']]);
  assert.deepEqual(await client.control('pause', { type: 'billing' }).then(({ paused }) => paused), ['billing']);
  await assert.rejects(client.control('drain', { backend: 'nobody:1' }), { name: 'VeloFluxError' });
  assert.deepEqual([of('invalid'), of('gap'), of('problem')], [[], [], []]);
  assert.deepEqual(Object.keys(FEEDS).map((feed) => client.statistics(feed).losses), [2, 2, 2, 2, 2]);
  assert.equal(states('metrics').at(-1), 'Connected');
  client.send('status', 7);
  await eventually(() => of('problem').some(({ feed, code }) => feed === 'status' && code === 'bad_message'));
  client.close();
  await eventually(async () => await server.connections() === 0);
});

test('a server that hangs is noticed, and one that goes on is connected to again', async () => {
  const server = await serve();
  const { client, states } = connect(server, { feeds: 'metrics', healthMonitor: { interval: 300, timeout: 300, maxMissedPings: 2 } });
  await eventually(() => client.statistics('metrics').roundTrip !== null);
  assert.ok(Math.abs(client.serverNow() - Date.now()) < 5_000);
  server.signal('SIGSTOP');
  await eventually(() => states('metrics').some((state) => /^Reconnecting/.test(state)));
  assert.match(client.snapshot('metrics').error, /2 pings without an answer/);
  server.signal('SIGCONT');
  await eventually(() => client.snapshot('metrics').link === 'Connected');
  client.close();
});

test('each way to show a token gets in, and a wrong one is told why', async () => {
  const server = await serve(guarded);
  for (const authentication of ['subprotocol', 'message', 'ticket']) {
    const { client } = connect(server, { feeds: ['status', 'metrics'], token: () => webToken(60), authentication });
    await eventually(() => client.data('status') && client.data('metrics'));
    client.close();
    const wrong = connect(server, { feeds: 'status', token: 'wrong-token-of-nobody-0123456789', authentication });
    await eventually(() => wrong.client.snapshot('status').link === 'Failed');
    assert.ok(wrong.client.snapshot('status').error.length > 10, wrong.client.snapshot('status').error);
    assert.ok(wrong.of('link').length <= 3, 'not tried again');
    // The same client goes on with a better one.
    await wrong.client.authenticate(webToken(60));
    await eventually(() => wrong.client.data('status'));
    wrong.client.close();
  }
  const none = connect(server, { feeds: 'status' });
  await eventually(() => none.client.snapshot('status').link === 'Failed');
  assert.match(none.client.snapshot('status').error, /token/i);
  none.client.close();
});

test('a connection that is cut goes on where it was, with every message in between', async () => {
  for (const transport of ['separate', 'multiplexed']) {
    const server = await serve({ args: ['--backend', 'web=127.0.0.1:1'] });
    const wire = await Wire.to(server.port);
    const { client, of } = connect({ url: wire.url }, { transport, feeds: ['metrics', 'status'] });
    await eventually(() => client.data('metrics') && client.data('status'));
    assert.equal(await server.connections(), transport === 'separate' ? 2 : 1);
    wire.cut();
    await eventually(() => /^Reconnecting/.test(client.snapshot('metrics').link));
    for (let missed = 0; missed < 3; missed += 1) await server.post('/api/ws/force-update', { type: 'metrics' });
    await wire.mend();
    await eventually(() => of('resumed').length === 2 && client.snapshot('metrics').link === 'Connected');
    assert.deepEqual(of('resumed').map(({ feed, recovered }) => [feed, recovered]).sort(), [['metrics', true], ['status', true]]);
    await server.post('/api/ws/force-update', { type: 'metrics' });
    await eventually(() => of('message').filter(({ feed }) => feed === 'metrics').length > 4);
    const numbers = of('message').filter(({ feed }) => feed === 'metrics').map(({ message }) => Number(message.id.split('-')[1]));
    assert.deepEqual(numbers, numbers.map((_, at) => numbers[0] + at), 'each once, in order');
    assert.deepEqual([of('gap'), client.statistics('metrics').missed, of('invalid')], [[], 0, []]);

    // A restart is another run: that what was missed does not follow is said, too.
    await server.stop();
    await server.start();
    await eventually(() => of('resumed').some(({ feed, recovered }) => feed === 'metrics' && !recovered) && client.snapshot('metrics').link === 'Connected');
    assert.deepEqual([of('gap'), of('invalid')], [[], []]);
    client.close();
    await wire.close();
  }
});

test('a token that expires is renewed without a loss, or after it', async () => {
  const server = await serve(guarded);
  // The leeway is 30 s: these end within seconds.
  const tokens = [webToken(-27), webToken(600)];
  const asked = connect(server, { feeds: 'metrics', token: () => tokens[0] });
  const kept = connect(server, { feeds: 'metrics', token: webToken(-27) });
  await eventually(() => asked.client.data('metrics') && kept.client.data('metrics'));
  tokens.shift();
  await kept.client.authenticate(tokens[0]);
  await eventually(() => asked.states('metrics').includes('Reconnecting (1/200)'));
  assert.equal(asked.of('link').at(-1).code, 4401);
  await eventually(() => asked.client.snapshot('metrics').link === 'Connected');
  assert.deepEqual([kept.client.statistics('metrics').losses, kept.states('metrics')], [0, ['Connecting', 'Connected']]);
  asked.client.close();
  kept.client.close();
});

test('a plain link speaks with the feed of any address', async () => {
  const server = await serve();
  const link = new Link(`${server.url.replace('http', 'ws')}/api/ws/status`, { environment });
  const messages = [];
  link.on('message', (message) => messages.push(message.type));
  link.open();
  await eventually(() => messages.includes('status'));
  link.close();
  const nowhere = new Link(`${server.url.replace('http', 'ws')}/api/ws/nothing`, { environment });
  nowhere.open();
  await eventually(() => nowhere.state.state === 'Failed');
  assert.match(nowhere.state.reason, /backends, metrics, status, billing, health/);
});
