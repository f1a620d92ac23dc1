// The dashboard: one socket per feed, each panel redrawn from the last message of its feed.
// Nothing is shown that no message said; a panel that has gone quiet for three cadences greys out and says so.

const CADENCE_MS = { status: 10_000, metrics: 2_000, health: 15_000, billing: 30_000, backends: 5_000 };
const RECONNECT = { attempts: 5, base_ms: 1_000, max_ms: 30_000, factor: 2 };
const HEARTBEAT = { interval_ms: 30_000, timeout_ms: 5_000, missed: 3 };
const HISTORY_MS = 300_000;
// Closes after which trying again unchanged is pointless: done, protocol errors of ours, and every 44xx.
const FINAL = new Set([1000, 1002, 1003, 1007, 1009]);

let skew_ms = 0; // server clock minus ours, from the last pong: ages are told by the server's clock
const server_now = () => Date.now() + skew_ms;

const show = (node, text) => { if (node.textContent !== text) node.textContent = text; };
const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};
const state = (node, word) => { node.dataset.state = word; show(node, word); };
const span = (ms) => {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 120) return `${s} s`;
  return s < 7_200 ? `${Math.floor(s / 60)} min` : s < 172_800 ? `${Math.floor(s / 3_600)} h` : `${Math.floor(s / 86_400)} d`;
};
const age = (time) => (time ? `${span(server_now() - Date.parse(time))} ago` : "never");
const latency = (ms) => (ms == null ? "–" : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`);
const number = (value) => (value == null ? "–" : value.toLocaleString());
const announce = (text) => show(document.getElementById("announce"), text);

class Panel {
  constructor(feed) {
    this.feed = feed;
    this.root = document.querySelector(`section[data-feed="${feed}"]`);
    this.link = make("span", { "data-field": "link" });
    this.quiet = make("span", { "data-field": "stale" });
    this.root.querySelector("h2").after(make("p", { class: "link" }, this.link, this.quiet));
    this.attempt = 0;
    this.born = this.heard = performance.now();
    this.connect();
  }
  field(name) { return this.root.querySelector(`[data-field="${name}"]`); }

  // ---- the link: Connecting, Connected, Reconnecting (k/5), Disconnected
  say(word, text = word, why = "") {
    this.root.dataset.link = word.toLowerCase();
    show(this.link, text);
    this.link.title = why;
    const lost = panels.some((panel) => panel.root.dataset.link === "disconnected");
    document.getElementById("reconnect").hidden = !lost;
  }
  connect() {
    clearTimeout(this.retry);
    if (this.attempt === 0) this.say("Connecting");
    const socket = new WebSocket(new URL(`/api/ws/${this.feed}`, location.href.replace(/^http/, "ws")));
    this.socket = socket;
    this.missed = 0;
    socket.onopen = () => { this.say("Connected"); this.ping(); };
    socket.onmessage = (event) => { if (this.socket === socket) this.receive(event.data); };
    socket.onclose = ({ code, reason }) => this.lost(socket, code, reason);
  }
  lost(socket, code, reason) {
    if (this.socket !== socket) return;
    this.socket = null;
    clearTimeout(this.pinging);
    const why = `${reason || "connection lost"} (${code})`;
    if (FINAL.has(code) || (code >= 4400 && code < 4500) || this.attempt >= RECONNECT.attempts) {
      this.say("Disconnected", "Disconnected", why);
      return announce(`${this.feed}: disconnected, ${why}`);
    }
    const plain_ms = Math.min(RECONNECT.base_ms * RECONNECT.factor ** this.attempt, RECONNECT.max_ms);
    const told_ms = Number(/retry_after_ms\D{0,3}(\d+)/.exec(reason)?.[1] ?? 0);
    this.attempt += 1;
    this.say("Reconnecting", `Reconnecting (${this.attempt}/${RECONNECT.attempts})`, why);
    this.retry = setTimeout(() => this.connect(), Math.max(plain_ms * (0.5 + Math.random() * 0.5), told_ms));
  }
  again() { if (!this.socket) { this.attempt = 0; this.connect(); } }
  // A ping every 30 s; any message within 5 s is an answer, three without one in a row end the connection.
  ping() {
    const [socket, sent] = [this.socket, performance.now()];
    socket.send(JSON.stringify({ type: "ping", timestamp: Date.now() }));
    this.pinging = setTimeout(() => {
      this.missed = this.heard >= sent ? 0 : this.missed + 1;
      if (this.missed >= HEARTBEAT.missed) { socket.close(); return this.lost(socket, 1006, "no answer to pings"); }
      this.pinging = setTimeout(() => this.ping(), HEARTBEAT.interval_ms - HEARTBEAT.timeout_ms);
    }, HEARTBEAT.timeout_ms);
  }
  receive(text) {
    let message;
    try { message = JSON.parse(text); } catch { return; }
    this.heard = performance.now();
    if (message.type === "pong") {
      skew_ms = Date.parse(message.server_time) - (message.timestamp + Date.now()) / 2;
    } else if (message.type === this.feed || message.type === `${this.feed}_update`) {
      this.attempt = 0;
      draw[message.type](this, message.data);
      this.news = performance.now();
      this.tick();
    }
  }
  // Once a second and after each message: what changes by time alone.
  tick() {
    const quiet_ms = performance.now() - (this.news ?? this.born);
    // An empty list has nothing to update: while its link is up it is current.
    const idle = this.feed === "backends" && this.news && !backends.list.length && this.socket?.readyState === WebSocket.OPEN;
    const stale = !idle && quiet_ms > 3 * CADENCE_MS[this.feed];
    this.root.dataset.stale = stale;
    if (stale && this.feed === "status") document.title = "stale · veloflux";
    show(this.quiet, stale ? `stale, nothing for ${span(quiet_ms)}` : "");
    for (const node of this.root.querySelectorAll("[data-time]")) show(node, age(node.dataset.time));
  }
}

// ---- one function per message type
const backends = { list: [], rows: new Map(), order: "" };
const history = [];

const draw = {
  status(panel, data) {
    const word = panel.field("status");
    if (word.dataset.state && word.dataset.state !== data.status) announce(`status: ${data.status}`);
    state(word, data.status);
    for (const name of ["uptime", "version"]) show(panel.field(name), data[name]);
    show(panel.field("cluster_size"), number(data.cluster_size));
    const reasons = data.reasons ?? [];
    panel.field("reasons").hidden = reasons.length === 0;
    panel.field("reasons").replaceChildren(...reasons.map((reason) => make("li", {}, reason)));
    show(document.getElementById("node"), data.node ?? location.host);
    document.title = `${data.status} · veloflux`;
  },
  metrics(panel, data) {
    const at = Date.parse(data.timestamp);
    if (history.at(-1)?.at !== at) history.push({ at, cpu: data.cpu, memory: data.memory, requests: data.requests });
    while (history[0].at < at - HISTORY_MS) history.shift();
    const peak = Math.max(...history.map((sample) => sample.requests));
    for (const [name, top] of [["cpu", 100], ["memory", 100], ["requests", Math.max(peak, 1)]]) {
      const [area, line] = panel.root.querySelectorAll(`[data-chart="${name}"] path`);
      const runs = trace(name, top, at);
      line.setAttribute("d", runs.map((points) => `M${points.join("L")}h.1`).join(""));
      area.setAttribute("d", runs.map((points) => `M${points.join("L")}V60H${points[0][0]}Z`).join(""));
    }
    for (const name of ["cpu", "memory"]) show(panel.field(name), data[name].toFixed(1));
    show(panel.field("requests"), number(data.requests));
    show(panel.field("requests_per_second"), data.requests_per_second == null ? "" : `${number(data.requests_per_second)} /s`);
    for (const name of ["scope", "memory_scope"]) {
      show(panel.field(name), data[name] ? `of the ${data[name] === "cgroup" ? "container" : "host"}` : "");
    }
    show(panel.field("window"), data.window_ms ? `in ${(data.window_ms / 1000).toFixed(1)} s` : "");
    show(panel.field("peak"), `Most requests in one window: ${number(peak)}.`);
  },
  health(panel, data) {
    // A check that has not answered yet stands in the details only.
    const names = new Set([...Object.keys(data.checks), ...Object.keys(data.details ?? {})]);
    panel.field("checks").replaceChildren(...[...names].sort().map((name) => {
      const detail = data.details?.[name] ?? {};
      const mark = make("span", { class: "state" });
      state(mark, data.checks[name] ?? "unknown");
      const facts = [detail.kind, detail.critical && "critical", detail.latency_ms != null && latency(detail.latency_ms)];
      const small = make("small", {}, facts.filter(Boolean).join(" · "));
      if (detail.last_check) small.append(" · ", make("span", { "data-time": detail.last_check }));
      const error = detail.error ? [make("small", {}, detail.error)] : [];
      return make("li", { "data-check": name }, make("span", {}, name), mark, small, ...error);
    }));
  },
  billing(panel, data) {
    const currency = data.currency ?? "USD";
    show(panel.field("cost"), data.cost.toLocaleString(undefined, { style: "currency", currency }));
    show(panel.field("usage"), number(data.usage));
    show(panel.field("unit"), data.unit ? `${data.unit}${data.usage === 1 ? "" : "s"}` : "");
    show(panel.field("period"), data.period.replaceAll("_", " "));
    panel.field("last_updated").dataset.time = data.last_updated;
    panel.field("partial").hidden = !data.partial;
  },
  backends(panel, list) {
    backends.list = list;
    table(panel);
  },
  backends_update(panel, update) {
    backends.list = backends.list.map((old) => (old.address === update.address ? { ...old, ...update } : old));
    table(panel);
  },
};

// The samples of the last five minutes as runs of points: where samples are missing the line is broken, not bridged.
function trace(name, top, now) {
  const runs = [];
  history.forEach(({ at, [name]: value }, index) => {
    const joined = index > 0 && at - history[index - 1].at <= 3 * CADENCE_MS.metrics;
    if (!joined) runs.push([]);
    runs.at(-1).push([(300 * (1 - (now - at) / HISTORY_MS)).toFixed(1), (58 - 56 * Math.min(value / top, 1)).toFixed(1)]);
  });
  return runs;
}

// Rows are kept by pool and address, and the table is laid out anew only when the set of backends changes.
function table(panel) {
  const key = (backend) => JSON.stringify([backend.pool, backend.address]);
  const order = backends.list.map(key).join();
  if (order !== backends.order || !panel.laid) {
    const pools = Map.groupBy(backends.list, (backend) => backend.pool);
    backends.rows = new Map(backends.list.map((backend) => [key(backend), row(backend)]));
    const bodies = [...pools].map(([pool, members]) => make("tbody", { "data-pool": pool },
      make("tr", { class: "pool" }, make("th", { colspan: 5, scope: "rowgroup", class: "pool" }, pool)),
      ...members.map((backend) => backends.rows.get(key(backend)))));
    const none = make("tbody", {}, make("tr", {}, make("td", { colspan: 5, class: "note" }, "no backends configured")));
    panel.root.querySelector("table").replaceChildren(panel.root.querySelector("thead"), ...(bodies.length ? bodies : [none]));
    [backends.order, panel.laid] = [order, true];
  }
  for (const backend of backends.list) fill(backends.rows.get(key(backend)), backend);
}
function row({ address }) {
  return make("tr", { "data-address": address },
    make("th", { scope: "row" }, address, make("small", { "data-field": "detail" })),
    make("td", {}, make("span", { class: "state", "data-field": "status" }), make("small", { "data-field": "admin" })),
    make("td", { "data-field": "latency_ms" }), make("td", { "data-field": "weight" }), make("td", { "data-field": "last_check" }));
}
function fill(line, backend) {
  const cell = (name) => line.querySelector(`[data-field="${name}"]`);
  if (cell("status").dataset.state && cell("status").dataset.state !== backend.status) announce(`${backend.address}: ${backend.status}`);
  state(cell("status"), backend.status);
  const admin = backend.admin && backend.admin !== "enabled" ? backend.admin : "";
  show(cell("admin"), [admin, backend.stale && "source silent"].filter(Boolean).join(", "));
  show(cell("detail"), backend.detail ?? "");
  show(cell("latency_ms"), latency(backend.latency_ms));
  show(cell("weight"), number(backend.weight));
  cell("last_check").dataset.time = backend.last_check ?? "";
}

const panels = [];
for (const feed of Object.keys(CADENCE_MS)) panels.push(new Panel(feed));
setInterval(() => panels.forEach((panel) => panel.tick()), 1_000);
const again = () => panels.forEach((panel) => panel.again());
document.getElementById("reconnect").addEventListener("click", again);
window.addEventListener("online", again);
