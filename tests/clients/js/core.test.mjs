// The client in a world of its own: what it does, when, and that it leaves nothing behind.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as veloflux from '../../../clients/js/veloflux.js';
import { World, metrics, settle } from './world.mjs';

const { ConnectionHealthMonitor, Link, ReconnectionStrategy, VeloFlux, VeloFluxWebSocketManager, WebSocketManager, fold } = veloflux;
const calm = { jitter: false };

/** A client in a world, connected to the feeds it was asked for. */
async function flux(options = {}) {
  const world = new World();
  const client = new VeloFlux({ environment: world.environment, feeds: 'metrics', reconnectionStrategy: calm, ...options });
  const events = [];
  for (const event of ['link', 'gap', 'resumed', 'stale', 'invalid', 'problem']) client.on(event, (detail) => events.push({ event, ...detail }));
  client.connect();
  await settle();
  return { world, client, events, of: (name) => events.filter(({ event }) => event === name) };
}

/** A link in a world, opened. */
async function link(options = {}) {
  const world = new World();
  const made = new Link('ws://h/x', { environment: world.environment, reconnectionStrategy: calm, ...options });
  const states = [];
  made.on('link', ({ state }) => states.push(state));
  made.open();
  await settle();
  return { world, made, states };
}

test('a strategy honours every option, also 0 and false', () => {
  const plain = new ReconnectionStrategy();
  assert.deepEqual({ ...plain }, { maxAttempts: 5, baseDelay: 1000, maxDelay: 30000, backoffFactor: 2, jitter: true });
  assert.deepEqual([0, 1, 5].map((attempt) => plain.getDelay(attempt, () => 1)), [1000, 2000, 30000]);
  assert.equal(plain.getDelay(0, () => 0), 500);
  const own = new ReconnectionStrategy({ maxAttempts: 2, baseDelay: 100, maxDelay: 250, backoffFactor: 3, jitter: false });
  assert.deepEqual([0, 1, 2].map((attempt) => own.getDelay(attempt, () => 0)), [100, 250, 250]);
  assert.deepEqual([1, 2].map((attempt) => own.shouldReconnect(attempt)), [true, false]);
  const none = new ReconnectionStrategy({ maxAttempts: 0, baseDelay: 0, maxDelay: 0, backoffFactor: 0, jitter: false });
  assert.deepEqual([none.shouldReconnect(0), none.getDelay(0), none.getDelay(9)], [false, 0, 0]);
  assert.equal(new ReconnectionStrategy({ baseDelay: 0, maxDelay: Infinity, jitter: false }).getDelay(2000), 0);
  assert.throws(() => new ReconnectionStrategy({ maxDelay: -1 }), /`maxDelay` is -1/);
  assert.throws(() => new VeloFlux({ reconnectionStrategy: { baseDelay: '1s' } }), /`baseDelay` is 1s/);
});

test('a connection that is lost comes back on schedule and is given up after its attempts', async () => {
  const { world, made, states } = await link();
  world.last().open();
  const delays = [];
  for (let attempt = 0; attempt < 5; attempt += 1) {
    world.last().end(1011, 'trouble');
    const before = [world.time, world.sockets.length];
    while (world.sockets.length === before[1]) await world.pass(100);
    delays.push(world.time - before[0]);
  }
  world.last().end();
  await world.pass(600_000);
  assert.deepEqual(delays, [1000, 2000, 4000, 8000, 16000]);
  assert.equal(world.sockets.length, 6);
  const tries = [1, 2, 3, 4, 5].map((k) => `Reconnecting (${k}/5)`);
  assert.deepEqual(states, ['Connecting', 'Connected', ...tries, 'Failed']);
  assert.equal(made.state.reason, 'the connection was lost');
  // The network is back: all over again, and a message makes it a good connection.
  await world.happen('online');
  assert.equal(world.sockets.length, 7);
  world.last().open();
  world.last().say({ type: 'x' });
  world.last().end();
  assert.equal(made.state.state, 'Reconnecting (1/5)');
  made.close();
});

test('an open that delivers nothing does not reset the count', async () => {
  const { world, made } = await link({ reconnectionStrategy: { maxAttempts: 2, jitter: false } });
  for (let round = 0; round < 3; round += 1) {
    world.last().open();
    world.last().end();
    await world.pass(10_000);
  }
  assert.deepEqual([made.state.state, world.sockets.length], ['Failed', 3]);
});

test('the code of a close says whether it is tried again, and the server says when', async () => {
  for (const [code, reason, state, wait] of [
    [1000, '', 'Disconnected'], [1002, '', 'Failed'], [1009, '', 'Failed'], [4401, 'expired', 'Failed'], [4429, '', 'Failed'],
    [1001, '', 'Reconnecting (1/5)', 1000], [4008, 'too slow', 'Reconnecting (1/5)', 1000],
    [1012, '{"retry_after_ms":7500}', 'Reconnecting (1/5)', 7500], [1012, 'retry_after_ms=10', 'Reconnecting (1/5)', 1000],
  ]) {
    const { world, made } = await link();
    world.last().open();
    world.last().end(code, reason);
    assert.equal(made.state.state, state, `${code} ${reason}`);
    if (wait) assert.equal(made.state.retryAt - world.time, wait, reason);
    await world.pass(600_000);
    if (!wait) {
      assert.equal(world.sockets.length, 1, `${code} is not tried again`);
      await world.happen('online');
      assert.deepEqual([world.sockets.length, world.timers.size, world.listenerCount], [1, 0, 0]);
    }
  }
});

test('pings that nobody answers end a connection, and any message is an answer', async () => {
  const { world, states } = await link();
  const first = world.last();
  first.open();
  for (let round = 0; round < 4; round += 1) {
    await world.pass(2_000);
    first.say(round % 2 ? { type: 'x' } : 'no JSON');
    await world.pass(28_000);
  }
  assert.equal(states.at(-1), 'Connected');
  assert.equal(first.pings.length, 5);
  await world.pass(64_999);
  assert.equal(states.at(-1), 'Connected');
  await world.pass(1);
  assert.deepEqual([states.at(-1), first.readyState], ['Reconnecting (1/5)', 3], 'the third in a row');
  first.onclose?.({ code: 1006, reason: '' });
  assert.equal(states.at(-1), 'Reconnecting (1/5)', 'what it says later is not heard');
});

test('a timer that comes late is no silence of the server', async () => {
  const { world, states, made } = await link({ healthMonitor: { interval: 30_000, timeout: 5_000, maxMissedPings: 1 } });
  const socket = world.last();
  socket.open();
  // The page is frozen for an hour; the answer is there, behind the timer.
  world.sleep(3_600_000);
  await world.pass(0);
  socket.say({ type: 'pong', timestamp: 0 });
  await world.pass(5_000);
  assert.equal(states.at(-1), 'Connected');
  // Timers once a minute, as in a tab behind others: a live server lives, a dead one is noticed all the same.
  for (let minute = 0; minute < 10; minute += 1) {
    world.sleep(60_000);
    socket.say({ type: 'x' });
    await world.pass(0);
  }
  assert.equal(states.at(-1), 'Connected');
  for (let minute = 0; minute < 4; minute += 1) {
    world.sleep(60_000);
    await world.pass(0);
  }
  assert.match(states.at(-1), /^Reconnecting/);
  made.close();
});

test('a clock that is set harms nothing', async () => {
  for (const jump of [-86_400_000, 86_400_000]) {
    const { world, client, of } = await flux();
    const socket = world.last();
    socket.open();
    socket.say(metrics(1, '0a-1'));
    world.set = jump;
    for (let second = 0; second < 60; second += 2) {
      await world.pass(2_000);
      socket.say(metrics(second, `0a-${second / 2 + 2}`));
      if (second % 30 === 0) socket.say({ type: 'pong', timestamp: socket.pings.at(-1).timestamp, server_time: new Date(world.time).toISOString() });
    }
    await world.pass(1_000);
    const { messagesPerSecond, losses, missed } = client.statistics('metrics');
    assert.ok(Math.abs(messagesPerSecond - 0.5) < 0.03, `${messagesPerSecond}`);
    assert.deepEqual([losses, missed, of('stale'), client.age('metrics'), client.snapshot('metrics').link], [0, 0, [], 1_000, 'Connected']);
    assert.ok(client.statistics('metrics').roundTrip < 30_000);
    // What is shown does not become younger by it.
    world.set -= 3_600_000;
    await world.pass(500);
    assert.equal(client.age('metrics'), 1_500);
    client.close();
  }
});

test('a page that is left has no socket, and goes on where it was when it is shown again', async () => {
  const kept = new Map();
  const { world, client, of } = await flux({ alerts: {}, storage: { getItem: () => null, setItem: (key, value) => kept.set(key, value) } });
  world.last().open();
  world.last().say(metrics(1, '0a-7'));
  world.last().say(metrics(2, '0a-8'));
  await world.happen('pagehide');
  assert.deepEqual([world.alive.length, client.snapshot('metrics').link, client.statistics('metrics').losses], [0, 'Disconnected', 0]);
  assert.match([...kept.values()][0], /"cpu":2/, 'what was last said is kept now: there may be no later');
  world.sleep(7_200_000);
  await world.happen('pageshow');
  assert.equal(client.snapshot('metrics').stale, true, 'two hours old');
  await world.happen('visibilitychange');
  assert.deepEqual([world.sockets.length, world.last().url.split('?')[1]], [2, 'last_id=0a-8']);
  world.last().open();
  assert.equal(of('link').at(-1).state, 'Connected');
  client.close();
  await world.happen('pageshow');
  assert.deepEqual([world.alive.length, world.timers.size, world.listenerCount], [0, 0, 0]);
});

test('a network that goes away has the connection tried, and no more: the server may be on this machine', async () => {
  const { world, states } = await link();
  world.last().open();
  const pings = world.last().pings.length;
  await world.happen('offline');
  assert.deepEqual([world.last().pings.length, states.at(-1)], [pings + 1, 'Connected']);
});

test('a delay past what timers can is no delay of nothing', async () => {
  const { world } = await link({ reconnectionStrategy: { baseDelay: 1e12, maxDelay: Infinity, jitter: false } });
  world.last().open();
  world.last().end();
  assert.equal([...world.timers.values()][0].at - world.time, 2 ** 31 - 1);
  const asked = await link();
  asked.world.last().open();
  asked.world.last().end(1012, 'retry_after_ms=999999999');
  assert.equal(asked.made.state.retryAt - asked.world.time, 600_000);
});

test('a monitor can be set and switched off', async () => {
  const quick = await link({ healthMonitor: { interval: 100, timeout: 50, maxMissedPings: 1 } });
  quick.world.last().open();
  await quick.world.pass(50);
  assert.match(quick.states.at(-1), /^Reconnecting/);
  const off = await link({ healthMonitor: false });
  off.world.last().open();
  await off.world.pass(3_600_000);
  assert.deepEqual([off.states.at(-1), off.world.last().sent.length], ['Connected', 0]);
  assert.throws(() => new Link('ws://h', { healthMonitor: { timeout: 9, interval: 3 } }), /`timeout` is longer/);
});

test('a handshake that nobody answers is over after its time', async () => {
  const { world, states } = await link({ connectTimeout: 500 });
  await world.pass(500);
  assert.deepEqual([states.at(-1), world.alive.length], ['Reconnecting (1/5)', 0]);
});

test('somebody who looks at the page again does not wait', async () => {
  const { world, states } = await link({ reconnectionStrategy: { baseDelay: 60_000, maxDelay: 60_000, jitter: false } });
  world.last().open();
  const pings = world.last().pings.length;
  await world.happen('visibilitychange');
  assert.equal(world.last().pings.length, pings + 1, 'what stands is tried');
  world.last().end();
  world.visibilityState = 'hidden';
  await world.happen('visibilitychange');
  assert.equal(world.sockets.length, 1);
  world.visibilityState = 'visible';
  await world.happen('visibilitychange');
  assert.equal(world.sockets.length, 2);
  world.last().open();
  assert.equal(states.at(-1), 'Connected');
});

test('an address that is none is an error, not a reason to try again', async () => {
  const world = new World();
  const made = new Link('nowhere', { environment: world.environment });
  made.open();
  await world.pass(600_000);
  assert.deepEqual([made.state.state, world.sockets.length, world.listenerCount], ['Error', 0, 0]);
  assert.match(made.state.reason, /no address/);
});

test('a token is shown in each of the three ways, asked for anew each time', async () => {
  let number = 0;
  const token = async () => `t${(number += 1)}`;
  const sub = await link({ token });
  assert.deepEqual(sub.world.last().protocols, ['veloflux.v1', 'bearer.t1']);
  sub.world.last().end();
  await sub.world.pass(1_000);
  assert.deepEqual(sub.world.last().protocols, ['veloflux.v1', 'bearer.t2']);
  assert.equal((await link({ token: null })).world.last().protocols, undefined);
  const message = await link({ token: 'abc', authentication: 'message' });
  message.world.last().open();
  assert.deepEqual([message.world.last().protocols, message.world.last().said], [['veloflux.v1'], [{ type: 'auth', token: 'abc' }]]);
  const world = new World();
  world.answers.push({ body: { ticket: 'x/y' } }, { status: 401, body: { error: { code: 'unauthorized', message: 'no' } } });
  const ticket = new Link('ws://h/api/ws/metrics?last_id=a-1', { environment: world.environment, token: 'abc', authentication: 'ticket', reconnectionStrategy: calm });
  ticket.open();
  await settle();
  assert.equal(world.last().url, 'ws://h/api/ws/metrics?last_id=a-1&ticket=x%2Fy');
  assert.deepEqual([world.requests[0].url, world.requests[0].headers.Authorization], ['http://h/api/ws/ticket', 'Bearer abc']);
  world.last().end();
  await world.pass(60_000);
  assert.deepEqual([ticket.state.state, ticket.state.reason, world.sockets.length], ['Failed', 'no', 1]);
});

test('a fresh token is shown before the old one expires, and a refused one is not shown again', async () => {
  const live = await flux({ token: () => 'fresh', feeds: ['metrics', 'health'] });
  for (const socket of live.world.sockets) socket.open();
  await live.client.authenticate();
  assert.deepEqual(live.world.sockets.map(({ said }) => said), [[{ type: 'auth', token: 'fresh' }], [{ type: 'auth', token: 'fresh' }]]);

  await live.client.authenticate(null);
  assert.equal(live.world.last().said.length, 1, 'no token is nothing to show');

  // A text stays what it is: it takes somebody with a better one.
  const { world, client } = await flux({ token: 'old' });
  world.last().open();
  world.last().end(4401, 'the token has expired');
  await world.pass(600_000);
  await client.authenticate('old');
  assert.deepEqual([client.snapshot('metrics').link, client.snapshot('metrics').error, world.sockets.length], ['Failed', 'the token has expired', 1]);
  await client.authenticate('new');
  await settle();
  assert.deepEqual([client.snapshot('metrics').link, world.last().protocols[1]], ['Connecting', 'bearer.new']);

  // What was closed stays closed, and a late answer to the question why is not heard.
  const closed = await link({ token: 'old' });
  closed.world.last().end();
  closed.made.close();
  await closed.made.authenticate('new');
  await closed.world.pass(600_000);
  assert.deepEqual([closed.states.at(-1), closed.world.sockets.length, closed.world.timers.size], ['Disconnected', 1, 0]);

  const none = await link({ token: () => undefined });
  none.world.last().open();
  none.world.last().end(4401, 'a token is missing');
  await none.world.pass(600_000);
  assert.deepEqual([none.states.at(-1), none.world.sockets.length], ['Failed', 1], 'and having none is no better one');

  // A function is asked, and believed as long as it says something else.
  const tokens = ['t1', 't2', 't2'];
  const asked = await link({ token: () => tokens.shift() });
  for (const expected of ['Reconnecting (1/5)', 'Failed']) {
    asked.world.last().open();
    asked.world.last().say({ type: 'x' });
    asked.world.last().end(4401, 'expired');
    await asked.world.pass(999);
    assert.equal(asked.states.at(-1), 'Reconnecting (1/5)');
    await asked.world.pass(1);
    assert.equal(asked.states.at(-1), expected);
  }
  await asked.world.pass(600_000);
  assert.deepEqual([asked.world.sockets.length, asked.made.state.code, asked.made.state.reason, asked.world.listenerCount], [2, 4401, 'expired', 0]);
});

test('why a first handshake failed is asked plainly, because browsers do not say', async () => {
  for (const [answer, state, reason, wait] of [
    [{ status: 401, body: { error: { code: 'unauthorized', message: 'no such token' } } }, 'Failed', 'no such token'],
    [{ status: 403, body: { error: { code: 'forbidden', message: 'not this feed' } } }, 'Failed', 'not this feed'],
    [{ status: 404, body: {} }, 'Failed', 'the server answered 404'],
    [{ status: 503, body: { error: { message: 'full' } }, headers: { 'Retry-After': '7' } }, 'Reconnecting (1/5)', 'full (retry_after_ms=7000)', 7_000],
    [{ status: 426, body: { error: { message: 'upgrade' } } }, 'Reconnecting (1/5)', 'the connection was lost', 1_000],
    ['nobody', 'Reconnecting (1/5)', 'the connection was lost', 1_000],
  ]) {
    const { world, made } = await link({ token: 'abc' });
    world.answers.push(answer);
    world.last().end();
    await settle();
    assert.deepEqual([made.state.state, made.state.reason], [state, reason]);
    assert.deepEqual([world.requests[0].method, world.requests[0].url, world.requests[0].headers.Authorization], ['GET', 'http://h/x', 'Bearer abc']);
    if (wait) assert.equal(made.state.retryAt - world.time, wait);
    await world.pass(wait ?? 600_000);
    assert.equal(world.sockets.length, wait ? 2 : 1, state);
    world.last().end();
    await settle();
    assert.equal(world.requests.length, 1, 'only the first');
    made.close();
  }
});

test('all feeds have a socket each, or share one, and resume where they were', async () => {
  const { world } = await flux({ feeds: 'all' });
  assert.deepEqual(world.sockets.map(({ url }) => url), Object.keys(veloflux.FEEDS).map((feed) => `ws://page:8080/api/ws/${feed}`));
  world.last('metrics').open();
  world.last('metrics').say(metrics(1, '0a-7'));
  world.last('metrics').end();
  await world.pass(1_000);
  assert.equal(world.last('metrics').url, 'ws://page:8080/api/ws/metrics?last_id=0a-7');

  const shared = await flux({ feeds: ['metrics', 'backends'], transport: 'multiplexed', url: 'https://fleet/' });
  assert.deepEqual(shared.world.sockets.map(({ url }) => url), ['wss://fleet/api/ws?feeds=backends,metrics']);
  shared.world.last().open();
  shared.world.last().say(metrics(1, '0a-7'));
  shared.world.last().say({ type: 'backends', data: [{ address: 'a', status: 'healthy' }], id: '0b-3' });
  shared.world.last().say({ type: 'billing', data: { usage: 1, cost: 2 } });
  assert.deepEqual([shared.client.data('metrics').cpu, shared.client.data('backends').length, shared.client.data('billing')], [1, 1, null]);
  shared.world.last().end();
  await shared.world.pass(1_000);
  assert.equal(shared.world.last().url, 'wss://fleet/api/ws?feeds=backends,metrics&last_id=backends:0b-3,metrics:0a-7');
  assert.deepEqual(shared.of('link').filter(({ feed }) => feed === 'metrics').map(({ state }) => state), ['Connecting', 'Connected', 'Reconnecting (1/5)']);
  assert.throws(() => new VeloFlux({ feeds: ['metric'] }), /no feed `metric`/);
  assert.throws(() => new VeloFlux({ transport: 'x' }), /`transport` is `x`/);
});

test('gaps are told by the numbers, and a new run of the server is none', async () => {
  const { world, client, of } = await flux();
  world.last().open();
  for (const id of ['0a-1', '0a-2', '0a-2', '0a-6', '0b-9', undefined, '0b-10']) world.last().say(metrics(1, id));
  assert.deepEqual(of('gap'), [{ event: 'gap', feed: 'metrics', missed: 3, after: '0a-2', before: '0a-6' }]);
  assert.equal(client.statistics('metrics').missed, 3);
  // What was missed is told as such, and not counted as a gap once more.
  world.last().say({ type: 'resumed', data: { feed: 'metrics', recovered: false, replayed: 0 } });
  world.last().say(metrics(1, '0b-20'));
  assert.deepEqual(of('resumed'), [{ event: 'resumed', feed: 'metrics', recovered: false }]);
  assert.deepEqual([of('gap').length, client.statistics('metrics').missed], [1, 3]);
});

test('who has missed nothing is up to date at once', async () => {
  const { world, client } = await flux({ reconnectionStrategy: { baseDelay: 30_000, jitter: false } });
  world.last().open();
  world.last().say(metrics(1, '0a-1'));
  world.last().end();
  await world.pass(30_000);
  assert.equal(client.snapshot('metrics').stale, true);
  world.last().open();
  world.last().say({ type: 'resumed', data: { feed: 'metrics', recovered: true, replayed: 0 } });
  assert.equal(client.snapshot('metrics').stale, false);
});

test('what shares a connection is told apart by its messages', async () => {
  const { world, client, of } = await flux({ feeds: ['metrics', 'backends'], transport: 'multiplexed' });
  world.last().open();
  for (const feed of ['metrics', 'backends']) world.last().say({ type: 'resumed', data: { feed, recovered: feed === 'metrics' } });
  world.last().say({ type: 'metrics', data: {} });
  world.last().say('no JSON');
  world.last().say({ type: 'error', data: { code: 'bad_message', message: 'x' } });
  assert.deepEqual(of('resumed').map(({ feed, recovered }) => [feed, recovered]), [['metrics', true], ['backends', false]]);
  assert.deepEqual([client.statistics('metrics').invalid, client.statistics('backends').invalid], [2, 1]);
  assert.deepEqual(of('problem').map(({ feed }) => feed), [null]);
  // One more feed: one more connection, which is no loss of the others, and all that begins at once is one.
  world.last().say(metrics(1, '0a-7'));
  const done = ['status', 'health'].map((feed) => client.use(feed));
  await world.pass(0);
  assert.deepEqual([world.sockets.length, world.alive.length], [2, 1]);
  assert.equal(world.last().url, 'ws://page:8080/api/ws?feeds=backends,metrics,status,health&last_id=metrics:0a-7');
  assert.deepEqual([client.statistics('metrics').losses, of('link').some(({ state }) => state === 'Disconnected')], [0, false]);
  world.last().open();
  assert.equal(client.send('health', { type: 'x' }), true);
  done.forEach((end) => end());
  await world.pass(0);
  assert.deepEqual([world.alive.length, client.snapshot('health').link, client.send('health', {})], [1, 'Disconnected', false]);
});

test('updates are merged by address, and never into two', () => {
  const list = [{ address: 'a', pool: 'x', weight: 2, status: 'healthy' }, { address: 'b', pool: 'x' }, { address: 'b', pool: 'y' }];
  const update = (data) => fold(list, { type: 'backends_update', data });
  assert.deepEqual(update({ address: 'a', status: 'unhealthy' })[0], { address: 'a', pool: 'x', weight: 2, status: 'unhealthy' });
  assert.equal(list[0].status, 'healthy', 'the old list is not changed');
  assert.equal(update({ address: 'b', status: 'unhealthy' }), list);
  assert.equal(update({ address: 'b', pool: 'y', status: 'unhealthy' })[2].status, 'unhealthy');
  assert.equal(update({ address: 'new' }), list);
  assert.equal(fold(null, { type: 'backends_update', data: { address: 'a' } }), null);
});

test('what is no message changes nothing and is counted', async () => {
  const { world, client, of } = await flux({ feeds: ['metrics', 'health'] });
  const [socket, health] = [world.last('metrics'), world.last('health')];
  socket.open();
  socket.say(metrics(7));
  for (const bad of ['no JSON', '7', 'null', '[]', { type: 'metrics' }, { type: 'metrics', data: { cpu: '7' } }, { type: 'metrics', data: [] }]) socket.say(bad);
  socket.say({ type: 'of the future', data: 1 });
  socket.say({ type: 'toString', data: {} });
  health.open();
  health.say({ type: 'health', data: { healthy: 'yes', checks: {} } });
  assert.deepEqual([client.data('metrics').cpu, client.statistics('metrics').invalid, client.statistics('health').invalid], [7, 7, 1]);
  assert.equal(of('invalid').length, 8);
  socket.say({ type: 'error', data: { code: 'bad_message', message: 'x' } });
  assert.deepEqual(of('problem'), [{ event: 'problem', feed: 'metrics', code: 'bad_message', message: 'x' }]);
});

test('with a limit the newest wins, nothing of a state is lost, and drops are counted', async () => {
  const { world, client } = await flux({ feeds: 'backends', maxMessagesPerSecond: 2 });
  const told = [];
  client.on('backends', (list) => told.push(list.map(({ status }) => status).join()));
  world.last().open();
  world.last().say({ type: 'backends', data: [{ address: 'a', status: 's0' }, { address: 'b', status: 's0' }] });
  for (const [address, status] of [['a', 's1'], ['b', 's1'], ['b', 's2']]) world.last().say({ type: 'backends_update', data: { address, status } });
  assert.deepEqual(told, ['s0,s0']);
  await world.pass(500);
  assert.deepEqual(told, ['s0,s0', 's1,s2']);
  assert.equal(client.statistics('backends').dropped, 2);
});

test('the last known values are there at once the next time, stale and with their age', async () => {
  const kept = new Map();
  const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
  const { world, client } = await flux({ storage });
  world.last().open();
  world.last().say(metrics(1));
  world.last().say(metrics(2));
  client.close();
  assert.equal(JSON.parse(kept.get('veloflux:http://page:8080:metrics')).data.cpu, 2, 'the last is not forgotten');
  kept.set('veloflux:http://page:8080:status', '{"at":1,"data":{"status":5}}');
  kept.set('veloflux:http://page:8080:health', 'broken');
  const next = new World();
  next.time = world.time + 60_000;
  const again = new VeloFlux({ environment: next.environment, storage });
  const { data, stale, restored } = again.snapshot('metrics');
  assert.deepEqual([data.cpu, stale, restored, again.age('metrics')], [2, true, true, 60_000]);
  assert.deepEqual([again.data('status'), again.data('health'), again.age('health')], [null, null, null]);
  again.connect();
  await settle();
  next.last('metrics').open();
  next.last('metrics').say(metrics(3));
  assert.deepEqual([again.snapshot('metrics').stale, again.snapshot('metrics').restored], [false, false]);
  again.close();

  // What was kept has its id: a page that is loaded again asks for what came since.
  const first = await flux({ storage });
  first.world.last().open();
  first.world.last().say(metrics(4, '0a-9'));
  first.client.close();
  const reloaded = await flux({ storage });
  assert.equal(reloaded.world.last().url, 'ws://page:8080/api/ws/metrics?last_id=0a-9');
  reloaded.world.last().open();
  reloaded.world.last().say({ type: 'resumed', data: { feed: 'metrics', recovered: true, replayed: 0 } });
  const { data: current, stale: old, restored: kept4 } = reloaded.client.snapshot('metrics');
  assert.deepEqual([current.cpu, old, kept4], [4, false, false]);

  const full = await flux({ storage: { getItem: () => { throw new Error('denied'); }, setItem: () => { throw new Error('full'); } } });
  full.world.last().open();
  full.world.last().say(metrics(1));
  assert.deepEqual(full.of('problem').map(({ code, message }) => [code, message]), [['storage', 'full']]);
});

test('somebody is told when a connection is away, once, and when it is back', async () => {
  const told = [];
  const alerts = { after: 5_000, notification: true, onDisconnect: ({ feed, code }) => told.push([feed, code]), onReconnect: ({ feed }) => told.push([feed, 'back']) };
  const { world } = await flux({ alerts });
  world.last().open();
  world.last().say(metrics(1));
  world.last().end(1012, 'retry_after_ms=1000');
  await world.pass(1_000);
  world.last().open();
  world.last().say(metrics(1));
  await world.pass(10_000);
  assert.deepEqual(told, [], 'a short one is none');
  world.last().end(1006);
  await world.pass(5_000);
  assert.deepEqual(told, [['metrics', 1006]]);
  assert.equal(world.notifications[0].title, 'veloflux: metrics disconnected');
  world.last().open();
  assert.deepEqual(told, [['metrics', 1006], ['metrics', 'back']]);

  const all = await flux({ feeds: 'all', alerts: { after: 0, notification: true }, transport: 'multiplexed' });
  all.world.last().open();
  all.world.last().end(1001);
  await all.world.pass(0);
  assert.equal(all.world.notifications.at(-1).title, 'veloflux: backends, metrics, status, billing, health disconnected');
  assert.equal(new Set(all.world.notifications.map(({ tag }) => tag)).size, 1, 'each takes the place of the one before');

  // Who does not want it back wants to know all the more; who leaves is told nothing.
  const lost = [];
  const never = await flux({ reconnectionStrategy: { maxAttempts: 0 }, alerts: { onDisconnect: ({ code }) => lost.push(code) } });
  never.world.last().open();
  never.world.last().end(1006);
  await never.world.pass(5_000);
  const leaving = await flux({ alerts: { onDisconnect: () => lost.push('left') } });
  leaving.world.last().open();
  leaving.world.last().end(1006);
  await leaving.world.happen('pagehide');
  await leaving.world.pass(60_000);
  assert.deepEqual(lost, [1006]);
});

test('a feed that is silent for three cadences is stale, an empty list is not', async () => {
  const { world, client, of } = await flux({ feeds: ['metrics', 'backends'] });
  for (const feed of ['metrics', 'backends']) world.last(feed).open();
  world.last('metrics').say(metrics(1));
  world.last('backends').say({ type: 'backends', data: [] });
  await world.pass(6_000);
  assert.deepEqual(of('stale'), [{ event: 'stale', feed: 'metrics', stale: true, age: 6_000 }]);
  assert.equal(client.snapshot('metrics').stale, true);
  world.last('metrics').say(metrics(2));
  assert.equal(client.snapshot('metrics').stale, false);
  await world.pass(20_000);
  assert.equal(client.snapshot('backends').stale, false);
});

test('statistics are what happened', async () => {
  const slow = await flux();
  slow.world.last().open();
  await slow.world.pass(40_000);
  slow.world.last().say(metrics(1));
  assert.ok(Math.abs(slow.client.statistics('metrics').messagesPerSecond - 1 / 40) < 0.001, 'one since it is connected');
  assert.equal(slow.client.statistics('metrics').missedPings, 2, 'of 0 s and of 30 s');
  slow.client.close();
  const { world, client } = await flux();
  const socket = world.last();
  socket.open();
  for (let second = 0; second < 120; second += 2) {
    socket.say(metrics(second));
    await world.pass(2_000);
  }
  const pinged = socket.pings.at(-1).timestamp;
  world.time = pinged + 40;
  socket.say({ type: 'pong', timestamp: pinged, server_time: new Date(pinged + 1_020).toISOString() });
  const statistics = client.statistics('metrics');
  assert.equal(statistics.messages, 60);
  assert.ok(Math.abs(statistics.messagesPerSecond - 0.5) < 0.03, `${statistics.messagesPerSecond}`);
  assert.deepEqual([statistics.roundTrip, client.serverNow() - world.time], [40, 1_000]);
  world.time += 100;
  socket.say({ type: 'pong', timestamp: pinged - 30_000, server_time: new Date(pinged).toISOString() });
  assert.equal(client.statistics('metrics').roundTrip, 40, 'an answer to an earlier ping says nothing of now');
  await world.pass(30_000);
  const half = client.statistics('metrics').messagesPerSecond;
  assert.ok(Math.abs(half - 0.25) < 0.04, `${half}`);
  await world.pass(30_000);
  assert.equal(client.statistics('metrics').messagesPerSecond, 0);
  socket.say(metrics(1));
  assert.ok(client.statistics('metrics').messagesPerSecond < 0.02, 'one in a minute');
  socket.end();
  assert.equal(client.statistics('metrics').losses, 1);
});

test('commands carry the token, and a refusal says why', async () => {
  const { world, client } = await flux({ token: 'abc' });
  world.answers.push({ body: { force_update: 'triggered' } }, {}, { status: 429, body: { error: { code: 'too_many', message: 'wait' } }, headers: { 'Retry-After': '3' } }, { status: 502, body: 'x' });
  assert.deepEqual(await client.forceUpdate('metrics'), { force_update: 'triggered' });
  await client.control('drain', { backend: 'a:1', for: '30m' });
  const [update, drain] = world.requests;
  assert.deepEqual([update.url, update.method, update.headers.Authorization, update.body], ['http://page:8080/api/ws/force-update', 'POST', 'Bearer abc', '{"type":"metrics"}']);
  assert.equal(drain.body, '{"action":"drain","backend":"a:1","for":"30m"}');
  await assert.rejects(client.control('check'), { name: 'VeloFluxError', status: 429, code: 'too_many', message: 'wait', retryAfter: '3' });
  await assert.rejects(client.forceUpdate(), { status: 502, message: 'the server answered 502' });
});

test('one feed is connected anew without the others', async () => {
  const { world, client } = await flux({ feeds: ['metrics', 'status'] });
  for (const socket of world.sockets) socket.open();
  client.reconnect('metrics');
  await settle();
  assert.deepEqual([world.sockets.length, world.alive.length, client.snapshot('metrics').link, client.snapshot('status').link], [3, 2, 'Connecting', 'Connected']);
  client.reconnect();
  await settle();
  assert.deepEqual([world.sockets.length, world.alive.length, client.statistics('status').losses], [5, 2, 0]);
});

test('a feed that nobody uses any more is disconnected, and one that is used again at once is not', async () => {
  const { world, client } = await flux({ feeds: [] });
  assert.equal(world.sockets.length, 0);
  const first = client.use('metrics');
  await world.pass(0);
  world.last().open();
  first();
  const again = client.use('metrics');
  first();
  await world.pass(1_000);
  assert.deepEqual([world.sockets.length, world.alive.length], [1, 1]);
  again();
  await world.pass(0);
  assert.equal(world.alive.length, 0);
  assert.equal(client.snapshot('metrics').link, 'Disconnected');
});

test('a close is final: no socket, no timer, no listener, and nothing late is heard', async () => {
  for (const moment of ['before', 'connecting', 'open', 'waiting']) {
    const { world, client } = await flux({ feeds: 'all', alerts: {}, maxMessagesPerSecond: 1, token: moment === 'before' ? async () => 'x' : undefined });
    const sockets = [...world.sockets];
    if (moment !== 'connecting') sockets.forEach((socket) => socket.open());
    if (moment === 'open') world.last('metrics').say(metrics(1));
    if (moment === 'waiting') sockets.forEach((socket) => socket.end());
    const told = [];
    client.on('metrics', (data) => told.push(data));
    client.close();
    client.close();
    for (const socket of sockets) {
      socket.onmessage?.({ data: JSON.stringify(metrics(9)) });
      socket.onclose?.({ code: 1006 });
    }
    await world.pass(600_000);
    assert.deepEqual([world.alive.length, world.timers.size, world.listenerCount, client.listenerCount, told.length], [0, 0, 0, 0, 0], moment);
    assert.throws(() => client.connect(), /was closed/);
  }
});

test('thirty minutes of trouble leave nothing behind', async () => {
  const { world, client } = await flux({ feeds: 'all', reconnectionStrategy: { maxAttempts: Infinity, jitter: false }, storage: { getItem: () => null, setItem: () => {} }, alerts: {} });
  const [timers, listeners] = [[], []];
  for (let minute = 0; minute < 30; minute += 1) {
    for (const socket of world.alive) socket.open();
    for (let turn = 0; turn < 20; turn += 1) {
      for (const socket of world.alive.filter(({ url }) => url.includes('metrics'))) socket.say(metrics(turn, `0a-${minute * 20 + turn + 1}`));
      await world.pass(2_000);
    }
    for (const socket of world.alive) socket.end(minute % 2 ? 1012 : 1006, 'retry_after_ms=100');
    await world.pass(20_000);
    timers.push(world.timers.size);
    listeners.push(world.listenerCount);
    assert.ok(world.alive.length <= 5, `${world.alive.length} sockets`);
  }
  assert.equal(Math.max(...listeners), 30, 'six for each connection');
  assert.ok(Math.max(...timers) <= 25, `${timers}`);
  assert.equal(client.statistics('metrics').missed, 0);
  client.close();
  assert.deepEqual([world.timers.size, world.listenerCount, world.alive.length], [0, 0, 0]);
});

test('a listener that throws harms nobody', async (context) => {
  const complain = context.mock.method(console, 'error', () => {});
  const { world, client } = await flux();
  const told = [];
  client.on('metrics', () => { throw new Error('mine'); });
  client.on('metrics', ({ cpu }) => told.push(cpu));
  world.last().open();
  world.last().say(metrics(1));
  assert.deepEqual([told, complain.mock.callCount()], [[1], 1]);
});

test('the published manager keeps its names, and `status` no longer means two things', async () => {
  const world = new World();
  const manager = new WebSocketManager();
  const heard = [];
  for (const event of ['metrics:status', 'metrics:link', 'metrics:metrics', 'metrics:message', 'metrics:open', 'metrics:close', 'status:status', 'status:link']) {
    manager.on(event, ({ detail }) => heard.push([event, detail?.cpu ?? detail?.status ?? detail?.type ?? detail?.code ?? detail]));
  }
  const options = { environment: world.environment, reconnectionStrategy: new ReconnectionStrategy({ baseDelay: 50, jitter: false }) };
  manager.connect('metrics', 'ws://h/api/ws/metrics', options);
  manager.connect('status', 'ws://h/api/ws/status', options);
  await settle();
  world.last('metrics').open();
  world.last('metrics').say(metrics(5));
  world.last('status').open();
  world.last('status').say({ type: 'status', data: { status: 'healthy' } });
  world.last('metrics').end(1006);
  assert.deepEqual(heard, [
    ['metrics:link', 'Connecting'], ['metrics:status', 'Connecting'], ['status:link', 'Connecting'],
    ['metrics:link', 'Connected'], ['metrics:status', 'Connected'], ['metrics:open', 'open'],
    ['metrics:message', 'metrics'], ['metrics:metrics', 5],
    ['status:link', 'Connected'], ['status:status', 'healthy'],
    ['metrics:close', 1006], ['metrics:link', 'Reconnecting (1/5)'], ['metrics:status', 'Reconnecting (1/5)'],
  ]);
  await world.pass(50);
  world.last('metrics').open();
  const monitor = new ConnectionHealthMonitor(manager, { interval: 20, timeout: 10, maxMissedPings: 2 });
  monitor.startMonitoring('metrics');
  await world.pass(10);
  monitor.handlePong('metrics');
  assert.equal(manager.send('metrics', { type: 'x' }), true);
  await world.pass(40);
  assert.match(heard.at(-1)[1], /^Reconnecting/);
  monitor.stopMonitoring('metrics');
  manager.disconnectAll();
  assert.deepEqual([world.alive.length, world.timers.size, manager.send('metrics', {})], [0, 0, false]);
});

test('the published manager of all feeds keeps its state', async () => {
  const world = new World();
  const manager = new VeloFluxWebSocketManager('ws://h:1', { environment: world.environment });
  const heard = [];
  manager.on('metrics', (event) => heard.push(event.detail.cpu));
  manager.on('connectionStatus', (event) => heard.push(event.detail.metrics));
  await settle();
  world.last('metrics').open();
  world.last('metrics').say(metrics(5));
  assert.deepEqual(heard.slice(-2), ['Connected', 5]);
  assert.deepEqual([manager.getData().metrics.cpu, manager.getData().backends, manager.getConnectionStatus().metrics], [5, [], 'Connected']);
  manager.disconnect();
  assert.deepEqual([world.alive.length, world.timers.size], [0, 0]);
});

test('what the published options say is done', async () => {
  const fixed = await link(veloflux.linkOptions({ reconnectInterval: 3_000, maxReconnectAttempts: 2 }));
  fixed.world.last().end();
  await settle();
  assert.deepEqual([fixed.states.at(-1), fixed.made.state.retryAt - fixed.world.time], ['Reconnecting (1/2)', 3_000]);
  const never = await link(veloflux.linkOptions({ shouldReconnect: false }));
  never.world.last().end();
  await never.world.happen('online');
  await never.world.pass(600_000);
  assert.deepEqual([never.states.at(-1), never.world.sockets.length], ['Disconnected', 1]);
});

test('importing it where there is no WebSocket is harmless, and says so when it is used', async () => {
  const made = new Link('ws://h', { environment: { WebSocket: undefined } });
  made.open();
  await settle();
  assert.equal(made.state.state, 'Error');
  assert.match(made.state.reason, /no WebSocket here/);
});
