import { describe, expect, it } from 'vitest';
import { findPrivate } from '../relay/canonical/redaction/recognition.ts';
import { redactSequence } from '../relay/canonical/redaction/redact.ts';
import { type CorpusItem, redactionCorpus } from './harness/redaction-corpus.ts';
import { secretsIn } from './harness/secret-search.ts';

const corpus = redactionCorpus();
const redact = (text: string, language: string) => {
  const [clean] = redactSequence([text], language);
  if (!clean) throw new Error('nothing came back');
  return clean;
};
const isTouched = (item: CorpusItem, finding: { start: number; end: number }) =>
  item.secrets.some(({ start, end }) => finding.start < end && finding.end > start);

describe('the corpus of private data and of what looks like it', () => {
  it('has at least 300 items of each in five languages, and every kind in each', () => {
    expect(corpus.private.length).toBeGreaterThanOrEqual(300);
    expect(corpus.lookAlike.length).toBeGreaterThanOrEqual(300);
    for (const language of ['en-GB', 'it-IT', 'de-DE', 'fr-FR', 'es-ES']) {
      const own = corpus.private.filter((item) => item.language === language);
      expect(own.length).toBeGreaterThanOrEqual(60);
      const types = new Set(own.flatMap(({ secrets }) => secrets.map(({ type }) => type)));
      expect([...types].sort(), language).toEqual(['card', 'iban', 'id', 'ip', 'mac', 'mail', 'phone']);
      expect(corpus.lookAlike.filter((item) => item.language === language).length).toBeGreaterThanOrEqual(60);
    }
    expect(corpus.private.every(({ secrets }) => secrets.length > 0)).toBe(true);
    expect(corpus.lookAlike.every(({ secrets }) => secrets.length === 0)).toBe(true);
  });

  it('is told apart: precision and recall', () => {
    let whole = 0;
    const missed: string[] = [];
    const extra: string[] = [];
    for (const item of corpus.private) {
      const findings = findPrivate(item.text, item.language);
      for (const secret of item.secrets) {
        const isFound = findings.some(
          ({ start, end, type }) => start <= secret.start && end >= secret.end && type === secret.type,
        );
        if (isFound) whole += 1;
        else missed.push(`${item.language} ${secret.type}: ${item.text}`);
      }
      for (const finding of findings) {
        // What is taken beyond the secret is a loss as well.
        const over = item.secrets.every(({ start, end }) => finding.start < start - 2 || finding.end > end + 2);
        if (!isTouched(item, finding) || over) extra.push(`${item.language} ${finding.rule}: ${item.text}`);
      }
    }
    for (const { text, language } of corpus.lookAlike) {
      for (const { rule } of findPrivate(text, language)) extra.push(`${language} ${rule}: ${text}`);
    }
    const recall = whole / (whole + missed.length);
    const precision = whole / (whole + extra.length);
    console.log(
      `redaction: ${whole + missed.length} secrets, ${corpus.lookAlike.length} look-alikes, ` +
        `recall ${recall.toFixed(4)}, precision ${precision.toFixed(4)}`,
    );
    for (const miss of missed) console.log(`  missed ${miss}`);
    for (const item of extra) console.log(`  taken  ${item}`);
    expect(recall).toBeGreaterThanOrEqual(0.98);
    expect(precision).toBeGreaterThanOrEqual(0.98);
  });

  it('leaves nothing of a secret that was found, however it is looked for', () => {
    for (const { text, language, secrets } of corpus.private) {
      const clean = redact(text, language);
      const found = findPrivate(text, language);
      const gone = secrets.filter((secret) =>
        found.some(({ start, end }) => start <= secret.start && end >= secret.end),
      );
      expect(
        secretsIn(
          JSON.stringify(clean),
          gone.map((secret) => secret.text),
        ),
      ).toEqual([]);
    }
  });
});

describe('redaction', () => {
  it('says where its labels stand in the text that is left', () => {
    for (const { text, language } of corpus.private) {
      const clean = redact(text, language);
      for (const { start, end, type } of clean.found) expect(clean.text.slice(start, end)).toBe(`[${type}]`);
    }
  });

  it('changes nothing where it finds nothing', () => {
    const text = 'Grüße, “così” — 2026\u00a0… 👋 fin';
    expect(redact(text, 'it-IT')).toEqual({ text, found: [] });
    expect(redact('', 'en')).toEqual({ text: '', found: [] });
  });

  it('finds a number that is said in two captions, and takes it out of both', () => {
    const [first, second, third] = redactSequence(['my card is 4111 1111', '1111 1111 and so', 'on'], 'en-US');
    expect(first).toMatchObject({ text: 'my card is [card]', found: [{ start: 11, end: 17, type: 'card' }] });
    expect(second).toMatchObject({ text: '[card] and so', found: [{ start: 0, end: 6, type: 'card' }] });
    expect(third).toEqual({ text: 'on', found: [] });
  });

  it('finds a secret wherever the corpus is cut in two', () => {
    for (const { text, language } of corpus.private) {
      const whole = findPrivate(text, language).length;
      const cut = text.indexOf(' ', Math.floor(text.length / 2));
      if (cut < 0) continue;
      const parts = redactSequence([text.slice(0, cut), text.slice(cut + 1)], language);
      expect(
        parts.reduce((sum, { found }) => sum + found.length, 0),
        text,
      ).toBeGreaterThanOrEqual(whole);
    }
  });

  it('sees through what no one sees, and through digits of other scripts', () => {
    expect(redact('card 4111\u200b1111\u00ad1111\u202f1111.', 'en').text).toBe('card [card].');
    expect(redact('Karte ４１１１ １１１１ １１１１ １１１１', 'de').text).toBe('Karte [card]');
    expect(redact('٤١١١ ١١١١ ١١١١ ١١١١', 'en').text).toBe('[card]');
  });

  it('knows languages that it has no words of by their digits, and English ones everywhere', () => {
    expect(redact('mijn kaart is 4111 1111 1111 1111', 'nl-NL').text).toBe('mijn kaart is [card]');
    const said = 'four two four two four two four two four two four two four two four two';
    expect(redact(`e poi ha detto ${said}`, 'it-IT').text).toBe('e poi ha detto [card]');
  });

  it('takes its own labels for no word of the numbers beside them', () => {
    expect(redact('[phone] 3331234567 [card] 4111 1111 1111 1112', 'it').found).toEqual([]);
  });
});

describe('hostile text', () => {
  const hostile: ReadonlyArray<readonly [string, (length: number) => string]> = [
    ['digits in one', (length) => '4'.repeat(length)],
    ['digits apart', (length) => '4 '.repeat(length / 2)],
    ['commas between', (length) => '0,'.repeat(length / 2)],
    ['zeros, as telephones begin', (length) => '01 '.repeat(length / 3)],
    ['pluses', (length) => '+1'.repeat(length / 2)],
    ['points', (length) => '1.'.repeat(length / 2)],
    ['colons', (length) => 'a:'.repeat(length / 2)],
    ['letters in one', (length) => 'a'.repeat(length)],
    ['letters of accounts', (length) => 'IT60 X0 '.repeat(length / 8)],
    ['signs of mail', (length) => 'a@'.repeat(length / 2)],
    ['points of mail', (length) => `${'a.'.repeat(length / 2 - 1)}@`],
    ['signs of mail that are said', (length) => 'a at b dot '.repeat(length / 11)],
    ['said digits', (length) => 'call zero one '.repeat(length / 14)],
    ['doubles', (length) => 'double '.repeat(length / 7)],
    ['nothing seen', (length) => '\u200b'.repeat(length)],
  ];

  it.each(hostile)('costs time in proportion to its length: %s', (_, of) => {
    // Of this thread alone: other tests have the machine meanwhile.
    const spent = (length: number) => {
      const text = of(length);
      let least = Number.POSITIVE_INFINITY;
      for (let run = 0; run < 2; run += 1) {
        const before = process.threadCpuUsage();
        redact(text, 'en-US');
        const { user, system } = process.threadCpuUsage(before);
        least = Math.min(least, (user + system) / 1000);
      }
      return least;
    };
    const short = spent(2000);
    // Eight times as long; what is quadratic takes 64 times as long. Half of that, and a floor for what is too quick to time.
    expect(spent(16_000)).toBeLessThan(Math.max(short, 4) * 32);
  });
});

describe('the search for secrets', () => {
  it('sees a secret plain, as digits, read out and in base64', () => {
    const card = '4111 1111 1111 1111';
    expect(secretsIn('x 4111-1111-1111-1111 y', [card]).map(({ as }) => as)).toEqual(['plain', 'digits']);
    expect(secretsIn(Buffer.from('mail FIRST.last@Example.com'), ['first.last@example.com'])).toEqual([
      { secret: 'first.last@example.com', as: 'plain' },
    ]);
    const spoken = 'vier eins eins eins, eins eins eins eins eins eins eins eins eins eins eins eins';
    expect(secretsIn(spoken, [card]).map(({ as }) => as)).toEqual(['spoken']);
    for (const before of ['', 'a', 'ab', 'abc']) {
      expect(secretsIn(Buffer.from(`${before}${card} tail`).toString('base64'), [card]).map(({ as }) => as)).toEqual([
        'base64',
      ]);
    }
    expect(secretsIn('4111 people, 1111 rooms, 1111 and 1111', [card])).toEqual([]);
  });
});
