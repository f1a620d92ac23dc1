// Language and colours: as the browser wants them, until the reader chooses others.

import { localise, speak, spoken, t, wanted } from './language.js';
import { find, make, preferences, put } from './page.js';
import { LANGUAGES, TEXTS } from './texts.js';

const THEMES = ['auto', 'light', 'dark'];

export class Looks {
  constructor(retell) {
    this.retell = retell;
    this.theme = THEMES.includes(preferences.get('theme')) ? preferences.get('theme') : 'auto';
    const kept = preferences.get('language');
    const select = find('#language');
    select.append(...LANGUAGES.map((language, index) => make('option', { value: language, lang: language }, TEXTS['language.name'][index])));
    select.addEventListener('change', () => this.speak(select.value));
    find('#theme').addEventListener('click', () => this.next());
    this.apply(LANGUAGES.includes(kept) ? kept : wanted(navigator.languages ?? []));
  }

  apply(language) {
    speak(language);
    document.documentElement.lang = language;
    find('#language').value = language;
    localise(document);
    this.dress();
  }

  /** Speaks a language, or the next one. */
  speak(language = LANGUAGES[(LANGUAGES.indexOf(spoken()) + 1) % LANGUAGES.length]) {
    preferences.set('language', language);
    this.apply(language);
    this.retell();
  }

  next() {
    this.theme = THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length];
    preferences.set('theme', this.theme);
    this.dress();
  }

  dress() {
    put(document.documentElement, 'data-theme', this.theme === 'auto' ? null : this.theme);
    const told = t('tool.theme', { theme: t(`theme.${this.theme}`) });
    put(find('#theme'), 'aria-label', told);
    put(find('#theme'), 'title', told);
  }
}
