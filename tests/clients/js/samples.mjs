// The samples of the documents, which have to compile and to work.
import { readFileSync } from 'node:fs';

/** The sample with this word behind its fence. */
export function sample(language, readme = 'clients/js/README.md') {
  const text = readFileSync(new URL(`../../../${readme}`, import.meta.url), 'utf8');
  const found = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].find(([, word]) => word === language);
  if (!found) throw new Error(`${readme} has no sample in ${language}`);
  return found[2];
}
