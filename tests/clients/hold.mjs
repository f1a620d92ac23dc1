// Holds every feed for a while with the npm package `ws`, and tells what it saw as one line of JSON.
//
// Usage: hold.mjs URL SECONDS, with URL like ws://127.0.0.1:8080. Each feed is held twice, with and without compression
// offered.
import WebSocket from 'ws';

const FEEDS = ['backends', 'metrics', 'status', 'billing', 'health'];

function hold(url, feed, perMessageDeflate, seconds) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url}/api/ws/${feed}`, { perMessageDeflate });
    const seen = { feed, compression: perMessageDeflate, extensions: [], messages: 0, gaps: 0, pongs: 0, frame_pongs: 0 };
    let last;
    socket.on('error', reject);
    socket.on('open', () => {
      seen.extensions = socket.extensions ? socket.extensions.split(',') : [];
      socket.send(JSON.stringify({ type: 'ping', timestamp: 42 }));
      socket.ping('still there?');
      setTimeout(() => socket.close(1000, 'done'), seconds * 1000);
    });
    socket.on('pong', (data) => { seen.frame_pongs += data.toString() === 'still there?' ? 1 : 0; });
    socket.on('message', (data, binary) => {
      const message = JSON.parse(data.toString());
      if (binary) reject(new Error('a binary message'));
      if (message.type === 'pong') {
        seen.pongs += message.timestamp === 42 ? 1 : 0;
        return;
      }
      seen.messages += 1;
      const [epoch, sequence] = message.id.split('-');
      if (last && (epoch !== last.epoch || Number(sequence) !== last.sequence + 1)) seen.gaps += 1;
      last = { epoch, sequence: Number(sequence) };
    });
    socket.on('close', (code) => resolve({ ...seen, close_code: code }));
  });
}

const [url, seconds] = process.argv.slice(2);
const held = FEEDS.flatMap((feed) => [false, true].map((deflate) => hold(url, feed, deflate, Number(seconds))));
console.log(JSON.stringify(await Promise.all(held)));
