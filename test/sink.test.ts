// About 4 s. With a real server: sink-clickhouse.test.ts.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Warehouse } from '../relay/sink/clickhouse.ts';
import { sinkFigures, sinkTroubleOf } from '../relay/sink/figures.ts';
import { openSink } from '../relay/sink/opening.ts';
import { RelayTalks } from '../relay/sink/relay-talks.ts';
import type { SegmentRow, Source, TalkRow } from '../relay/sink/rows.ts';
import { Sink } from '../relay/sink/sink.ts';
import { SinkWatch } from '../relay/sink/watch.ts';
import { SalaError } from '../systemd/errors.ts';
import { CanonicalRelay, segment, startMs, talkOf } from './harness/canonical-relay.ts';
import { identity } from './harness/canonical-run.ts';
import { captureLog } from './harness/doors.ts';
import { LeapingClock } from './harness/leaping-clock.ts';

const dayMs = 86_400_000;
const away = () =>
  new SalaError('ClickHouse cannot be reached: ECONNREFUSED', { code: 'sink-away', hint: 'Start it.' });
const disliked = () => new SalaError('ClickHouse answers with its error 53.', { code: 'sink-answer', hint: 'Look.' });

/** Keeps rows as a ReplacingMergeTree does once it has merged, with faults on command. */
class MemoryWarehouse implements Warehouse {
  readonly segments = new Map<string, SegmentRow>();
  readonly talks = new Map<string, TalkRow>();
  readonly inserted: SegmentRow[] = [];
  /** Thrown by the next calls until it gives null; `lost`: after the call has worked. */
  fault: (call: string, talk: string) => Error | null = () => null;
  lost: (call: string) => Error | null = () => null;

  async prepare(): Promise<void> {
    await this.#call('prepare', '', () => undefined);
  }

  async insertSegments(rows: readonly SegmentRow[]): Promise<void> {
    await this.#call('segments', rows[0]?.talk_id ?? '', () => {
      for (const row of rows) {
        this.inserted.push(row);
        this.segments.set(JSON.stringify([row.room, row.talk_id, row.source, row.revision, row.seq]), row);
      }
    });
  }

  async insertTalk(row: TalkRow): Promise<void> {
    await this.#call('talk', row.talk_id, () => {
      const key = `${row.room}/${row.talk_id}`;
      if ((this.talks.get(key)?.version ?? 0) <= row.version) this.talks.set(key, row);
    });
  }

  async erase({ talk_id }: { talk_id: string }, only?: { source: Source; before: number }): Promise<void> {
    await this.#call('erase', talk_id, () => {
      for (const [key, row] of this.segments) {
        const isOld = !only || (row.source === only.source && row.revision < only.before);
        if (row.talk_id === talk_id && isOld) this.segments.delete(key);
      }
    });
  }

  async close(): Promise<void> {}

  /** The view. */
  canonical(): string[] {
    return [...this.segments.values()]
      .filter((row) => {
        const talk = this.talks.get(`${row.room}/${row.talk_id}`);
        if (!talk || talk.is_deleted === 1) return false;
        const [source, revision] =
          talk.is_canonical === 1 ? ['canonical', talk.canonical_revision] : ['live', talk.live_revision];
        return row.source === source && row.revision === revision;
      })
      .map(({ text }) => text);
  }

  async #call(call: string, talk: string, work: () => void): Promise<void> {
    await Promise.resolve();
    const fault = this.fault(call, talk);
    if (fault) throw fault;
    work();
    const lost = this.lost(call);
    if (lost) throw lost;
  }
}

describe('the sink', () => {
  let relay: CanonicalRelay;
  let clock: LeapingClock;
  let warehouse: MemoryWarehouse;
  let sink: Sink;
  let watch: SinkWatch;
  const { log, lines } = captureLog();

  const open = () => {
    const talks = new RelayTalks({
      ...{
        db: relay.rooms.db,
        event: 'conf',
        recordings: relay.recordings,
        serving: relay.serving,
        rooms: relay.rooms,
      },
      blocked: () => relay.textRules.rules.blocked,
    });
    sink = new Sink({ db: relay.rooms.db, warehouse, contents: talks, event: 'conf', log, clock });
    watch = new SinkWatch({ sink, talks, log, clock });
  };
  const say = (text: string, atMs: number) =>
    relay.room.say(text, { start: startMs + atMs, end: startMs + atMs + 1000 });
  const settled = () => clock.leapUntil(() => sink.state.waiting === 0);

  beforeEach(() => {
    relay = new CanonicalRelay({ random: () => 0 });
    clock = new LeapingClock(startMs + dayMs, () => 0.5);
    warehouse = new MemoryWarehouse();
    open();
  });
  afterEach(async () => {
    await watch.stop();
    await sink.stop();
    await relay.stop();
  });

  it('sends a talk when it has ended, and not before', async () => {
    say('hello', 0);
    relay.record(identity(), { state: 'running', toMs: null });
    sink.start();
    await watch.look();
    expect(sink.state.waiting).toBe(0);
    relay.record();
    await watch.look();
    await settled();
    expect(warehouse.canonical()).toEqual(['hello']);
    expect([...warehouse.segments.values()][0]).toMatchObject({
      ...{ event: 'conf', room: 'verdi', talk_id: 'opening', source: 'live', seq: 1, words: 1 },
      ...{ start_ms: startMs, end_ms: startMs + 1000, speaker: '', language: 'en-US' },
    });
    expect(warehouse.talks.get('verdi/opening')).toMatchObject({ title: 'Opening', is_canonical: 0, is_deleted: 0 });
  });

  it('sends nothing twice that is as it was', async () => {
    say('hello', 0);
    relay.record();
    sink.start();
    for (let look = 0; look < 3; look += 1) {
      await watch.look();
      await settled();
    }
    expect(warehouse.inserted).toHaveLength(1);
    expect(sink.sentTalks).toBe(1);
  });

  it('sends what an organizer changed or hid, and leaves nothing of what it was', async () => {
    const first = say('hello wrold', 0);
    const second = say('a secret', 2000);
    relay.record();
    sink.start();
    await watch.look();
    await settled();
    relay.room.amend(first.seq, 'hello world');
    relay.room.amend(second.seq, null);
    await watch.look();
    await settled();
    expect(warehouse.canonical()).toEqual(['hello world']);
    expect([...warehouse.segments.values()].map(({ text }) => text)).toEqual(['hello world']);
  });

  it('sends the canonical transcript when readers have it, and the live one again where an organizer went back', async () => {
    say('hello', 0);
    const recording = relay.record();
    sink.start();
    await watch.look();
    await settled();
    await relay.publish(identity(), talkOf(identity(), [segment(0, 'Hello.'), segment(1, 'Welcome.')]));
    relay.fetching.start();
    await expect.poll(() => relay.serving.served(recording)?.about.engine, { timeout: 10_000 }).toBe('parakeet');
    await watch.look();
    await settled();
    expect(warehouse.canonical()).toEqual(['Hello.', 'Welcome.']);
    expect(warehouse.talks.get('verdi/opening')).toMatchObject({ is_canonical: 1, engine: 'parakeet', model: 'm' });
    relay.fetched.choose('verdi', 'opening', { kind: 'live' });
    await watch.look();
    await settled();
    expect(warehouse.canonical()).toEqual(['hello']);
  });

  it('keeps talks for days while the server is away, asks ever more rarely, and sends all when it is back', async () => {
    warehouse.fault = away;
    say('hello', 0);
    relay.record();
    sink.start();
    await watch.look();
    const begun = clock.now();
    await clock.leapUntil(() => clock.now() > begun + 3 * dayMs);
    expect(sink.state).toMatchObject({ waiting: 1, oldestMs: begun, error: { code: 'sink-away' } });
    // 5 s, 10 s, … to 15 min, three quarters of it by the chance given: a few hundred attempts in three days.
    expect(sink.failures).toBeGreaterThan(250);
    expect(sink.failures).toBeLessThan(500);
    expect(lines.filter((line) => line.includes('sink-failed'))).toHaveLength(1);
    expect(sinkTroubleOf(sink, clock.now())).toMatchObject({ severity: 'warning', hint: 'Start it.' });
    warehouse.fault = () => null;
    await settled();
    expect(warehouse.canonical()).toEqual(['hello']);
    expect(sink.state.error).toBeNull();
    expect(sinkTroubleOf(sink, clock.now())).toBeNull();
    expect(lines.filter((line) => line.includes('sink-well'))).toHaveLength(1);
  });

  it('sends a talk again that changed while it was sent', async () => {
    let isFirst = true;
    warehouse.lost = (call) => {
      if (call === 'talk' && isFirst) {
        isFirst = false;
        relay.room.amend(1, 'hello again');
        sink.live('verdi', 'opening', 'another mark');
      }
      return null;
    };
    say('hello', 0);
    relay.record();
    sink.start();
    await watch.look();
    await settled();
    expect(warehouse.canonical()).toEqual(['hello again']);
  });

  it('says when it tries again', async () => {
    warehouse.fault = away;
    relay.record();
    sink.start();
    await watch.look();
    await clock.leapUntil(() => sink.failures === 1);
    expect(sink.state.nextTryMs).toBe(clock.now() + 3750);
  });

  it('goes on with what waited when the relay starts again', async () => {
    warehouse.fault = away;
    say('hello', 0);
    relay.record();
    sink.start();
    await watch.look();
    await clock.leapUntil(() => sink.failures === 2);
    await sink.stop();
    warehouse.fault = () => null;
    open();
    expect(sink.state.waiting).toBe(1);
    sink.start();
    await settled();
    expect(warehouse.canonical()).toEqual(['hello']);
  });

  it.each(['prepare', 'segments', 'talk', 'erase'])(
    'sends the same rows again where the answer to %s was lost',
    async (lost) => {
      let losses = 3;
      warehouse.lost = (call) => (call === lost && losses-- > 0 ? away() : null);
      say('hello', 0);
      say('world', 2000);
      relay.record();
      sink.start();
      await watch.look();
      await settled();
      expect(losses).toBeLessThan(1);
      expect(warehouse.canonical()).toEqual(['hello', 'world']);
      expect(warehouse.segments.size).toBe(2);
    },
  );

  it('shows nothing of a transcript before all of it is there', async () => {
    warehouse.fault = (call) => (call === 'talk' ? away() : null);
    say('hello', 0);
    relay.record();
    sink.start();
    await watch.look();
    await clock.leapUntil(() => sink.failures === 2);
    expect(warehouse.segments.size).toBe(1);
    expect(warehouse.canonical()).toEqual([]);
  });

  it('lets no talk that the server does not like keep the others', async () => {
    warehouse.fault = (call, talk) => (call === 'segments' && talk === 'opening' ? disliked() : null);
    say('hello', 0);
    relay.record();
    relay.record({ ...identity(), talk: 'closing' });
    sink.start();
    await watch.look();
    await clock.leapUntil(() => sink.failures > 3);
    expect(sink.state.waiting).toBe(1);
    expect(warehouse.canonical()).toEqual(['hello']);
    warehouse.fault = () => null;
    await settled();
    expect(warehouse.canonical()).toEqual(['hello', 'hello']);
  });

  it('erases a talk that was deleted, also one that was sent to a server that is away now', async () => {
    say('hello', 0);
    const recording = relay.record();
    sink.start();
    await watch.look();
    await settled();
    warehouse.fault = away;
    relay.recordings.put({ ...recording, state: 'deleted' });
    await watch.look();
    await clock.leapUntil(() => sink.failures > 5);
    expect(warehouse.segments.size).toBe(1);
    warehouse.fault = () => null;
    await settled();
    expect(warehouse.segments.size).toBe(0);
    expect(warehouse.talks.get('verdi/opening')).toMatchObject({ is_deleted: 1, title: '' });
    await watch.look();
    expect(sink.state.waiting).toBe(0);
  });

  it('sends nothing of a talk that was deleted while it waited', async () => {
    warehouse.fault = away;
    say('hello', 0);
    const recording = relay.record();
    sink.start();
    await watch.look();
    await clock.leapUntil(() => sink.failures === 1);
    relay.recordings.put({ ...recording, state: 'deleted' });
    warehouse.fault = () => null;
    await watch.look();
    await settled();
    expect(warehouse.inserted).toEqual([]);
  });

  it('takes private data out of live captions where the talk is to have none, also of a number in two of them', async () => {
    say('my card is 4111 1111', 0);
    say('1111 1111 and I am first.last@example.com', 2000);
    relay.record(identity(), { redact: true });
    relay.record({ ...identity(), talk: 'closing' }, { redact: false });
    sink.start();
    await watch.look();
    await settled();
    const texts = (talk: string) => warehouse.inserted.filter((row) => row.talk_id === talk).map(({ text }) => text);
    expect(texts('opening')).toEqual(['my card is [card]', '[card] and I am [mail]']);
    expect(texts('closing')[0]).toBe('my card is 4111 1111');
  });

  it('gives revisions that only grow, also where the clock was set back', async () => {
    say('hello', 0);
    relay.record();
    sink.start();
    await watch.look();
    await settled();
    const before = warehouse.talks.get('verdi/opening')?.version ?? 0;
    await sink.stop();
    clock = new LeapingClock(startMs - 20 * 365 * dayMs);
    open();
    relay.room.amend(1, 'hello again');
    sink.start();
    await watch.look();
    await settled();
    expect(warehouse.talks.get('verdi/opening')?.version).toBeGreaterThan(before);
    expect(warehouse.canonical()).toEqual(['hello again']);
  });

  it('tells how it is in figures, and nothing where there is none', async () => {
    relay.record();
    await watch.look();
    await expect.poll(() => sink.state.waiting).toBe(1);
    const later = clock.now() + 60_000;
    const figures = Object.fromEntries(sinkFigures(sink, later).map(({ name, value }) => [name, value]));
    expect(figures).toEqual({
      ...{ sala_sink_waiting: 1, sala_sink_age_seconds: 60, sala_sink_talks_total: 0, sala_sink_failures_total: 0 },
    });
    expect(sinkFigures(null, later)).toEqual([]);
    expect(sinkTroubleOf(null, later)).toBeNull();
  });

  it('is there only where an address was given', () => {
    const options = { event: 'conf', clickhouseDatabase: 'default', clickhouseUser: 'default' };
    const parts = {
      ...{ db: relay.rooms.db, recordings: relay.recordings, serving: relay.serving, rooms: relay.rooms, log },
      blocked: () => [],
    };
    expect(openSink(options, parts)).toBeNull();
    expect(openSink({ ...options, clickhouseUrl: 'http://127.0.0.1:1' }, parts)).not.toBeNull();
  });
});
