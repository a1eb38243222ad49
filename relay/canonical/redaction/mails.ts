import type { Context, Cue } from './context.ts';
import type { Finding } from './finding.ts';
import type { Token } from './tokens.ts';

/** Endings of files, and of versions: `icon@2x.png` is nobody's address. */
const files =
  /\.(?:png|jpe?g|gif|svg|webp|css|m?js|jsx|tsx?|json|pdf|html?|xml|ya?ml|txt|csv|mp[34]|wav|zip|exe|jar|java|cpp|php)$/i;
const written =
  /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}_%+-](?:[\p{L}\p{N}._%+'-]{0,63})@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,62})\.){1,8}\p{L}{2,24}(?![\p{L}\p{N}])/gu;

/** Addresses that are written as such. */
export function writtenMailsIn(text: string): Finding[] {
  const findings: Finding[] = [];
  for (const match of text.matchAll(written)) {
    const [found] = match;
    const behind = text.slice(match.index + found.length, match.index + found.length + 2);
    // `git@host.example:path` is the place of a repository.
    if (files.test(found) || (/^git@/i.test(found) && /^:\S/.test(behind))) continue;
    findings.push({ start: match.index, end: match.index + found.length, type: 'mail', rule: 'mail' });
  }
  return findings;
}

/** `@` as it is said, where it means nothing else. */
const sure = new Set([
  'chiocciola',
  'chiocciolina',
  'klammeraffe',
  'affenschwanz',
  'arobase',
  'arobas',
  'arrobase',
  'arroba',
]);
const maybe = new Set(['at', 'et', 'att', 'ett']);
const dots = new Set(['dot', 'punto', 'punkt', 'point']);
const joints = new Map([
  ...['dash', 'hyphen', 'minus', 'trattino', 'meno', 'bindestrich', 'strich', 'tiret', 'guion', 'medio'].map(
    (word): [string, string] => [word, '-'],
  ),
  ...['underscore', 'unterstrich', 'sottolineato', 'basso', 'bajo', 'bas', 'plus', 'piu', 'mas'].map(
    (word): [string, string] => [word, '_'],
  ),
]);
/** Words that end a phrase before an address, and are none themselves. */
const stops = new Set(
  'is are at us me him her them it to an a e est es ist the il lo la le el der die das mail email address indirizzo adresse direccion write scrivere scrivete scrivi schreiben schreibt ecrivez ecrire escribe escriban escribir available found live hosted look looking find see meet reach and or und oder o ou et y i we you they here there work works working was be been now que che von de di da del della con mit avec for per fur pour para'.split(
    ' ',
  ),
);
/** What ends addresses that are only said with `at`. */
const endings = new Set(
  'com org net edu gov info io dev app ai co eu uk us ie it de at ch fr be es nl pt mx ar cat tech biz me tv example test'.split(
    ' ',
  ),
);
const cues: ReadonlySet<Cue> = new Set<Cue>(['mail']);
const maxLabels = 6;
const maxPlainWords = 3;

/** Addresses that were read out: `first dot last at example dot com`, `nome punto cognome chiocciola example punto it`. */
export function saidMailsIn(tokens: readonly Token[], context: Context): Finding[] {
  const findings: Finding[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const sign = signAt(tokens, at);
    if (sign === null) continue;
    const { last, isSure } = sign;
    const domain = domainBehind(tokens, last + 1, isSure);
    if (domain === null) continue;
    const isWritten = tokens[at]?.text === '@' && isSure;
    const local = localBefore(tokens, at - 1, context, !isWritten);
    if (local === null || !(isSure || local.isMarked || local.hasCue)) continue;
    // What is written from front to back is for the other recogniser to judge.
    if (isWritten && !tokens.slice(local.first, domain).some(({ kind }) => kind === 'space')) continue;
    findings.push({
      start: tokens[local.first]?.start ?? 0,
      end: tokens[domain]?.end ?? 0,
      type: 'mail',
      rule: 'mail-said',
    });
    at = domain;
  }
  return findings;
}

/** A sign that may be an `@`, and its last token. */
function signAt(tokens: readonly Token[], at: number): { last: number; isSure: boolean } | null {
  const token = tokens[at];
  if (token?.text === '@') return { last: at, isSure: tokens[at - 1]?.kind !== 'space' };
  if (token?.kind !== 'word') return null;
  if (sure.has(token.text)) return { last: at, isSure: true };
  if (token.text === 'a' && tokens[at + 2]?.text === 'commercial') return { last: at + 2, isSure: true };
  if (token.text === 'a' && tokens[at + 2]?.text === 'commerciale') return { last: at + 2, isSure: true };
  return maybe.has(token.text) ? { last: at, isSure: false } : null;
}

const isSkipped = (token: Token | undefined) =>
  token?.kind === 'space' || (token?.kind === 'mark' && /^[()[\],]$/.test(token.text));
const isLabel = (token: Token | undefined) => token?.kind === 'digits' || token?.kind === 'word';
const isDot = (token: Token | undefined) => token !== undefined && (dots.has(token.text) || token.text === '.');

/** The last token of a domain that begins at or right behind a token. */
function domainBehind(tokens: readonly Token[], from: number, isSure: boolean): number | null {
  let at = from;
  let labels = 0;
  let plain = 0;
  let end: number | null = null;
  for (let steps = 0; steps < 8 * maxLabels && labels <= maxLabels; steps += 1) {
    while (isSkipped(tokens[at])) at += 1;
    const token = tokens[at];
    if (!isLabel(token) || token === undefined || isDot(token)) break;
    let next = at + 1;
    const isTight = tokens[next]?.kind !== 'space';
    while (tokens[next]?.kind === 'space') next += 1;
    const follower = tokens[next];
    if (labels > 0 && isEnding(token, isSure)) end = at;
    if (isDot(follower) && !(follower?.text === '.' && (!isTight || tokens[next + 1]?.kind === 'space'))) {
      labels += 1;
      at = next + 1;
    } else if (follower?.text === '-' || joints.has(follower?.text ?? '')) at = next + 1;
    else if (labels === 0 && plain < maxPlainWords - 1 && isLabel(follower)) {
      plain += 1;
      at = next;
    } else break;
  }
  return end;
}

const isEnding = ({ kind, text }: Token, isSure: boolean) =>
  kind === 'word' && (endings.has(text) || (isSure && /^[a-z]{2,12}$/.test(text)));

/** What stands before the sign; `isMarked`: it has a point or the like that was said, as only addresses have. */
function localBefore(
  tokens: readonly Token[],
  from: number,
  context: Context,
  mayHaveMoreWords: boolean,
): { first: number; isMarked: boolean; hasCue: boolean } | null {
  let at = from;
  let first: number | null = null;
  let isMarked = false;
  let isJoined = true;
  let plain = 0;
  for (let steps = 0; steps < 8 * maxLabels; steps += 1) {
    while (isSkipped(tokens[at])) at -= 1;
    const token = tokens[at];
    if (token === undefined) break;
    const isJoint = isDot(token) || joints.has(token.text) || /^[-_+]$/.test(token.text);
    if (isJoint) {
      if (first === null || (token.text === '.' && tokens[at + 1]?.kind === 'space')) break;
      if (token.kind === 'word' || token.text === '_') isMarked = true;
      else if (token.text === '.' && !/^(?:js|ts|py|io|net|rs|ai|sh)$/.test(tokens[at + 1]?.text ?? ''))
        isMarked = true;
      isJoined = true;
      at -= 1;
    } else if (isLabel(token)) {
      const isTight = tokens[at + 1]?.kind === 'word' || tokens[at + 1]?.kind === 'digits';
      if (!isJoined && !isTight) {
        // More words of a name, as far as the phrase that leads to the address.
        if (!mayHaveMoreWords || plain >= maxPlainWords - 1 || stops.has(token.text) || !leadsIn(tokens, at)) break;
        plain += 1;
      } else if (stops.has(token.text) && first === null) return null;
      first = at;
      isJoined = false;
      at -= 1;
    } else break;
  }
  if (first === null) return null;
  return { first, isMarked, hasCue: context.near(first, from + 1, cues) === 'mail' };
}

/** Within a few words before stands one that leads to an address: `my mail is …`. */
function leadsIn(tokens: readonly Token[], at: number): boolean {
  for (let index = at - 1, words = 0; index >= 0 && words < maxPlainWords; index -= 1) {
    const token = tokens[index];
    if (token?.kind === 'mark') return /^[:,]$/.test(token.text);
    if (token?.kind !== 'word') continue;
    if (/^(?:is|was|e|era|est|etait|es|ist|war|to|a|an|lautet)$/.test(token.text)) return true;
    words += 1;
  }
  return false;
}
