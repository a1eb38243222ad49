import { isIPv6 } from 'node:net';
import type { Context, Cue } from './context.ts';
import type { Finding } from './finding.ts';
import type { Piece } from './pieces.ts';

const ipCues: ReadonlySet<Cue> = new Set<Cue>(['ip', 'version', 'phone', 'call', 'other']);
const macCues: ReadonlySet<Cue> = new Set<Cue>(['mac', 'phone', 'call', 'other', 'version']);

/** Addresses of networks and machines that were written: IPv6, and MAC with colons, hyphens or as Cisco writes it. */
export function writtenAddressesIn(text: string): Finding[] {
  const findings: Finding[] = [];
  for (const match of text.matchAll(
    /(?<![0-9a-z:.])[0-9a-f:]{2,39}(?:\.[0-9]{1,3}){0,3}(?:%[a-z0-9]{1,16})?(?![0-9a-z:])/giu,
  )) {
    const [found] = match;
    const address = found.replace(/%.*$/, '').replace(/:$/, '');
    const trimmed = isIPv6(found.replace(/%.*$/, '')) ? found : address;
    // Names in programs such as `face::add` are addresses by their letters; these beginnings were given to networks.
    if (
      !/^(?:[23][0-9a-f]{3}:|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:|::ffff:)/i.test(trimmed) ||
      !isIPv6(trimmed.replace(/%.*$/, ''))
    )
      continue;
    findings.push({ start: match.index, end: match.index + trimmed.length, type: 'ip', rule: 'ipv6' });
  }
  const hardware =
    /(?<![0-9a-z]|[0-9a-f][:-])(?:[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})(?![0-9a-z]|[:-][0-9a-f]{2})/giu;
  for (const match of text.matchAll(hardware)) {
    const [found, mark] = match;
    const isSpecial = /^(?:0[:.-]?)+$|^(?:f[:.-]?)+$/i.test(found);
    if (isSpecial || (mark !== ':' && !/[a-f]/i.test(found))) continue;
    findings.push({ start: match.index, end: match.index + found.length, type: 'mac', rule: 'mac' });
  }
  return findings;
}

/** Four numbers below 256 with points between, written or said. */
export function ipv4In(pieces: readonly Piece[], context: Context): Finding[] {
  const findings: Finding[] = [];
  for (let from = 0; from < pieces.length; from += 1) {
    const to = ipv4From(pieces, from, context);
    if (to === null) continue;
    findings.push({ start: pieces[from]?.start ?? 0, end: pieces[to]?.end ?? 0, type: 'ip', rule: 'ipv4' });
    from = to;
  }
  return findings;
}

function ipv4From(pieces: readonly Piece[], from: number, context: Context): number | null {
  const head = pieces[from];
  if (head === undefined || !head.isDigits) return null;
  if (
    from > 0 &&
    (head.between === '.' || (head.isTight && /^[-_/]?$/.test(head.between ?? ' ') && !pieces[from - 1]?.isDigits))
  )
    return null;
  if (from > 0 && head.isTight && head.between === '') return null;
  const groups = [head.value];
  let to = from;
  for (;;) {
    const next = pieces[to + 1];
    if (next === undefined || !next.isDigits || next.between === null) break;
    if (next.between === '.') groups.push(next.value);
    else if (next.between === '' && !next.isTight && next.isSpoken && pieces[to]?.isSpoken)
      groups.push((groups.pop() ?? '') + next.value);
    else break;
    if (groups.length > 4 || (groups.at(-1)?.length ?? 0) > 3) return null;
    to += 1;
  }
  if (groups.length !== 4 || !groups.every((group) => /^(?:0|[1-9][0-9]{0,2})$/.test(group) && Number(group) < 256))
    return null;
  const next = pieces[to + 1];
  if (next !== undefined && !next.isDigits && next.isTight && /^[-_.]?$/.test(next.between ?? ' ')) return null;
  return isPrivate(groups.map(Number), context.near(head.first, pieces[to]?.last ?? 0, ipCues)) ? to : null;
}

/** Loopback, masks and the like are no one's; small numbers are those of a version unless an address is spoken of. */
function isPrivate(groups: readonly number[], cue: Cue | null): boolean {
  const [first = 0] = groups;
  if (first === 127 || first === 0 || first === 255) return false;
  if (cue === 'ip') return true;
  return cue !== 'version' && groups.some((group) => group > 9);
}

const hexadecimal = /^[0-9A-F]{1,12}$/;

/** Twelve hexadecimal digits in pairs that were said, with or without the colons. */
export function saidMacsIn(pieces: readonly Piece[], context: Context): Finding[] {
  const findings: Finding[] = [];
  for (let from = 0; from < pieces.length; from += 1) {
    const to = macFrom(pieces, from, context);
    if (to === null) continue;
    findings.push({ start: pieces[from]?.start ?? 0, end: pieces[to]?.end ?? 0, type: 'mac', rule: 'mac-said' });
    from = to;
  }
  return findings;
}

function macFrom(pieces: readonly Piece[], from: number, context: Context): number | null {
  const head = pieces[from];
  if (head === undefined || (from > 0 && head.isTight && head.between === '')) return null;
  let text = '';
  let colons = 0;
  let isSaid = head.isSpoken;
  for (let to = from; to < pieces.length; to += 1) {
    const piece = pieces[to];
    if (piece === undefined || !hexadecimal.test(piece.value)) return null;
    if (to > from && (piece.between === null || !/^[:.,-]?$/.test(piece.between))) return null;
    if (piece.between === ':' && to > from) {
      if (text.length % 2 !== 0) return null;
      colons += 1;
    }
    text += piece.value;
    if (to > from && (piece.isSpoken || !piece.isTight)) isSaid = true;
    if (text.length > 12) return null;
    if (text.length < 12) continue;
    const next = pieces[to + 1];
    if (!isSaid || (next?.isTight && next.between === '')) return null;
    return colons === 5 || context.near(head.first, piece.last, macCues) === 'mac' ? to : null;
  }
  return null;
}
