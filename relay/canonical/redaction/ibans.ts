import { isIban } from './checksums.ts';
import type { Context, Cue } from './context.ts';
import type { Finding } from './finding.ts';
import { isJoined, type Piece } from './pieces.ts';

/** Letters of an IBAN in each country that has one (SWIFT's registry, release 99). */
const lengths = new Map(
  'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
    .split(' ')
    .map((entry): [string, number] => [entry.slice(0, 2), Number(entry.slice(2))]),
);
const cues: ReadonlySet<Cue> = new Set<Cue>(['iban', 'other', 'card', 'phone', 'id']);
const shape = /^[A-Z]{2}[0-9]{2}[A-Z0-9]*$/;

/** Accounts by country, length and check digits; where an account is spoken of, by country and length alone. */
export function ibansIn(pieces: readonly Piece[], context: Context): Finding[] {
  const findings: Finding[] = [];
  for (let from = 0; from < pieces.length; from += 1) {
    const to = ibanFrom(pieces, from, context);
    if (to === null) continue;
    const [end, rule] = to;
    findings.push({ start: pieces[from]?.start ?? 0, end: pieces[end]?.end ?? 0, type: 'iban', rule });
    from = end;
  }
  return findings;
}

function ibanFrom(pieces: readonly Piece[], from: number, context: Context): [number, string] | null {
  const head = pieces[from];
  if (head === undefined || head.isDigits || head.value.length > 2) return null;
  if (from > 0 && head.isTight && head.between === '') return null;
  let text = '';
  let length: number | undefined;
  for (let to = from; to < pieces.length; to += 1) {
    const piece = pieces[to];
    if (piece === undefined || (to > from && !isJoined(piece))) return null;
    text += piece.value;
    if (text.length < 4) continue;
    length ??= lengths.get(text.slice(0, 2)) ?? 0;
    if (text.length > length || !shape.test(text.slice(0, 5))) return null;
    if (text.length < length) continue;
    const next = pieces[to + 1];
    if (next?.isTight && next.between === '') return null;
    if (isIban(text)) return [to, 'iban-mod97'];
    // Sentences that begin with such letters are no account: it has digits from front to back.
    if (text.replace(/[^0-9]/g, '').length < 12) return null;
    return context.near(head.first, piece.last, cues) === 'iban' ? [to, 'iban-context'] : null;
  }
  return null;
}
