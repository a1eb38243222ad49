import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { rowsOf } from '../relay/canonical/transcript-rows.ts';
import { TestApi } from './harness/api.ts';
import { CanonicalRelay, segment, startMs, talkOf } from './harness/canonical-relay.ts';
import { identity, talk } from './harness/canonical-run.ts';
import { adminSecret } from './harness/doors.ts';

/** What organizers decide about canonical transcripts, and what readers never see. About 2 s. */

const [parakeet, whisper] = [identity(), identity({ engine: 'whisper' })];
const path = '/api/rooms/verdi/recordings/opening/canonical';
const live = ['live one', 'live two', 'live three'];
let own: CanonicalRelay;

/** As it would come from the store. */
async function comes(
  run = parakeet,
  made = talkOf(run, [segment(0, 'One.'), segment(1, 'Two.'), segment(2, 'Three.')]),
) {
  const body = new TextEncoder().encode(JSON.stringify(made.transcript));
  const name = `r${run.revision}-${run.engine}-0123456789ab-00000000`;
  const folder = `transcripts/v1/conf/verdi/opening/r1-${run.engine}-0123456789ab/`;
  const sha256 = run.engine.padEnd(64, '0');
  const version = { room: 'verdi', talk: 'opening', name, folder, etag: name, sha256 };
  await own.fetched.add(version, rowsOf(body, { ...talk, revision: 1 }), () => true);
  if (!made.transcript.canonical) return name;
  own.fetched.change('verdi', 'opening', { pointer: { etag: name, generation: 1, revision: 1, folder, sha256 } });
  return name;
}

beforeEach(() => {
  own = new CanonicalRelay();
  own.record(parakeet, { talkId: 'Keynote.1' });
  live.forEach((text, i) => {
    own.room.say(text, { start: startMs + i * 5000 });
  });
});
afterEach(() => own.stop());

interface View {
  readonly standing: { readonly state: string };
  readonly served: string | null;
  readonly segments: readonly {
    readonly id: number;
    readonly shown: string | null;
    readonly withheld: string | null;
  }[];
  readonly live: readonly { readonly text: string }[];
  readonly more: boolean;
}
const view = (query = '') => own.get<View>(`recordings/opening/canonical${query}`);
const acts = () => own.api.rights.audit.list({ limit: 20 }).entries.map(({ act }) => act);
const put = (id: number, text: string | null, version?: string) =>
  own.api.ask('PUT', `${path}/segments/${id}`, { text, ...(version && { version }) });

test('a talk that was put off after its first minute is never given by that minute alone', async () => {
  const first = talkOf(parakeet, [segment(0, 'First minute.')]);
  await comes(parakeet, first);
  expect(await own.words()).toEqual(['First minute.']);
  own.record(parakeet, { talk: 'opening-2', talkId: 'Keynote.1', fromMs: startMs + 1, toMs: startMs + 3_600_000 });
  expect(await own.words()).toEqual(live);
  own.record(parakeet, { talk: 'opening-2', talkId: 'Keynote.1', state: 'deleted', toMs: startMs + 3_600_000 });
  expect(await own.words()).toEqual(['First minute.']);
});

describe('withheld segments', () => {
  const withheld = talkOf(whisper, [segment(0, 'One.'), segment(1, 'Invented.'), segment(2, 'Three.')], {
    canonical: false,
    withheld: [{ segment: 1, reason: 'No live word was said in the same time.' }],
  });

  test('and a whole transcript of an engine that may invent are never read before an organizer publishes', async () => {
    const version = await comes(whisper, withheld);
    expect(await own.words()).toEqual(live);
    expect(await own.words('&version=best')).toEqual(live);
    expect(
      (await own.api.ask('GET', '/api/rooms/verdi/transcript.json?talk=opening&version=canonical')).body,
    ).toMatchObject({
      error: { code: 'canonical-none' },
    });
    expect(await own.get('transcripts')).toMatchObject({ talks: [] });
    expect(await view()).toMatchObject({
      standing: { state: 'review' },
      served: null,
      segments: [
        { shown: 'One.' },
        { shown: null, withheld: 'No live word was said in the same time.' },
        { shown: 'Three.' },
      ],
    });
    expect((await own.api.ask('POST', `${path}/publish`, {})).body).toMatchObject({ served: version });
    for (const ending of ['json', 'vtt', 'srt', 'txt']) {
      const { text } = await own.api.ask('GET', `/api/rooms/verdi/transcript.${ending}?talk=opening`);
      expect(text).toContain('Three.');
      expect(text).not.toContain('Invented');
    }
    expect(await own.words('&limit=2')).toEqual(['One.', 'Three.']);
    expect(await own.words('&spokenAfter=0,0&limit=9')).toEqual(['One.', 'Three.']);
    expect(acts()).toEqual(['published a canonical transcript']);
  });

  test('are read once an organizer shows them by their own words or better ones', async () => {
    await comes(whisper, withheld);
    expect((await put(1, 'Invented.')).body).toMatchObject({ shown: 'Invented.', corrected: true });
    expect(await own.words()).toEqual(live); // that publishes nothing
    await own.api.ask('POST', `${path}/publish`, {});
    expect(await own.words()).toEqual(['One.', 'Invented.', 'Three.']);
    await put(1, null);
    expect(await own.words()).toEqual(['One.', 'Three.']);
  });
});

describe('organizers', () => {
  test('correct and hide what readers have; that version is kept whatever comes', async () => {
    const first = await comes();
    expect(await own.words()).toEqual(['One.', 'Two.', 'Three.']);
    expect((await put(1, 'Two, <b>corrected</b>.')).status).toBe(200);
    expect(await own.words()).toEqual(['One.', 'Two, <b>corrected</b>.', 'Three.']);
    await put(0, null);
    await comes(whisper, talkOf(whisper, [segment(0, 'Another.')], { canonical: true }));
    expect(await view()).toMatchObject({ standing: { state: 'newer' }, served: first });
    expect(await own.words()).toEqual(['Two, <b>corrected</b>.', 'Three.']);
    await own.api.ask('POST', `${path}/publish`, {});
    expect(await own.words()).toEqual(['Another.']);
    await own.api.ask('POST', `${path}/publish`, { version: first });
    expect(await own.words()).toEqual(['Two, <b>corrected</b>.', 'Three.']);
    expect(acts()[0]).toBe('published a canonical transcript');
    const told = JSON.stringify(own.api.rights.audit.list({ limit: 20 }).entries);
    expect(told).toContain('corrected or hid a part of a canonical transcript');
    expect(told).not.toContain('corrected</b>');
  });

  test('go back to the live captions, and nothing that comes later changes that', async () => {
    await comes();
    expect((await own.api.ask('POST', `${path}/fallback`, {})).body).toMatchObject({
      standing: { state: 'live' },
      served: null,
    });
    expect(await own.words()).toEqual(live);
    await comes(whisper, talkOf(whisper, [segment(0, 'Another.')], { canonical: true }));
    expect(await own.words()).toEqual(live);
    await put(0, 'Corrected.');
    expect(await own.words()).toEqual(live);
    expect(acts()).toContain('went back to the live captions of a talk');
    const again = new CanonicalRelay({ rooms: own.rooms });
    expect(await again.words()).toEqual(live);
    await again.fetching.stop();
  });

  test('see both side by side, page by page, each live caption once', async () => {
    const many = Array.from({ length: 12 }, (_, i) => segment(i, `n${i}`));
    await comes(parakeet, talkOf(parakeet, many));
    for (let i = 3; i < 12; i++) own.room.say(`live ${i}`, { start: startMs + i * 5000 + 2000 });
    const [seen, spoken]: [number[], string[]] = [[], []];
    for (let after = ''; ; ) {
      const page = await view(`?limit=5${after}`);
      seen.push(...page.segments.map(({ id }) => id));
      spoken.push(...page.live.map(({ text }) => text));
      if (!page.more) break;
      after = `&after=${page.segments.at(-1)?.id}`;
    }
    expect(seen).toEqual(many.map(({ id }) => id));
    expect(spoken).toEqual([...live, ...Array.from({ length: 9 }, (_, i) => `live ${i + 3}`)]);
  });

  test('are told of what is not there', async () => {
    const refusal = async (method: string, at: string, body?: unknown) => {
      const { status, text } = await own.api.ask(method, at, body);
      return `${status} ${/"code":"([\w-]+)"/.exec(text)?.[1]}`;
    };
    expect(await refusal('GET', '/api/rooms/verdi/recordings/none/canonical')).toBe('404 recording-unknown');
    expect(await refusal('POST', `${path}/publish`, {})).toBe('404 version-unknown');
    expect(await view()).toMatchObject({ standing: { state: 'awaited' }, version: null, segments: [] });
    await comes();
    expect(await refusal('PUT', `${path}/segments/99`, { text: 'x' })).toBe('404 segment-unknown');
    expect(await refusal('PUT', `${path}/segments/1`, { text: 'two\nlines' })).toBe('400 invalid');
    expect(await refusal('PUT', `${path}/segments/1`, { text: 'x', version: 'r1-none' })).toBe('404 version-unknown');
    expect(await refusal('GET', `${path}?after=99`)).toBe('400 segment-unknown');
    expect(await refusal('GET', '/api/rooms/verdi/transcript.json?version=canonical')).toBe('400 talk-missing');
    expect(await refusal('GET', '/api/rooms/verdi/transcript.vtt?version=best')).toBe('400 talk-missing');
    expect(await refusal('GET', '/api/rooms/verdi/transcript.json?talk=none&version=canonical')).toBe(
      '404 talk-unknown',
    );
  });
});

test('a relay without a store says so, and serves what it has', async () => {
  await comes();
  const { serving, fetched } = own;
  const { app } = new TestApi({ rooms: own.rooms, canonical: { serving, fetched, fetching: null } });
  const headers = { authorization: `Bearer ${adminSecret}` };
  const answer = await app.request('/api/rooms/verdi/canonical', { headers });
  expect(await answer.json()).toMatchObject({ hasStore: false, store: null, talks: [{ served: 'canonical' }] });
  expect(await own.get('canonical')).toMatchObject({ hasStore: true });
});

describe('readers', () => {
  test('ask by the id of the schedule as well, and get pages as of a log', async () => {
    const many = Array.from({ length: 450 }, (_, i) =>
      segment(i, `n${i}`, { start_ms: Math.floor(i / 3) * 300, end_ms: 50_000 }),
    );
    await comes(parakeet, talkOf(parakeet, many));
    const all = many.map(({ text }) => text);
    expect(await own.words('', 'Keynote.1')).toEqual(all);
    expect(await own.words('&limit=7')).toEqual(all.slice(-7));
    for (const [parameter, edge, first] of [
      ['spokenBefore', 0, ''],
      ['spokenAfter', -1, '&spokenAfter=-1,0'],
    ] as const) {
      const found: string[] = [];
      for (let query: string = first; ; ) {
        const page = await own.get<{ captions: { seq: number; start: number; text: string }[]; truncated: boolean }>(
          `transcript.json?talk=opening&limit=40${query}`,
        );
        found.splice(parameter === 'spokenBefore' ? 0 : found.length, 0, ...page.captions.map(({ text }) => text));
        const last = page.captions.at(edge);
        if (!page.truncated || !last) break;
        query = `&${parameter}=${last.start},${last.seq}`;
      }
      expect(found).toEqual(all);
    }
    expect(await own.words(`&from=${startMs}&to=${startMs + 300}`)).toEqual(['n0', 'n1', 'n2']);
    expect(await own.words('&before=3')).toEqual(['n0', 'n1']);
  });

  test('never get what an organizer hid while it was live, or blocked since, however late', async () => {
    await comes();
    const hidden = own.room.log.transcript({}).find(({ text }) => text === 'live two');
    own.room.amend(hidden?.seq ?? 0, null);
    expect(await own.words()).toEqual(['One.', 'Three.']);
    expect((await view()).segments[1]).toMatchObject({
      shown: null,
      withheld: expect.stringContaining('hid the live'),
    });
    await put(1, 'Two, without the name.');
    expect(await own.words()).toEqual(['One.', 'Two, without the name.', 'Three.']);
    own.textRules.put({
      replacements: [{ find: 'One', replace: 'One One', regex: false, case: 'typed', language: null }],
      blocked: [],
    });
    expect(await own.words()).toEqual(['One.', 'Two, without the name.', 'Three.']);
    own.textRules.put({ replacements: [], blocked: [{ word: 'three', method: 'mask', language: null }] });
    expect(await own.words()).toEqual(['One.', 'Two, without the name.', '***.']);
    const { text } = await own.api.ask('GET', '/api/rooms/verdi/transcript.json?talk=opening&words=1');
    expect(text).not.toMatch(/three/i);
  });

  test('never get a transcript of a recording that was changed or deleted, even before it is out of the database', async () => {
    await comes();
    own.recordings.change('verdi', 'opening', { revision: 2 });
    expect(own.fetched.versions('verdi', 'opening')).toHaveLength(1);
    expect(await own.words()).toEqual(live);
    own.recordings.change('verdi', 'opening', { revision: 1 });
    expect(await own.words()).toEqual(['One.', 'Two.', 'Three.']);
    own.recordings.change('verdi', 'opening', { state: 'deleted' });
    expect(await own.words()).toEqual([]);
  });

  test('with a token of the room see which talks there are, and nothing that waits for an organizer', async () => {
    await comes(whisper, talkOf(whisper, [segment(0, 'Invented.')], { canonical: false }));
    const { token } = own.api.tokens.create('verdi', 'read', '');
    for (const at of [path, '/api/rooms/verdi/canonical'])
      expect((await own.api.ask('GET', at, undefined, token)).status).toBe(403);
    const { status, text } = await own.api.ask('GET', '/api/rooms/verdi/transcripts', undefined, token);
    expect([status, text]).toEqual([200, '{"room":"verdi","talks":[]}']);
  });

  test('get word times with redacted words alone', async () => {
    const words = [
      { w: '[card]', start_ms: 0, end_ms: 900, conf: null },
      { w: 'please', start_ms: 900, end_ms: 1500, conf: 0.5 },
    ];
    await comes(
      parakeet,
      talkOf(parakeet, [segment(0, '4111 1111 1111 1111 please', { text_redacted: '[card] please', words })]),
    );
    const { text } = await own.api.ask('GET', '/api/rooms/verdi/transcript.json?talk=opening&words=1');
    expect(text).toContain(`["[card]",${startMs},${startMs + 900}]`);
    expect(text).not.toContain('4111');
    expect(JSON.stringify(await view())).not.toContain('4111');
    expect(JSON.stringify(own.rooms.db.prepare('SELECT * FROM canonical_segments').all())).not.toContain('4111');
  });
});
