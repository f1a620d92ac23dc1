// The samples of the package's README, which have to compile.
import { readFileSync } from 'node:fs';

const text = readFileSync(new URL('../../../clients/js/README.md', import.meta.url), 'utf8');
const samples = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, code]) => ({ language, code }));

/** The sample with this word behind its fence. */
export function sample(language) {
  const found = samples.find((one) => one.language === language);
  if (!found) throw new Error(`the README has no sample in ${language}`);
  return found.code;
}
