// Before the page's own code: sockets and a clock of its own, so that hours pass in seconds. `simulate(minutes)` lets every feed
// speak as often as it would, with a loss every five minutes.
{
  const FEEDS = { backends: 5_000, metrics: 2_000, status: 10_000, billing: 30_000, health: 15_000 };
  const started = Date.now();
  const [wait, now] = [window.setTimeout.bind(window), performance.now.bind(performance)];
  let passed = 0;
  let count = 0;
  const open = new Set();
  const iso = () => new Date(started + passed).toISOString();
  Date.now = () => started + passed;
  performance.now = () => now() + passed;
  // What would be waited for has come by then: the delay of a retry, not the pace of a ping.
  window.setTimeout = (act, delay = 0, ...rest) => wait(act, delay >= 400 && delay <= 2_000 ? 20 : delay, ...rest);

  window.WebSocket = class {
    constructor(url) {
      this.feed = new URL(url).pathname.split('/').at(-1);
      this.readyState = 0;
      wait(() => {
        this.readyState = 1;
        open.add(this);
        this.onopen?.({});
        this.say(this.feed, whole[this.feed]());
      }, 0);
    }

    send(text) {
      const { type, timestamp } = JSON.parse(text);
      if (type === 'ping') wait(() => this.onmessage?.({ data: JSON.stringify({ type: 'pong', timestamp, server_time: iso() }) }), 0);
    }

    say(type, data) {
      count += 1;
      this.onmessage?.({ data: JSON.stringify({ type, data, id: `0000000a-${count}` }) });
    }

    close(code = 1006) {
      this.readyState = 3;
      open.delete(this);
      this.onclose?.({ code, reason: '' });
    }
  };

  const word = (index) => ['healthy', 'healthy', 'degraded', 'unhealthy'][Math.floor(passed / 60_000 + index) % 4];
  const backend = (index) => ({ address: `10.0.0.${index}:8080`, status: word(index), last_check: iso(), state: '', admin: 'enabled', latency_ms: (passed / 1_000 + index) % 90,
    last_change: iso(), detail: word(index) === 'healthy' ? null : `reason ${passed}`, stale: false, intent: null });
  const whole = {
    // The last one comes and goes.
    backends: () => Array.from({ length: 40 + (Math.floor(passed / 120_000) % 2) }, (_, index) => ({ ...backend(index), pool: `p${index % 4}`, weight: 1, source: 'check' })),
    metrics: () => ({ cpu: passed % 100, memory: 40, requests: passed % 17, timestamp: iso(), scope: 'host', memory_scope: 'host', requests_total: passed, requests_per_second: passed % 17, requests_source: 'self', window_ms: 2_000, connections: 5 }),
    status: () => ({ status: word(0), timestamp: iso(), uptime: '1m', version: '1.0.0', cluster_size: 1, reasons: Array.from({ length: passed % 11 }, (_, index) => `reason ${index} of ${passed}`), uptime_seconds: 1, node: 'simulated' }),
    billing: () => ({ usage: passed, cost: passed / 100, period: 'current_month', last_updated: iso(), cost_exact: '1.5', currency: 'USD', unit: 'request', period_start: iso(), period_end: iso(), partial: false }),
    health: () => ({ healthy: true, timestamp: iso(), checks: Object.fromEntries(Array.from({ length: 3 + (Math.floor(passed / 60_000) % 3) }, (_, index) => [`check-${index}`, word(index)])), details: {} }),
  };

  window.simulate = async (minutes) => {
    const before = count;
    for (const end = passed + minutes * 60_000; passed < end;) {
      passed += 1_000;
      for (const socket of [...open]) {
        if (passed % FEEDS[socket.feed] !== 0) continue;
        if (socket.feed !== 'backends' || passed % 60_000 === 0) socket.say(socket.feed, whole[socket.feed]());
        else for (let index = 0; index < 40; index += 1) socket.say('backends_update', backend(index));
      }
      if (passed % 300_000 === 0) {
        for (const socket of [...open]) socket.close();
        while (open.size < 5) await new Promise((resolve) => { wait(resolve, 10); });
      }
      if (passed % 60_000 === 0) await new Promise((resolve) => { requestAnimationFrame(resolve); });
    }
    return { messages: count - before, open: open.size };
  };
}
