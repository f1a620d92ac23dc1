// What was measured, as a series of samples: for as long as the longest chart, also over a reload of the page. What a server
// replays after an interruption falls into its place; what nobody can replay stays a gap.

/** How long samples are kept. */
export const HISTORY_MS = 3_600_000;
/** Two samples further apart than this have a gap between them: three cadences of the feed. */
export const GAP_MS = 6_000;
/** The most samples, whatever their times say. */
const SAMPLES_MAX = 4_000;

export const SERIES = ['cpu', 'memory', 'requests'];

export class History {
  #samples = [];

  /** @param text what an earlier page has written down */
  constructor(text) {
    try {
      const kept = JSON.parse(text ?? '[]');
      this.#samples = kept.filter((sample) => Array.isArray(sample) && sample.length === 4 && Number.isFinite(sample[0]));
    } catch { /* What cannot be read is not there. */ }
  }

  /** Takes what a message of the metrics feed says. True: it was news. */
  add({ timestamp, cpu, memory, requests, requests_per_second: rate, window_ms: window }) {
    const at = Date.parse(timestamp);
    if (!Number.isFinite(at)) return false;
    const perSecond = rate ?? (window > 0 ? requests / (window / 1_000) : requests / 2);
    let index = this.#samples.length;
    while (index > 0 && this.#samples[index - 1][0] > at) index -= 1;
    if (index > 0 && this.#samples[index - 1][0] === at) return false;
    this.#samples.splice(index, 0, [at, cpu, memory, perSecond]);
    const oldest = this.#samples.at(-1)[0] - HISTORY_MS;
    const over = Math.max(this.#samples.findIndex(([time]) => time >= oldest), this.#samples.length - SAMPLES_MAX);
    if (over > 0) this.#samples.splice(0, over);
    return true;
  }

  get length() {
    return this.#samples.length;
  }

  /** The samples of one series from some time on, as `[time, value]`, with the one before them. */
  since(from, name) {
    const position = SERIES.indexOf(name) + 1;
    let first = this.#samples.findIndex(([time]) => time >= from);
    if (first < 0) first = this.#samples.length;
    return this.#samples.slice(Math.max(0, first - 1)).map((sample) => [sample[0], sample[position]]).filter(([, value]) => value !== null);
  }

  /** What is written down for the page that comes after this one. */
  text() {
    const short = (value) => (value === null ? null : Math.round(value * 100) / 100);
    return JSON.stringify(this.#samples.map(([at, ...values]) => [at, ...values.map(short)]));
  }
}

/** Where nothing was measured between two samples, or since the last: `[from, to]` each. */
export function gaps(samples, now) {
  const found = [];
  samples.forEach(([at], index) => {
    const next = samples[index + 1]?.[0] ?? now;
    if (next - at > GAP_MS) found.push([at, next]);
  });
  return found;
}

/** The samples in runs without a gap. */
export function runs(samples) {
  const found = [];
  samples.forEach((sample, index) => {
    if (index === 0 || sample[0] - samples[index - 1][0] > GAP_MS) found.push([]);
    found.at(-1).push(sample);
  });
  return found;
}

/** Least, mean and most of what was measured; null of nothing. */
export function range(samples) {
  if (!samples.length) return null;
  const values = samples.map(([, value]) => value);
  return { min: Math.min(...values), mean: values.reduce((sum, value) => sum + value, 0) / values.length, max: Math.max(...values) };
}
