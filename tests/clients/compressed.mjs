// Holds a feed with the npm package `ws` under several terms of compression, and tells what came as one line of JSON.
//
// Usage: compressed.mjs URL FEED COUNT, with URL like ws://127.0.0.1:8080. Under each of the terms three connections join, the
// second and third after a while; until a connection without compression has COUNT messages. Each asks for pongs on the way.
import WebSocket from 'ws';

const TERMS = {
  default: true,
  'no server context': { serverNoContextTakeover: true },
  'no client context': { clientNoContextTakeover: true },
  'client window 10': { clientMaxWindowBits: 10 },
  'server window 10': { serverMaxWindowBits: 10 },
  'compresses all it says': { threshold: 0 },
};

const [url, feed, counted] = process.argv.slice(2);
const count = Number(counted);
const came = [];
const held = [];
const sockets = [];

function hold(name, perMessageDeflate) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url}/api/ws/${feed}`, { perMessageDeflate });
    const one = { terms: name, agreed: [], messages: [], pongs: 0 };
    held.push(one);
    sockets.push(socket);
    socket.on('error', reject);
    socket.on('open', () => { one.agreed = socket.extensions ? [socket.extensions] : []; });
    socket.on('message', (data) => {
      const text = data.toString();
      if (JSON.parse(text).type === 'pong') {
        one.pongs += 1;
        return;
      }
      one.messages.push(text);
      if (!perMessageDeflate) step(text);
      if (one.messages.length % 7 === 0) {
        socket.send(JSON.stringify({ type: 'ping', timestamp: 'compressed or not: '.repeat(20) }));
        socket.ping('still there?');
      }
    });
    socket.on('close', (code) => {
      one.close_code = code;
      resolve();
    });
  });
}

const done = [];

function step(text) {
  came.push(text);
  if ([1, count >> 2, count >> 1].includes(came.length)) {
    done.push(...Object.entries(TERMS).map(([name, options]) => hold(name, options)));
  }
  if (came.length === count) sockets.forEach((socket) => socket.close(1000, 'done'));
}

await hold('plain', false);
await Promise.all(done);
console.log(JSON.stringify({ feed, held }));
