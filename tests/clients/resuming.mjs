// Leaves a feed in the middle with npm's `ws`, comes back, and tells what it was given as one line of JSON.
//
// Usage: resuming.mjs URL, with URL like ws://127.0.0.1:8080. It does so once on a socket of one feed, and once on one of
// several.

import { setTimeout as sleep } from 'node:timers/promises';
import WebSocket from 'ws';

const url = process.argv[2];

/** Reads messages until `enough` of them is true, then cuts the connection off. */
function read(path, enough) {
  return new Promise((resolve, reject) => {
    const [socket, messages] = [new WebSocket(url + path), []];
    socket.on('error', reject);
    socket.on('message', (text) => {
      messages.push(JSON.parse(text));
      if (!enough(messages)) return;
      socket.terminate();
      resolve(messages);
    });
  });
}

const of = (messages, type) => messages.filter((message) => message.type === type);

async function resume(path, lastId) {
  const [first] = of(await read(path, (messages) => of(messages, 'metrics').length), 'metrics');
  await sleep(5_000);
  const joint = path.includes('?') ? '&' : '?';
  const back = await read(`${path}${joint}last_id=${lastId}${first.id}`, (messages) => {
    const [told] = of(messages, 'resumed');
    return told && of(messages, 'metrics').length > told.data.replayed;
  });
  return { told: of(back, 'resumed')[0].data, seen: [first, ...of(back, 'metrics')].map(({ id }) => id) };
}

const resumed = await Promise.all([resume('/api/ws/metrics', ''), resume('/api/ws?feeds=metrics,billing', 'metrics:')]);
process.stdout.write(`${JSON.stringify(resumed)}\n`);
