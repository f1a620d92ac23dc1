// Which backends are shown, and in which order. Pure: backends in, backends out.

import { word } from './language.js';

const WORST_FIRST = { unhealthy: 0, degraded: 1, unknown: 2, healthy: 3 };
export const GROUPS = ['healthy', 'degraded', 'unhealthy', 'unknown', 'out'];

export const isOut = (backend) => Boolean(backend.admin) && backend.admin !== 'enabled';
export const passes = (backend) => backend.status === 'healthy' || backend.status === 'degraded';

const rank = (backend) => WORST_FIRST[backend.status] ?? 2;
const nothingLast = (value, empty) => value ?? empty;
const checked = (backend) => (backend.last_check ? Date.parse(backend.last_check) : -Infinity);

/** How two backends stand to each other, by column. Equal ones keep the server's order. */
export const COLUMNS = {
  status: (a, b) => rank(a) - rank(b) || Number(isOut(b)) - Number(isOut(a)),
  address: (a, b, collate) => collate(a.address, b.address),
  pool: (a, b, collate) => collate(a.pool, b.pool),
  latency: (a, b) => nothingLast(b.latency_ms, -1) - nothingLast(a.latency_ms, -1),
  weight: (a, b) => nothingLast(b.weight, -1) - nothingLast(a.weight, -1),
  checked: (a, b) => checked(a) - checked(b) || 0,
  source: (a, b, collate) => collate(a.source ?? '', b.source ?? ''),
};

/** The columns that begin with the largest. */
export const FALLING = new Set(['latency', 'weight']);

/** Whether a backend is among the states that are asked for; none asked for: all are. */
export function inStates(backend, states) {
  return states.size === 0 || states.has(backend.status) || (states.has('out') && isOut(backend));
}

/** The words of a filter: each has to be found somewhere. */
export const termsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

/** Everything about a backend that can be looked for, in the wire's words and the reader's. */
export function haystack(backend) {
  const { address, pool, status, state, admin, source, detail, intent, stale } = backend;
  const said = [address, pool, status, word(status), state, word(state), admin, word(admin), source, detail, intent?.reason, stale && 'stale'];
  return said.filter(Boolean).join(' ').toLowerCase();
}

/** How many there are of each group. */
export function count(backends) {
  const counts = Object.fromEntries(GROUPS.map((group) => [group, 0]));
  for (const backend of backends) {
    if (backend.status in counts) counts[backend.status] += 1;
    if (isOut(backend)) counts.out += 1;
  }
  return counts;
}

/** The backends in order, as pools with their members; one without a name when they are not grouped. */
export function arrange(backends, { sort, descending, group }, collate) {
  const compare = COLUMNS[sort];
  const turn = descending ? -1 : 1;
  const ordered = [...backends].sort((a, b) => turn * compare(a, b, collate));
  if (!group) return [{ pool: null, members: ordered }];
  const pools = Map.groupBy(ordered, (backend) => backend.pool);
  const found = [...pools].map(([pool, members]) => ({ pool, members }));
  // By state the pool with the worst comes first; by the pool's name as its name says; else where the server has it.
  if (sort === 'status' || sort === 'pool') return found;
  const first = new Map();
  backends.forEach((backend) => { if (!first.has(backend.pool)) first.set(backend.pool, first.size); });
  return found.sort((a, b) => first.get(a.pool) - first.get(b.pool));
}
