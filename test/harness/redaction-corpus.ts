import { readFileSync } from 'node:fs';
import { z } from 'zod';

const corpusFile = z.object({ language: z.string(), private: z.array(z.string()), lookAlike: z.array(z.string()) });

/** A stretch of a text that has to go; letters (UTF-16). */
export interface Secret {
  readonly start: number;
  readonly end: number;
  readonly type: string;
  readonly text: string;
}

/** A sentence of test/redaction, and what of it is private. */
export interface CorpusItem {
  readonly language: string;
  readonly text: string;
  readonly secrets: readonly Secret[];
}

const languages = ['en', 'it', 'de', 'fr', 'es'];

/** All of test/redaction: sentences with secrets, and sentences that only look like it. */
export function redactionCorpus(): { private: CorpusItem[]; lookAlike: CorpusItem[] } {
  const files = languages.map((name) =>
    corpusFile.parse(JSON.parse(readFileSync(new URL(`../redaction/${name}.json`, import.meta.url), 'utf8'))),
  );
  const items = (key: 'private' | 'lookAlike') =>
    files.flatMap((file) => file[key].map((marked) => itemOf(marked, file.language)));
  return { private: items('private'), lookAlike: items('lookAlike') };
}

/** `my card is {card|4111 …}`: a secret stands in braces behind its type. */
function itemOf(marked: string, language: string): CorpusItem {
  const secrets: Secret[] = [];
  let text = '';
  let at = 0;
  for (const match of marked.matchAll(/\{(\w+)\|([^}]*)\}/g)) {
    const [whole, type = '', secret = ''] = match;
    text += marked.slice(at, match.index);
    secrets.push({ start: text.length, end: text.length + secret.length, type, text: secret });
    text += secret;
    at = match.index + whole.length;
  }
  return { language, text: text + marked.slice(at), secrets };
}
