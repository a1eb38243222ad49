// About 6 s: Debian's ClickHouse starts in less than one. In the long form also on ClickHouse's engine of today.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Recording } from '../relay/archive/recordings.ts';
import { ClickHouse } from '../relay/sink/clickhouse.ts';
import { RelayTalks } from '../relay/sink/relay-talks.ts';
import { segmentRows } from '../relay/sink/rows.ts';
import { Sink } from '../relay/sink/sink.ts';
import { SinkWatch } from '../relay/sink/watch.ts';
import type { SpokenCaption } from '../relay/transcript.ts';
import { CanonicalRelay, segment, startMs, talkOf } from './harness/canonical-relay.ts';
import { identity } from './harness/canonical-run.ts';
import { ClickHouseServer, debianClickHouse, hasClickHouse, modernClickHouse } from './harness/clickhouse.ts';
import { captureLog } from './harness/doors.ts';
import { LeapingClock } from './harness/leaping-clock.ts';
import { isLong } from './harness/lengths.ts';
import { redactionCorpus } from './harness/redaction-corpus.ts';
import { secretsIn } from './harness/secret-search.ts';

const hourMs = 3_600_000;

/** The tables for a server of today, by their statements. */
const production = readFileSync(new URL('../relay/sink/production.sql', import.meta.url), 'utf8')
  .replaceAll(/^--.*$/gm, '')
  .split(';')
  .filter((statement) => statement.trim() !== '');
const kinds: { name: string; kind: typeof debianClickHouse; tables: readonly string[] }[] = [
  ...(hasClickHouse ? [{ name: 'Debian’s ClickHouse', kind: debianClickHouse, tables: [] }] : []),
  ...(isLong ? [{ name: 'a ClickHouse of today', kind: modernClickHouse, tables: [] }] : []),
  ...(isLong ? [{ name: 'tables of production.sql', kind: modernClickHouse, tables: production }] : []),
];

describe.each(kinds)('the sink and $name', ({ kind, tables }) => {
  let server: ClickHouseServer;
  let relay: CanonicalRelay;
  let clock: LeapingClock;
  let sink: Sink;
  let watch: SinkWatch;
  let warehouse: ClickHouse;
  let event = 0;
  const { log } = captureLog();

  const say = (text: string, atMs: number, language = 'en-US') =>
    relay.room.say(text, { start: startMs + atMs, end: startMs + atMs + 1000, language });
  const sent = async () => {
    await watch.look();
    await clock.leapUntil(() => sink.state.waiting === 0);
  };
  const view = async () =>
    (
      await server.query<{ text: string }>(
        `SELECT text FROM canonical WHERE event = 'e${event}' ORDER BY room, talk_id, start_ms, seq`,
      )
    ).map(({ text }) => text);
  const raw = async () => {
    const rows = await server.query<{ n: string }>(`SELECT count() AS n FROM segments WHERE event = 'e${event}'`);
    return Number(rows[0]?.n);
  };
  const publish = async (recording: Recording, texts: readonly string[]) => {
    const segments = texts.map((text, id) => segment(id, text));
    await relay.publish(identity(), talkOf(identity(), segments));
    relay.fetching.start();
    await expect.poll(() => relay.serving.served(recording) !== null, { timeout: 20_000 }).toBe(true);
  };

  beforeAll(async () => {
    server = await ClickHouseServer.start(kind);
    for (const table of tables) await server.run(table);
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    event += 1;
    relay = new CanonicalRelay({ random: () => 0 });
    clock = new LeapingClock(startMs + 24 * hourMs, () => 0.5);
    const { url, password } = server;
    warehouse = new ClickHouse({ url, password, database: 'default', user: 'default', sleep: (ms) => delay(ms) });
    const talks = new RelayTalks({
      ...{
        db: relay.rooms.db,
        event: `e${event}`,
        recordings: relay.recordings,
        serving: relay.serving,
        rooms: relay.rooms,
      },
      blocked: () => relay.textRules.rules.blocked,
    });
    sink = new Sink({ db: relay.rooms.db, warehouse, contents: talks, event: `e${event}`, log, clock });
    watch = new SinkWatch({ sink, talks, log, clock });
    sink.start();
  });
  afterEach(async () => {
    await watch.stop();
    await sink.stop();
    await relay.stop();
  });

  it('makes its tables, and its view has the live captions, then the canonical transcript, then again the live ones', async () => {
    say("hello 'there' \\ \t", 0);
    const recording = relay.record();
    await sent();
    expect(await view()).toEqual(["hello 'there' \\ \t"]);
    await publish(recording, ['Hello there.', 'Grüße, 世界 👋']);
    await sent();
    expect(await view()).toEqual(['Hello there.', 'Grüße, 世界 👋']);
    relay.fetched.choose('verdi', 'opening', { kind: 'live' });
    await sent();
    expect(await view()).toEqual(["hello 'there' \\ \t"]);
  });

  it('shows nothing twice that was sent twice, before rows are merged and after it', async () => {
    say('one', 0);
    say('two', 2000);
    relay.record();
    await sent();
    const talk = { event: `e${event}`, room: 'verdi', talk: 'opening', roomTitle: '', title: '', redact: false };
    const revision = Number(
      (await server.query<{ r: string }>(`SELECT live_revision AS r FROM talks FINAL WHERE event = 'e${event}'`))[0]?.r,
    );
    const { captions } = relay.room.log.spoken.whole({});
    const rows = await segmentRows({ ...talk, startMs, endMs: startMs }, 'live', revision, captions);
    await warehouse.insertSegments(rows);
    await warehouse.insertSegments(rows);
    expect(await raw()).toBeGreaterThan(2);
    expect(await view()).toEqual(['one', 'two']);
    await server.run('OPTIMIZE TABLE segments FINAL');
    expect(await raw()).toBe(2);
    expect(await view()).toEqual(['one', 'two']);
  });

  it('loses nothing while the server is down for an hour, and was killed with a talk under way', async () => {
    say('before', 0);
    relay.record();
    await sent();
    await server.kill();
    relay.room.amend(1, 'after');
    relay.record({ ...identity(), talk: 'closing' }, { title: 'Closing' });
    await watch.look();
    const downMs = clock.now();
    await clock.leapUntil(() => clock.now() > downMs + hourMs);
    expect(sink.state).toMatchObject({ waiting: 2, error: { code: 'sink-away' } });
    await server.start();
    expect(await view()).toEqual(['before']);
    await clock.leapUntil(() => sink.state.waiting === 0);
    expect(await view()).toEqual(['after', 'after']);
  });

  it('makes its tables anew on a server that has lost them', async () => {
    say('hello', 0);
    const recording = relay.record();
    await sent();
    for (const name of ['canonical', 'segments', 'talks']) await server.run(`DROP TABLE ${name}`);
    relay.recordings.put({ ...recording, title: 'Another' });
    await sent();
    expect(await view()).toEqual(['hello']);
  });

  it('leaves nothing of a talk that was deleted, nor of what was hidden', async () => {
    const first = say('keep this', 0);
    say('hide this', 2000);
    const recording = relay.record();
    await sent();
    relay.room.amend(first.seq + 1, null);
    await sent();
    expect(await view()).toEqual(['keep this']);
    expect(await raw()).toBe(1);
    relay.recordings.put({ ...recording, state: 'deleted' });
    await sent();
    expect(await view()).toEqual([]);
    expect(await raw()).toBe(0);
    // Neither its title: a row that took another's place lies beside it until the server merges them, which may be never.
    expect(await server.query(`SELECT title FROM talks WHERE title <> '' AND event = 'e${event}'`)).toEqual([]);
  });

  it('says who is refused, and holds no row or password in any word of it', async () => {
    const { url } = server;
    const stranger = new ClickHouse({
      url,
      password: 'wrong-secret',
      database: 'default',
      user: 'nobody',
      sleep: delay,
    });
    await expect(stranger.prepare()).rejects.toMatchObject({
      code: 'sink-refused',
      hint: expect.stringContaining('--clickhouse-user'),
    });
    await stranger.close();
    const talk = {
      event: 'x',
      room: 'verdi',
      talk: 'opening',
      roomTitle: '',
      title: '',
      redact: false,
      startMs,
      endMs: 0,
    };
    say('very private', 0);
    const rows = await segmentRows(talk, 'live', 1, relay.room.log.spoken.whole({}).captions);
    const spoilt = rows.map((row) => ({ ...row, words: -1.5 }));
    const error: unknown = await warehouse.insertSegments(spoilt).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'sink-answer' });
    expect(`${JSON.stringify(error)} ${String(error)} ${error instanceof Error && error.stack}`).not.toMatch(/private/);
  });

  it('brings no secret of the corpus to the rows or the log of the server where a room redacts', async () => {
    const captions = redactionCorpus().private.map(({ text, language }, seq): SpokenCaption => {
      const [start, end] = [startMs + seq * 1000, startMs + seq * 1000 + 900];
      const told = { stream: 'recording/opening', from: 0, to: 0, speaker: null, late: false } as const;
      const caption = { ...told, type: 'caption', seq, final: true, text, language, start, end } as const;
      return { caption, words: [], isAmended: false };
    });
    const secrets = redactionCorpus().private.flatMap((item) => item.secrets.map(({ text }) => text));
    const talk = {
      event: `e${event}`,
      room: 'verdi',
      talk: 'opening',
      roomTitle: '',
      title: '',
      startMs,
      endMs: startMs,
    };
    const rows = () => server.query(`SELECT * FROM segments WHERE event = 'e${event}'`);
    await warehouse.prepare();
    await warehouse.insertSegments(await segmentRows({ ...talk, redact: true }, 'live', 1, captions));
    expect(await rows()).toHaveLength(captions.length);
    expect(secretsIn(JSON.stringify(await rows()), secrets)).toEqual([]);
    // Its rows lie there compressed; its logs and what else it writes do not.
    const files = server.files();
    expect(secrets.filter((secret) => files.includes(secret))).toEqual([]);
    // The search would see them: without redaction they are all there.
    await warehouse.insertSegments(await segmentRows({ ...talk, redact: false }, 'live', 2, captions));
    const open = secretsIn(JSON.stringify(await rows()), secrets);
    expect(new Set(open.map(({ secret }) => secret))).toEqual(new Set(secrets));
  });

  it('has example queries that work', async () => {
    say('hello to you all', 0);
    const recording = relay.record();
    await publish(recording, ['Hello to you all.', 'Welcome.']);
    await sent();
    const readme = readFileSync(new URL('../relay/sink/README.md', import.meta.url), 'utf8');
    const queries = [...readme.matchAll(/```sql\n([^`]*)```/g)].map(([, sql = '']) => sql);
    expect(queries).toHaveLength(4);
    const [words, delays, compared] = await Promise.all(
      queries.map((sql) => server.query<Record<string, unknown>>(sql)),
    );
    expect(words?.find(({ said }) => Number(said) === 5)).toMatchObject({ talk_id: 'opening', title: 'Opening' });
    expect(delays?.[0]).toMatchObject({ room: 'verdi' });
    expect(compared?.some(({ live, canonical }) => Number(live) === 4 && Number(canonical) === 5)).toBe(true);
  });
});

it.runIf(!hasClickHouse)('was not tried with a real ClickHouse: this system has none', () => {
  console.warn('no clickhouse-server: provisioning/setup.sh unpacks it where the system has it');
  expect(hasClickHouse).toBe(false);
});
