// What is seen of the page when it is not looked at: its title and its sign in the bar of tabs.

import { mark, t, word } from './language.js';
import { find, put } from './page.js';

/** Colours that can be told apart on light and dark bars; the shape says the same. */
const SHAPES = {
  healthy: '<circle cx="8" cy="8" r="6" fill="#2da160"/>',
  degraded: '<path d="M8 1.5 15 14H1Z" fill="#d99a1c"/>',
  unhealthy: '<path d="m4 1.5 4 4 4-4L14.5 4l-4 4 4 4-2.5 2.5-4-4-4 4L1.500 12l4-4-4-4Z" fill="#e0484f"/>',
  unknown: '<circle cx="8" cy="8" r="5" fill="none" stroke="#8b93a5" stroke-width="3"/>',
};

/** Shows a state, or that there is none to be had: `lost`, `again` or `old`. */
export function face(state, node, trouble) {
  const said = { lost: t('link.failed'), again: t('link.reconnecting', { attempt: '…', of: '…' }).replace(/ \(.*/, ''), old: state && `${word(state)} (?)` }[trouble] ?? (state ? word(state) : t('link.connecting'));
  const shape = trouble || !state ? 'unknown' : state;
  const title = t('title', { state: `${mark(shape)} ${said}`, node });
  if (document.title !== title) document.title = title;
  put(find('link[rel="icon"]'), 'href', `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">${SHAPES[shape] ?? SHAPES.unknown}</svg>`)}`);
}
