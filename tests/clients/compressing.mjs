// Servers of the npm package `ws` that compress, one a set of options, for our client to read.
//
// Usage: compressing.mjs COUNT. Says on the first line of stdout where they listen, as JSON: {"options": port, ...}. Each sends
// COUNT messages of a feed, every third in fragments, and waits for the client to say goodbye.
import { WebSocketServer } from 'ws';

const OPTIONS = {
  default: true,
  'every message': { threshold: 0 },
  'no server context': { threshold: 0, serverNoContextTakeover: true },
  'no client context': { threshold: 0, clientNoContextTakeover: true },
  'window 10': { threshold: 0, serverMaxWindowBits: 10, clientMaxWindowBits: 10 },
  none: false,
};

const count = Number(process.argv[2]);

function message(number) {
  const words = Array.from({ length: (number % 50) * 40 }, (_, at) => String.fromCharCode(0x61 + ((number * at) % 26))).join('');
  return JSON.stringify({ type: 'metrics', data: { requests: number, note: `${words} é ☃ 𝄞` }, id: `0000000a-${number}` });
}

const ports = {};
for (const [name, perMessageDeflate] of Object.entries(OPTIONS)) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate });
  server.on('connection', (socket) => {
    for (let number = 1; number <= count; number += 1) {
      const text = message(number);
      if (number % 3 === 0) {
        const half = text.length >> 1;
        socket.send(text.slice(0, half), { fin: false });
        socket.ping('between');
        socket.send(text.slice(half));
      } else {
        socket.send(text);
      }
    }
  });
  await new Promise((resolve) => { server.on('listening', resolve); });
  ports[name] = server.address().port;
}
console.log(JSON.stringify(ports));
