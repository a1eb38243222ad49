import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import type { NewCaption } from '../relay/captions.ts';
import { directionOf, linesOf } from '../relay/now-lines.ts';
import { TestApi } from './harness/api.ts';
import { adminSecret } from './harness/doors.ts';
import type { FakeRoom } from './harness/fake-rooms.ts';

const openApi = z.object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) }).parse;
const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const lettersOf = (text: string) => [...segmenter.segment(text)].length;
const nine = Date.UTC(2026, 11, 1, 9);

describe('lines', () => {
  test('break at spaces, and hold as many letters as they may', () => {
    expect(linesOf('we begin with the first talk', 12)).toEqual(['we begin', 'with the', 'first talk']);
    expect(linesOf('aaa bbb ccc', 7)).toEqual(['aaa bbb', 'ccc']);
    expect(linesOf('aaa bbb ccc', 8)).toEqual(['aaa bbb', 'ccc']);
    expect(linesOf('  a \t b  ', 8)).toEqual(['a b']);
    expect(linesOf('', 8)).toEqual([]);
  });

  test('cut a word that is longer, between letters as people see them', () => {
    expect(linesOf('x abcdefghijkl y', 8)).toEqual(['x', 'abcdefgh', 'ijkl y']);
    expect(linesOf('これは字幕のてすとです', 8)).toEqual(['これは字幕のてす', 'とです']);
    expect(linesOf('👩‍👩‍👧'.repeat(9), 8)).toEqual(['👩‍👩‍👧'.repeat(8), '👩‍👩‍👧']);
    expect(linesOf('e\u0301'.repeat(9), 8)).toEqual(['e\u0301'.repeat(8), 'e\u0301']);
  });

  test('hold nothing that breaks a line, turns others around or is without end', () => {
    expect(linesOf('a\nb\rc\u2028d\u0000e\u0085f', 20)).toEqual(['a b c d e f']);
    expect(linesOf('\u202eabc\u2066d', 20)).toEqual(['abcd']);
    for (const flood of ['x'.repeat(100_000), '\u200d'.repeat(100_000), 'a\u0301\u0302'.repeat(50_000), '\ud800'])
      for (const line of linesOf(flood, 42)) expect(line.length).toBeLessThanOrEqual(42 * 32);
  });

  test('lose and add no letter, and are never too long', () => {
    const words = fc.array(fc.oneof(fc.string({ unit: 'grapheme' }), fc.lorem({ maxCount: 3 })), { maxLength: 20 });
    fc.assert(
      fc.property(words, fc.integer({ min: 8, max: 80 }), (said, width) => {
        const text = said.join(' ').replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '');
        const lines = linesOf(text, width);
        expect(lines.join('').replace(/\s/g, '')).toBe(text.replace(/\s/g, ''));
        for (const line of lines) {
          expect(line.trim()).toBe(line);
          expect(lettersOf(line)).toBeLessThanOrEqual(width);
        }
      }),
    );
  });

  test('begin at the right in scripts that do', () => {
    const right = ['ar', 'he-IL', 'fa', 'ur-PK', 'pa-PK', 'az-Arab', 'dv', 'ckb'];
    const left = ['en-US', 'it', 'zh-CN', 'az', 'pa-IN', '', 'no language'];
    expect(right.map(directionOf)).toEqual(right.map(() => 'rtl'));
    expect(left.map(directionOf)).toEqual(left.map(() => 'ltr'));
  });
});

describe('now.txt and now.json', () => {
  let api: TestApi;
  let room: FakeRoom;
  let read: string;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'], now: nine });
    api = new TestApi();
    room = api.rooms.put('verdi', { title: 'Sala Verdi', language: 'it-IT' });
    read = api.tokens.create('verdi', 'read', '').token;
  });
  afterEach(() => {
    vi.useRealTimers();
    api.rooms.remove();
  });

  /** A caption that was spoken right before. */
  const say = (text: string, fields: Partial<NewCaption> = {}) =>
    room.say(text, { start: Date.now() - 1000, end: Date.now(), ...fields });
  const get = (what: string, headers: Record<string, string> = {}, method = 'GET') =>
    api.app.request(`/api/rooms/verdi/${what}`, { method, headers });
  const text = async (query = '') => (await get(`now.txt?token=${read}${query}`)).text();
  const view = async (query = '') => (await get(`now.json?token=${read}${query}`)).json();

  test('the last lines of what is on the screen, as text and as JSON', async () => {
    expect(await text()).toBe('');
    say('We begin with a talk about the history of captions.');
    say('Welcome.', { language: 'en-US' });
    expect(await text()).toBe('captions.\r\nWelcome.');
    expect(await text('&lines=1')).toBe('Welcome.');
    expect(await text('&lines=10&letters=80')).toBe('We begin with a talk about the history of captions.\r\nWelcome.');
    const talk = { id: 'k', title: 'Keynote', speakers: ['Ada'], start: nine, end: nine + 1000 };
    room.give(talk);
    room.become('delayed', 'Captions are delayed.');
    expect(await view()).toEqual({
      ...{ room: 'verdi', title: 'Sala Verdi', talk, state: 'delayed', message: 'Captions are delayed.' },
      ...{ text: 'captions.\nWelcome.', lines: ['captions.', 'Welcome.'] },
      ...{ language: 'en-US', dir: 'ltr', seq: 2, at: nine },
    });
  });

  test('before the first word there is the room’s language and no time', async () => {
    expect(await view()).toMatchObject({ text: '', lines: [], language: 'it-IT', seq: 0, at: null, talk: null });
    say('مرحبا', { language: 'ar-SA' });
    expect(await view()).toMatchObject({ language: 'ar-SA', dir: 'rtl' });
  });

  test('a line that was given stays as it is while others come', async () => {
    const captions = fc.array(fc.lorem({ maxCount: 30 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(captions, fc.integer({ min: 8, max: 80 }), async (said, letters) => {
        const lines = async (): Promise<string[]> => (await view(`&lines=10&letters=${letters}`)).lines;
        let before = await lines();
        for (const caption of said) {
          say(caption);
          const after = await lines();
          const added = linesOf(caption, letters).slice(-10);
          expect(after).toEqual([...before, ...added].slice(-10));
          before = after;
        }
        room.clear();
        expect(await lines()).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  test('a caption that is corrected or hidden is at once as it is now, also hidden again', async () => {
    say('One.');
    const wrong = say('Tow.');
    expect(await text('&lines=3')).toBe('One.\r\nTow.');
    room.amend(wrong.seq, 'Two.');
    expect(await text('&lines=3')).toBe('One.\r\nTwo.');
    room.amend(wrong.seq, null);
    expect(await text('&lines=3')).toBe('One.');
    room.amend(wrong.seq, 'Two!');
    expect(await text('&lines=3')).toBe('One.\r\nTwo!');
  });

  test('what was hidden or cleared before anyone asked does not come back', async () => {
    say('Cleared.');
    room.clear();
    const hidden = say('Hidden.');
    const corrected = say('Wrong.');
    room.amend(hidden.seq, null);
    room.amend(corrected.seq, 'Right.');
    expect(await text('&lines=10')).toBe('Right.');
  });

  test('late captions are not shown', async () => {
    say('Now.');
    say('Long ago.', { late: true });
    expect(await text('&lines=10')).toBe('Now.');
  });

  test('a clear empties it; so does a pause, after which it begins anew', async () => {
    say('Before.');
    room.clear();
    expect(await text()).toBe('');
    say('Spoken on the record.');
    api.rooms.pause('verdi', true);
    expect(await text()).toBe('');
    say('Its last words.');
    expect(await text()).toBe('');
    expect(await view()).toMatchObject({ text: '', state: 'paused' });
    api.rooms.pause('verdi', false);
    expect(await text()).toBe('');
    say('On again.');
    expect(await text()).toBe('On again.');
  });

  test('a room that was paused before anyone asked shows nothing', async () => {
    say('Before.');
    api.rooms.pause('verdi', true);
    say('Its last words.');
    expect(await text()).toBe('');
  });

  test('after thirty seconds without words it is empty, or after as many as are asked for, or never', async () => {
    say('Words.');
    vi.advanceTimersByTime(29_999);
    expect(await text()).toBe('Words.');
    vi.advanceTimersByTime(1);
    expect(await text()).toBe('');
    expect(await view()).toMatchObject({ lines: [], at: nine + 30_000 });
    expect(await text('&hold=60')).toBe('Words.');
    vi.advanceTimersByTime(86_400_000);
    expect(await text('&hold=0')).toBe('Words.');
    say('More.');
    expect(await text()).toBe('Words.\r\nMore.');
  });

  test('a clock that is set neither brings old words back nor takes new ones away', async () => {
    say('Words.');
    await text();
    say('Newer.');
    vi.setSystemTime(nine - 86_400_000);
    expect(await text()).toContain('Newer.');
    vi.advanceTimersByTime(30_000);
    expect(await text()).toBe('');
    vi.setSystemTime(nine);
    expect(await text()).toBe('');
  });

  test('words from before the relay’s start are as old as they are', async () => {
    say('An hour ago.', { start: nine - 3_601_000, end: nine - 3_600_000 });
    expect(await text()).toBe('');
    expect(await text('&hold=7200')).toBe('An hour ago.');
  });

  test('it says when it has not changed', async () => {
    say('Words.');
    for (const what of ['now.txt', 'now.json']) {
      const first = await get(`${what}?token=${read}`);
      const etag = first.headers.get('etag') ?? '';
      expect(etag).toMatch(/^"[\w-]{22}"$/);
      vi.advanceTimersByTime(1000);
      for (const known of [etag, `"other", W/${etag}`, '*']) {
        const again = await get(`${what}?token=${read}`, { 'if-none-match': known });
        expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
        expect(again.headers.get('cache-control')).toBe('no-store');
      }
      say('More.');
      const changed = await get(`${what}?token=${read}`, { 'if-none-match': etag });
      expect(changed.status).toBe(200);
      expect(changed.headers.get('etag')).not.toBe(etag);
    }
  });

  test('it is UTF-8 that says so, is not kept, and any page may ask', async () => {
    say('Perché no?');
    const answer = await get(`now.txt?token=${read}`, { origin: 'https://mixer.example' });
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(Buffer.from('Perché no?', 'utf8'));
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
    const refused = await get('now.json?token=wrong', { origin: 'https://mixer.example' });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, '*']);
    const asked = { origin: 'https://mixer.example', 'access-control-request-headers': 'authorization' };
    const preflight = await get('now.json', { ...asked, 'access-control-request-method': 'GET' }, 'OPTIONS');
    expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([
      204,
      'authorization,if-none-match',
    ]);
    expect((await get(`now.txt?token=${read}`, {}, 'POST')).status).toBe(405);
  });

  test('the address takes a read token of this room and no other; a header takes what it always does', async () => {
    const status = async (query: string, headers: Record<string, string> = {}) =>
      (await get(`now.txt${query}`, headers)).status;
    const publish = api.tokens.create('verdi', 'publish', '').token;
    api.rooms.put('rossi');
    const other = api.tokens.create('rossi', 'read', '').token;
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    expect(await status(`?token=${read}`)).toBe(200);
    expect(await status(`?token=${publish}`)).toBe(403);
    expect(await status(`?token=${other}`)).toBe(403);
    expect(await status(`?token=${adminSecret}`)).toBe(401);
    expect(await status('?token=')).toBe(401);
    expect(await status('')).toBe(401);
    expect(await status('', bearer(read))).toBe(200);
    expect(await status('', bearer(adminSecret))).toBe(200);
    expect(await status(`?token=${read}`, bearer('wrong'))).toBe(401);
    api.rooms.put('verdi', { public: true });
    expect(await status('')).toBe(200);
  });

  test('a token that was revoked opens it no more', async () => {
    const { id, token } = api.tokens.create('verdi', 'read', 'sign');
    expect((await get(`now.txt?token=${token}`)).status).toBe(200);
    api.tokens.delete('verdi', id);
    expect((await get(`now.txt?token=${token}`)).status).toBe(401);
  });

  test('all that is wrong in the address is told, and nothing of what it says', async () => {
    const answer = await get(`now.json?token=${read}&lines=0&letters=7&hold=-1&${read}=1&hold-on=${read}`);
    expect(answer.status).toBe(400);
    const body = await answer.text();
    for (const name of ['lines', 'letters', 'hold']) expect(body).toContain(name);
    expect(body).not.toContain(read);
    for (const query of ['lines=11', 'lines=x', 'lines=1.5', 'letters=81', 'hold=86401', 'lines=1&lines=2'])
      expect((await get(`now.txt?token=${read}&${query}`)).status, query).toBe(400);
  });

  test('a room that was deleted and made again begins with nothing', async () => {
    say('Words.');
    await text();
    await api.rooms.delete('verdi');
    expect(room.listeners).toBe(0);
    api.rooms.put('verdi');
    read = api.tokens.create('verdi', 'read', '').token;
    expect(await text()).toBe('');
  });

  test('it is answered from memory: after the first time the log is not read any more', async () => {
    say('Words.');
    await text();
    const after = vi.spyOn(room.log, 'after');
    for (let i = 0; i < 20; i++) {
      say(`More ${i}.`);
      await text();
      await view();
    }
    expect(after).not.toHaveBeenCalled();
    expect(room.listeners).toBe(1);
  });
});

test('no other call takes a token from the address', async () => {
  const api = new TestApi();
  try {
    api.rooms.put('verdi');
    const { token } = api.tokens.create('verdi', 'read', '');
    const { body } = await api.ask('GET', '/openapi.json');
    const isOpen = /^\/(healthz|readyz|metrics-|api\/session$)|\/(audio|captions)$/; // no token at all, or a WebSocket
    const { paths } = openApi(body);
    const asked = Object.entries(paths).flatMap(([path, calls]) =>
      Object.keys(calls).map((method) => ({ method: method.toUpperCase(), path: path.replace('{room}', 'verdi') })),
    );
    const taking: string[] = [];
    for (const { method, path } of asked.filter(({ path: each }) => !isOpen.test(each)))
      for (const secret of [token, adminSecret]) {
        const address = `${path.replace(/\{\w+\}/g, '1')}?token=${secret}&access_token=${secret}`;
        const hasBody = method === 'PUT' || method === 'POST';
        const kit = path === '/api/enrolment' ? { key: `kit_${'0'.repeat(12)}_${'A'.repeat(43)}`, version: '1' } : {};
        const { status } = await api.ask(method, address, hasBody ? kit : undefined, null);
        if (status !== 401) taking.push(`${method} ${path} ${status} ${secret === token ? 'read' : 'admin'}`);
      }
    expect(asked.length).toBeGreaterThan(20);
    expect(taking).toEqual(['GET /api/rooms/verdi/now.txt 200 read', 'GET /api/rooms/verdi/now.json 200 read']);
  } finally {
    api.rooms.remove();
  }
});
