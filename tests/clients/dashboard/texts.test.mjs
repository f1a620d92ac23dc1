// The texts: every language says everything, and says it of the same things.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { LANGUAGES, TEXTS } from '../../../src/serve/dashboard/texts.js';
import { wanted } from '../../../src/serve/dashboard/language.js';

const folder = new URL('../../../src/serve/dashboard/', import.meta.url);
const places = (text) => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))].sort();

test('every text stands in every language, with the same places', () => {
  for (const [key, row] of Object.entries(TEXTS)) {
    assert.equal(row.length, LANGUAGES.length, key);
    const forms = row.map((text) => (typeof text === 'string' ? { other: text } : text));
    for (const [index, form] of forms.entries()) {
      assert.deepEqual(Object.keys(form), Object.keys(forms[0]), `${key}: the plural forms differ`);
      for (const text of Object.values(form)) {
        assert.ok(text.trim(), `${key} is empty in ${LANGUAGES[index]}`);
        assert.deepEqual(places(text), places(forms[0].other), `${key}: the places differ`);
      }
    }
  }
});

test('every text that is asked for is there, and every one that is there is asked for', () => {
  const files = readdirSync(folder).filter((file) => /\.(js|html)$/.test(file) && file !== 'texts.js');
  const source = files.map((file) => readFileSync(new URL(file, folder), 'utf8')).join('\n');
  const literal = [...source.matchAll(/\bt\('([^']+)'|data-t(?:-\w+)?="([^"]+)"/g)].map(([, call, attribute]) => call ?? attribute);
  for (const key of literal) assert.ok(Object.hasOwn(TEXTS, key), `\`${key}\` is asked for and not there`);
  // Those that are put together: `word.${…}` and the like.
  const begun = [...source.matchAll(/`([a-z]+\.)\$\{[^}]+\}(\.[a-z]+)?`/g)].map(([, before, after = '']) => [before, after]);
  const isAsked = (key) => source.includes(`'${key}'`) || source.includes(`"${key}"`) || begun.some(([before, after]) => key.startsWith(before) && key.endsWith(after));
  assert.deepEqual(Object.keys(TEXTS).filter((key) => !isAsked(key)), []);
});

test('the language is the first of the reader that is spoken', () => {
  for (const [languages, language] of [[['pt-PT', 'en'], 'pt-BR'], [['de', 'pt'], 'pt-BR'], [['en-GB', 'pt'], 'en'], [['de'], 'en'], [[], 'en']]) {
    assert.equal(wanted(languages), language, languages.join());
  }
});
