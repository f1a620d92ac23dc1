// Holds a feed in headless Chromium, and tells what came as one line of JSON.
//
// Usage: compressed-browser.mjs CHROMIUM URL FEED COUNT, with URL like http://127.0.0.1:8080.
import { inChromium } from './chromium.mjs';

const [chromium, url, feed, count] = process.argv.slice(2);
const hold = (after) => `new Promise((resolve, reject) => {
  const socket = new WebSocket('${url.replace('http', 'ws')}/api/ws/${feed}');
  const one = { terms: 'Chromium', agreed: [], messages: [], pongs: 0 };
  socket.onopen = () => { one.agreed = [socket.extensions]; socket.send('{"type":"ping","timestamp":1}'); };
  socket.onerror = () => reject(new Error('the connection broke'));
  socket.onmessage = ({ data }) => {
    if (JSON.parse(data).type === 'pong') { one.pongs += 1; return; }
    one.messages.push(data);
    if (one.messages.length === ${count} - ${after}) socket.close(1000, 'done');
  };
  socket.onclose = ({ code }) => { one.close_code = code; resolve(one); };
})`;

const held = await inChromium(chromium, `${url}/livez`, async (page) => {
  const first = page.evaluate(hold(0));
  await new Promise((resolve) => { setTimeout(resolve, 500); });
  return Promise.all([first, page.evaluate(hold(Number(count) >> 1))]);
});
console.log(JSON.stringify({ feed, held }));
