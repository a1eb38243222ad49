import { once } from 'node:events';
import { createServer, get } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { bodyOf } from '../relay/transcript-body.ts';
import { TranscriptTurns } from '../relay/transcript-turns.ts';
import { TestApi } from './harness/api.ts';
import { adminSecret } from './harness/doors.ts';
import type { FakeRoom } from './harness/fake-rooms.ts';

const authorization = `Bearer ${adminSecret}`;
const opened: TestApi[] = [];

function api(turns?: TranscriptTurns): TestApi {
  const made = new TestApi(turns ? { turns } : {});
  opened.push(made);
  return made;
}

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const each of opened.splice(0)) each.rooms.remove();
});

function talk(room: FakeRoom, captions: number, text = 'so this is what was said in the room at that moment'): void {
  for (let i = 1; i <= captions; i++) room.say(`n${i} ${text}`, { start: i * 5000, end: i * 5000 + 4500 });
}

const bodyReader = (response: Response) => {
  const reader = response.body?.getReader();
  if (!reader) throw new Error('an answer without a body');
  const decoder = new TextDecoder();
  const next = async () => decoder.decode((await reader.read()).value, { stream: true });
  const rest = async () => {
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += decoder.decode(value, { stream: true });
    }
  };
  return { next, rest, cancel: () => reader.cancel() };
};

async function serve({ app }: TestApi): Promise<{ port: number; close: () => void }> {
  const server = createServer(getRequestListener(app.fetch)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return { port, close: () => server.close() };
}

const read = (from: TestApi, path: string, method = 'GET') =>
  from.app.request(path, { method, headers: { authorization } });

describe('pages of history', () => {
  test('lead back to the first caption and forth to the last', async () => {
    const own = api();
    const room = own.rooms.put('verdi');
    for (let i = 0; i < 25; i++) room.say(`at ${i}`, { start: Math.floor(i / 3) * 1000, end: 60_000 });
    room.say('late', { start: 500, end: 900, late: true });
    const all = room.log.transcript({}).map(({ seq }) => seq);
    for (const [parameter, edge, first] of [
      ['spokenBefore', 0, ''],
      ['spokenAfter', -1, '&spokenAfter=-1,0'],
    ] as const) {
      const found: number[] = [];
      for (let query: string = first; ; ) {
        const { body } = await own.ask('GET', `/api/rooms/verdi/transcript.json?limit=4${query}`);
        const { captions, truncated }: { captions: { seq: number; start: number }[]; truncated: boolean } = JSON.parse(
          JSON.stringify(body),
        );
        found.splice(parameter === 'spokenBefore' ? 0 : found.length, 0, ...captions.map(({ seq }) => seq));
        const last = captions.at(edge);
        if (!truncated || !last) break;
        query = `&${parameter}=${last.start},${last.seq}`;
      }
      expect(found).toEqual(all);
    }
  });

  test.each(['spokenBefore=5', 'spokenAfter=1,two', 'spokenBefore=1,2,3', 'words=perhaps', 'limit=1.5', 'download=x'])(
    'what cannot be understood is refused: %s',
    async (query) => {
      const own = api();
      own.rooms.put('verdi');
      expect(await own.ask('GET', `/api/rooms/verdi/transcript.json?${query}`)).toMatchObject({
        status: 400,
        body: { error: { code: 'invalid' } },
      });
    },
  );

  test('have the times of words where asked for', async () => {
    const own = api();
    const room = own.rooms.put('verdi');
    const { seq: _, ...said } = room.say('one');
    room.log.append(said, [['one', 0, 400]]);
    const captions = async (query: string) => (await own.ask('GET', `/api/rooms/verdi/transcript.json${query}`)).body;
    expect(await captions('?words=true')).toMatchObject({ captions: [{ words: [] }, { words: [['one', 0, 400]] }] });
    expect(await captions('?words=true&limit=1')).toMatchObject({ captions: [{ words: [['one', 0, 400]] }] });
    expect(JSON.stringify(await captions(''))).not.toContain('words');
  });
});

describe('a file', () => {
  test('has a name to be saved under: room and day', async () => {
    const own = api();
    own.rooms.put('rossini');
    own.rooms
      .put('verdi')
      .say('Good morning', { start: Date.UTC(2026, 10, 21, 9), end: Date.UTC(2026, 10, 21, 9, 0, 2) });
    const name = async (path: string) => (await read(own, `/api/rooms/${path}`)).headers.get('content-disposition');
    expect(await name('verdi/transcript.vtt')).toBe('inline; filename="verdi-2026-11-21.vtt"');
    expect(await name('verdi/transcript.txt?download=1')).toBe('attachment; filename="verdi-2026-11-21.txt"');
    expect(await name('verdi/transcript.json?download=true')).toBe('attachment; filename="verdi-2026-11-21.json"');
    expect(await name('verdi/transcript.json?limit=1&download=1')).toBe('attachment; filename="verdi-2026-11-21.json"');
    expect(await name('rossini/transcript.srt?download=1')).toBe('attachment; filename="rossini.srt"');
  });

  test.each(['json', 'vtt', 'srt', 'txt'])('of more captions than were ever allowed is whole: %s', async (ending) => {
    const own = api();
    const room = own.rooms.put('verdi');
    own.rooms.db.transaction(() => talk(room, 1200))();
    const { text, headers } = await own.ask('GET', `/api/rooms/verdi/transcript.${ending}`);
    expect(headers.get('x-sala-truncated')).toBeNull();
    const numbers = [...text.matchAll(/n(\d+)/g)].map(([, number]) => Number(number));
    expect(numbers).toEqual(Array.from({ length: 1200 }, (_, i) => i + 1));
    if (ending === 'json') expect(JSON.parse(text)).toMatchObject({ room: 'verdi', truncated: false });
  });

  test.each(['json', 'vtt', 'srt', 'txt'])('is written while it is read: %s', async (ending) => {
    const own = api();
    const room = own.rooms.put('verdi');
    own.rooms.db.transaction(() => talk(room, 1200))();
    const body = bodyReader(await read(own, `/api/rooms/verdi/transcript.${ending}`));
    const first = await body.next();
    expect(first.length).toBeLessThan(100_000);
    room.amend(1200, 'corrected meanwhile');
    room.amend(1199, null);
    room.say('said meanwhile', { start: 9_000_000, end: 9_001_000 });
    room.say('late', { start: 1, end: 2, late: true });
    const text = first + (await body.rest());
    expect(text).toContain('corrected meanwhile');
    expect(text).not.toContain('n1199');
    expect(text).toContain('said meanwhile');
    expect(text).not.toContain('late,');
    if (ending === 'json') expect(JSON.parse(text).captions).toHaveLength(1200);
  });

  test('breaks off where the room is deleted meanwhile, and never looks whole', async () => {
    const own = api();
    talk(own.rooms.put('verdi'), 1200);
    const body = bodyReader(await read(own, '/api/rooms/verdi/transcript.txt'));
    await body.next();
    await own.rooms.delete('verdi');
    await expect(body.rest()).rejects.toThrow('deleted');
  });
});

describe('who reads', () => {
  test('has a turn until the end, or until it goes away; HEAD and a page of history need none', async () => {
    const turns = new TranscriptTurns();
    const own = api(turns);
    talk(own.rooms.put('verdi'), 1200);
    const whole = bodyReader(await read(own, '/api/rooms/verdi/transcript.vtt'));
    const left = bodyReader(await read(own, '/api/rooms/verdi/transcript.json'));
    await left.next();
    expect(turns.taken).toBe(2);
    await read(own, '/api/rooms/verdi/transcript.json?limit=200');
    expect((await read(own, '/api/rooms/verdi/transcript.vtt', 'HEAD')).status).toBe(200);
    expect(turns.taken).toBe(2);
    await left.cancel();
    expect(turns.taken).toBe(1);
    await whole.rest();
    expect(turns.taken).toBe(0);
  });

  test('waits a moment where others read, each room no more than half; then it is told to come back', async () => {
    const turns = new TranscriptTurns({ maxTranscripts: 4, maxWaiting: 2, maxWaitMs: 200 });
    const own = api(turns);
    for (const room of ['verdi', 'rossini']) talk(own.rooms.put(room), 400);
    const [first, second] = [
      bodyReader(await read(own, '/api/rooms/verdi/transcript.vtt')),
      bodyReader(await read(own, '/api/rooms/verdi/transcript.vtt')),
    ];
    const third = read(own, '/api/rooms/verdi/transcript.vtt');
    // Another room has places of its own.
    const other = bodyReader(await read(own, '/api/rooms/rossini/transcript.vtt'));
    await first.cancel();
    expect((await third).status).toBe(200);
    const fourth = await own.ask('GET', '/api/rooms/verdi/transcript.vtt');
    expect(fourth).toMatchObject({ status: 503, body: { error: { code: 'transcripts-busy' } } });
    expect(Number(fourth.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(turns.refused).toBe(1);
    const metrics = await own.metrics.text();
    expect(metrics).toMatch(/^sala_transcripts 3$/m);
    expect(metrics).toMatch(/^sala_transcripts_refused_total 1$/m);
    const waiting = [1, 2].map(() => own.ask('GET', '/api/rooms/verdi/transcript.vtt'));
    await expect.poll(() => turns.waiting).toBe(2);
    expect((await own.ask('GET', '/api/rooms/verdi/transcript.vtt')).status).toBe(503);
    for (const { status } of await Promise.all(waiting)) expect(status).toBe(503);
    await second.cancel();
    await other.cancel();
  });

  test('and takes nothing keeps nobody waiting: captions are written, pages answered, and its turn ends with it', async () => {
    const turns = new TranscriptTurns();
    const own = api(turns);
    const room = own.rooms.put('verdi');
    own.rooms.db.transaction(() => talk(room, 4000, 'words '.repeat(400)))();
    const { port, close } = await serve(own);
    const request = get({ port, path: '/api/rooms/verdi/transcript.json', headers: { authorization } });
    const [response] = await once(request, 'response');
    response.pause();
    await expect.poll(() => turns.taken).toBe(1);
    room.say('written all the same');
    expect(
      (await fetch(`http://127.0.0.1:${port}/api/rooms/verdi/transcript.json?limit=1`, { headers: { authorization } }))
        .status,
    ).toBe(200);
    request.destroy();
    await expect.poll(() => turns.taken).toBe(0);
    close();
  });

  test.each(['the room is deleted', 'the disk fails'])(
    'a file that breaks off as %s ends its connection, and nothing else',
    async (reason) => {
      const printed = (['info', 'log', 'error'] as const).map((level) => vi.spyOn(console, level));
      const turns = new TranscriptTurns();
      const own = api(turns);
      const room = own.rooms.put('verdi');
      own.rooms.put('rossini');
      own.rooms.db.transaction(() => talk(room, 1000, 'words '.repeat(1600)))();
      const pages = room.log.spoken.pages.bind(room.log.spoken);
      let isBroken = false;
      vi.spyOn(room.log.spoken, 'pages').mockImplementation(function* (query) {
        for (const page of pages(query)) {
          if (isBroken) throw new Error('no disk');
          yield page;
        }
        return false;
      });
      const { port, close } = await serve(own);
      const path = '/api/rooms/verdi/transcript.txt';
      const [response] = await once(get({ port, path, headers: { authorization } }), 'response');
      response.pause();
      await expect.poll(() => turns.taken).toBe(1);
      if (reason === 'the disk fails') isBroken = true;
      else await own.rooms.delete('verdi');
      let end = '';
      response.on('data', (bytes: Buffer) => {
        end = `${end}${bytes}`.slice(-100);
      });
      response.resume();
      const [fault] = await once(response, 'error');
      expect(fault).toMatchObject({ code: 'ECONNRESET' });
      expect(end).toMatch(/^[n\d words]*$/);
      await expect.poll(() => turns.taken).toBe(0);
      const other = `http://127.0.0.1:${port}/api/rooms/rossini/transcript.txt`;
      expect((await fetch(other, { headers: { authorization } })).status).toBe(200);
      close();
      // What is to be told is a line of the log, and an operator need not know of a room that is gone.
      expect(printed.flatMap(({ mock }) => mock.calls)).toEqual([]);
      expect(own.lines.map((line) => JSON.parse(line).err?.message)).toEqual(isBroken ? ['no disk'] : []);
    },
  );
});

describe('a body', () => {
  function* steps(count: number): Generator<string, void> {
    for (let i = 0; i < count; i++) yield 'x'.repeat(16_384);
  }
  const limits = { maxStallMs: 1000, maxTotalMs: 5000 };
  const begin = () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const release = vi.fn();
    const made = bodyOf(steps(1000), { turns: new TranscriptTurns(), release }, limits);
    return { release, reader: made.getReader() };
  };

  test('that nobody takes is cut off', async () => {
    const { release, reader } = begin();
    await reader.read();
    vi.advanceTimersByTime(999);
    expect(release).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(release.mock.calls).toEqual([[true]]);
    await expect(reader.read()).rejects.toThrow('too slow');
  });

  test('that is taken slowly is cut off in the end', async () => {
    const { release, reader } = begin();
    for (let i = 0; i < 5; i++) {
      await reader.read();
      vi.advanceTimersByTime(900);
    }
    expect(release).not.toHaveBeenCalled();
    await reader.read();
    vi.advanceTimersByTime(500);
    expect(release).toHaveBeenCalledTimes(1);
    await expect(reader.read()).rejects.toThrow('too slow');
  });

  test('takes its steps in turn with the others, so that many at once hold nobody up longer than one', async () => {
    const turns = new TranscriptTurns();
    let turn = 0;
    let clock = setImmediate(function tick() {
      turn++;
      clock = setImmediate(tick);
    });
    const taken = new Map<number, number>();
    function* counted(): Generator<string, void> {
      for (let i = 0; i < 20; i++) {
        taken.set(turn, (taken.get(turn) ?? 0) + 1);
        yield 'x'.repeat(5000);
      }
    }
    const bodies = Array.from({ length: 20 }, () => new Response(bodyOf(counted(), { turns, release: () => {} })));
    const texts = await Promise.all(bodies.map((each) => each.text()));
    clearImmediate(clock);
    for (const text of texts) expect(text).toHaveLength(100_000);
    // Two where the first of a row comes after the clock and the next one before it.
    expect(Math.max(...taken.values())).toBeLessThanOrEqual(2);
  });

  test('whose text cannot be had fails, and ends its turn', async () => {
    const release = vi.fn();
    const body = bodyOf(
      // biome-ignore lint/correctness/useYield: it fails before the first
      (function* (): Generator<string, void> {
        throw new Error('no disk');
      })(),
      { turns: new TranscriptTurns(), release },
    );
    await expect(body.getReader().read()).rejects.toThrow('no disk');
    expect(release).toHaveBeenCalledTimes(1);
  });
});
