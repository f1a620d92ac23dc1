// How the page says things: its texts in the language of the reader, and numbers, spans and times as that language writes them.

import { LANGUAGES, TEXTS } from './texts.js';

const MARKS = { healthy: '●', degraded: '▲', unhealthy: '✕', unknown: '○' };

let column = 0;
let locale = LANGUAGES[0];
let formats = new Map();

/** The first language somebody wants that the page speaks. */
export function wanted(languages) {
  const base = (tag) => tag.split('-')[0].toLowerCase();
  for (const tag of languages) {
    const found = LANGUAGES.find((language) => base(language) === base(tag));
    if (found) return found;
  }
  return LANGUAGES[0];
}

/** Speaks this language from now on; numbers and times as the reader's own region writes them, where it is one of that language. */
export function speak(language) {
  column = LANGUAGES.indexOf(language);
  const own = (globalThis.navigator?.languages ?? []).find((tag) => wanted([tag]) === language && tag.startsWith(language.split('-')[0]));
  locale = own ?? language;
  formats = new Map();
}

export const spoken = () => LANGUAGES[column];

/** A text with its places filled. `n` chooses the plural form, and is written as a number. */
export function t(key, values = {}) {
  const row = TEXTS[key];
  let text = row[column];
  if (typeof text === 'object') text = text[format('plural', () => new Intl.PluralRules(locale)).select(values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (_, name) => (name === 'n' ? number(values.n) : values[name] ?? ''));
}

/** A word of the wire in the reader's language; a word that is not known as it is. */
export const word = (wire) => (wire && Object.hasOwn(TEXTS, `word.${wire}`) ? t(`word.${wire}`) : wire ?? '');

/** The sign of a state, for where nothing but text fits. */
export const mark = (state) => MARKS[state] ?? MARKS.unknown;

function format(name, build) {
  if (!formats.has(name)) formats.set(name, build());
  return formats.get(name);
}

/** A number with at most so many digits after the point; with `fixed`, exactly so many. */
export function number(value, digits = 0, fixed = false) {
  if (value === null || value === undefined) return t('none');
  const options = { maximumFractionDigits: digits, minimumFractionDigits: fixed ? digits : 0 };
  return format(`number ${digits} ${fixed}`, () => new Intl.NumberFormat(locale, options)).format(value);
}

export function percent(share, digits = 0) {
  if (share === null || share === undefined) return t('none');
  const options = { style: 'percent', minimumFractionDigits: digits, maximumFractionDigits: digits };
  return format(`percent ${digits}`, () => new Intl.NumberFormat(locale, options)).format(share);
}

export function money(value, currency) {
  try {
    return format(`money ${currency}`, () => new Intl.NumberFormat(locale, { style: 'currency', currency })).format(value);
  } catch {
    return `${number(value, 2, true)} ${currency}`; // A code that is none.
  }
}

/** An exact decimal, as text: no digit of it is lost. */
export function decimal(text) {
  const formatted = format('decimal', () => new Intl.NumberFormat(locale, { maximumFractionDigits: 100 }));
  return formatted.format(text);
}

const unit = (name) => format(`unit ${name}`, () => new Intl.NumberFormat(locale, { style: 'unit', unit: name, unitDisplay: 'narrow' }));

/** A span of time in its largest unit that is not too coarse. */
export function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 120) return unit('second').format(seconds);
  if (seconds < 7_200 && seconds !== 3_600) return unit('minute').format(Math.floor(seconds / 60));
  if (seconds < 172_800) return unit('hour').format(Math.floor(seconds / 3_600));
  return unit('day').format(Math.floor(seconds / 86_400));
}

/** How long ago that was. */
export const ago = (ms) => t('ago', { span: span(ms) });

export function milliseconds(ms) {
  if (ms === null || ms === undefined) return t('none');
  return `${ms < 10 ? number(ms, 1, true) : number(ms)} ms`;
}

/** The time of the day. */
export const clock = (at) => format('clock', () => new Intl.DateTimeFormat(locale, { timeStyle: 'medium', hourCycle: 'h23' })).format(at);

/** Day and time. */
export function moment(at) {
  return format('moment', () => new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' })).format(at);
}

/** From one day to another. */
export function days(from, to) {
  return format('days', () => new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', year: 'numeric' })).formatRange(from, to);
}

/** Several things in a sentence. */
export const list = (items) => format('list', () => new Intl.ListFormat(locale, { style: 'long', type: 'conjunction' })).format(items);

/** Fills every text that stands in the document itself: `data-t` the content, `data-t-label` and the like an attribute. */
export function localise(root) {
  const attributes = { tLabel: 'aria-label', tTitle: 'title', tPlaceholder: 'placeholder' };
  for (const node of root.querySelectorAll('[data-t]')) node.textContent = t(node.dataset.t);
  for (const [key, attribute] of Object.entries(attributes)) {
    const name = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    for (const node of root.querySelectorAll(`[data-${name}]`)) node.setAttribute(attribute, t(node.dataset[key]));
  }
}
