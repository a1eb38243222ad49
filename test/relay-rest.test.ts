import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Database, openDatabase } from '../relay/database.ts';
import { frameSamples, intersect, type RangeSet, size, subtract, union } from '../relay/protocol.js';
import { temporaryFolder } from './harness/programs.ts';
import { VirtualFeed, type VirtualFeedOptions } from './harness/virtual-feed.ts';

const folder = temporaryFolder();
let db: Database;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 5, 1, 7), toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  db = openDatabase(folder.path);
});
afterEach(() => {
  vi.useRealTimers();
  db.close();
  folder.remove();
});

const room = (options: Partial<VirtualFeedOptions> = {}) => new VirtualFeed({ db, ...options });
const noise = -58;
const speech = -28;
/** Frames whose words are missing, and positions at which something is said twice. */
function faults({ said }: VirtualFeed, isWord: (frame: number) => boolean, frames: number) {
  const words = said.toSorted((a, b) => a.from - b.from);
  const heard = words.reduce<RangeSet>((set, { from, to }) => union(set, [[from, to]]), []);
  const missing: number[] = [];
  for (let frame = 0; frame < frames; frame++)
    if (
      isWord(frame) &&
      size(intersect(heard, [[frame * frameSamples, (frame + 1) * frameSamples]])) < frameSamples / 2
    )
      missing.push(frame);
  return { missing, doubled: words.filter(({ from }, i) => from < (words[i - 1]?.to ?? 0)) };
}
const none = { missing: [], doubled: [] };

describe('a paid session', () => {
  test('rests after the set silence, and is back with the first word', async () => {
    const virtual = room({ restAfterMs: 60_000 });
    await virtual.talk(46, speech, noise);
    await virtual.play(59, noise);
    expect(virtual.feed.state).toBe('ready');
    await virtual.play(3, noise);
    expect(virtual.feed.state).toBe('resting');
    await virtual.play(300, noise);
    expect(virtual.sessions).toHaveLength(1);
    await virtual.talk(46, speech, noise);
    await virtual.play(5, noise);
    expect(virtual.sessions).toHaveLength(2);
    expect(
      faults(
        virtual,
        (frame) => (frame < 460 || frame >= 4080) && (frame < 460 ? frame : frame - 4080) % 46 < 40,
        4540,
      ),
    ).toEqual(none);
    expect(virtual.costs.today().sessions).toBe(2);
  });

  test('rests on through knocks, and is waked by a quiet speaker 8 dB above the noise', async () => {
    const virtual = room({ restAfterMs: 60_000 });
    await virtual.play(120, noise);
    expect(virtual.feed.state).toBe('resting');
    await virtual.play(60, (frame) => (frame % 50 < 2 ? -20 : noise));
    expect(virtual.feed.state).toBe('resting');
    await virtual.play(1, noise + 8);
    expect(virtual.feed.state).not.toBe('resting');
  });

  test('leaves nothing of a silence to be filled in later', async () => {
    const virtual = room({ restAfterMs: 20_000 });
    await virtual.talk(46, speech, noise);
    await virtual.play(200, noise);
    const claimed = virtual.feed.claims().get('stream') ?? [];
    expect(subtract(subtract([[0, virtual.stream.edge]], virtual.settled), claimed)).toEqual([]);
  });

  test('leaves nothing of a silence to be filled in once somebody speaks again: that would be a session of its own', async () => {
    const virtual = room({ restAfterMs: 20_000 });
    await virtual.talk(46, speech, noise);
    await virtual.play(203.7, noise);
    await virtual.talk(9.2, speech, noise);
    const claimed = virtual.feed.claims().get('stream') ?? [];
    expect(subtract(subtract([[0, virtual.stream.edge]], virtual.settled), claimed)).toEqual([]);
  });

  test('leaves the first moments of a word to be filled in, where its kit starts again in the midst of it', async () => {
    const virtual = room({ restAfterMs: 20_000 });
    await virtual.talk(46, speech, noise);
    await virtual.play(60, noise);
    const { stream } = virtual;
    await virtual.play(0.2, speech); // too short to end a rest
    const from = stream.edge - 2 * frameSamples;
    virtual.restart();
    await virtual.play(5, noise);
    const done = union(stream.captioned, virtual.feed.claims().get(stream.id) ?? []);
    expect(intersect(done, [[from, stream.edge]])).toEqual([]);
    expect(intersect(done, [[0, from - 2 * 16_000]])).toEqual([[0, from - 2 * 16_000]]); // the silence is not
  });

  test('comes back as any room does, and takes no place that is kept for changing over', async () => {
    const virtual = room({ restAfterMs: 20_000, maxSessions: 2, reserve: 1 });
    await virtual.talk(23, speech, noise);
    await virtual.play(60, noise);
    expect(virtual.feed.state).toBe('resting');
    const other = virtual.quota.take('live', 'other');
    await virtual.talk(4, speech, noise);
    expect(virtual.sessions).toHaveLength(1);
    expect(virtual.feed.failure).toMatchObject({ kind: 'capacity' });
    other?.release();
    await virtual.talk(4, speech, noise);
    expect(virtual.sessions).toHaveLength(2);
  });

  test('rests on through silence that comes late and all at once: it is passed by, not filled in by a session of its own', async () => {
    const virtual = room({ restAfterMs: 20_000 });
    await virtual.talk(23, speech, noise);
    await virtual.play(60, noise);
    for (let i = 0; i < 3; i++) {
      await virtual.burst(12, noise);
      await virtual.play(20, noise);
    }
    const claimed = virtual.feed.claims().get('stream') ?? [];
    expect(subtract(subtract([[0, virtual.stream.edge]], virtual.settled), claimed)).toEqual([]);
    expect(virtual.sessions).toHaveLength(1);
  });

  test('is back at once where rest is switched off meanwhile', async () => {
    const virtual = room({ restAfterMs: 20_000 });
    await virtual.play(30, noise);
    expect(virtual.feed.state).toBe('resting');
    virtual.restAfterMs = 0;
    await virtual.play(3, noise);
    expect(virtual.feed.state).toBe('ready');
  });

  test('never rests where that is switched off', async () => {
    const virtual = room({ restAfterMs: 0 });
    await virtual.talk(10, speech, noise);
    await virtual.play(600, noise);
    expect(virtual.feed.state).toBe('ready');
  });

  test('over a morning of talks and breaks costs little more than the speech, and no first word is missing', async () => {
    const virtual = room({ restAfterMs: 60_000 });
    const isWord: boolean[] = [];
    const add = async (seconds: number, isTalk: boolean) => {
      for (let i = 0; i < seconds * 10; i++) isWord.push(isTalk && i % 46 < 40);
      await (isTalk ? virtual.talk(seconds, speech, noise) : virtual.play(seconds, noise));
    };
    const plan = [5, 12, 4, 9, 10, 6, 5].map((minutes, i): [number, boolean] => [minutes, i % 2 === 1]);
    for (const [minutes, isTalk] of plan) await add(minutes * 60, isTalk);
    expect(faults(virtual, (frame) => isWord[frame] === true, isWord.length)).toEqual(none);
    const talkSeconds = plan.reduce((sum, [minutes, isTalk]) => sum + (isTalk ? minutes * 60 : 0), 0);
    const rests = plan.filter(([, isTalk]) => !isTalk).length;
    expect(virtual.costs.today().seconds).toBeLessThanOrEqual(talkSeconds * 1.05 + rests * (60 + 1 + 15));
  });
});

describe('the day’s limit of spending', () => {
  test('ends the paid session and says so; the next day captions go on', async () => {
    const virtual = room({ maxPerDay: 0.024 });
    await virtual.talk(70, speech, noise);
    const failure = { code: 'engine-cost', message: expect.stringMatching(/limit of spending/) };
    expect(virtual.feed.failure).toMatchObject(failure);
    expect(virtual.sessions.every(({ endedMs }) => endedMs !== null)).toBe(true);
    expect(virtual.costs.today().seconds).toBeLessThanOrEqual(62);
    await virtual.talk(30, speech, noise);
    expect(virtual.sessions).toHaveLength(1);
    vi.setSystemTime(Date.UTC(2026, 5, 2, 7));
    await virtual.talk(20, speech, noise);
    expect(virtual.feed.failure).toBeNull();
    expect(virtual.sessions.length).toBeGreaterThan(1);
  });
});

describe('a session that comes near its longest duration', () => {
  const rotating = { maxSessionMs: 20_000 };

  test('is followed by the next one at a pause: no word lost or said twice', async () => {
    const virtual = room(rotating);
    await virtual.talk(184, speech, noise);
    await virtual.play(5, noise);
    expect(faults(virtual, (frame) => frame < 1840 && frame % 46 < 40, 1840)).toEqual(none);
    expect(virtual.sessions.length).toBeGreaterThan(8);
    for (const { openedMs, endedMs } of virtual.sessions)
      expect((endedMs ?? Date.now()) - openedMs).toBeLessThanOrEqual(20_000);
    expect(virtual.mostOpen).toBe(2);
  });

  test('is followed by the next one although the pause never comes', async () => {
    const virtual = room(rotating);
    await virtual.play(120, speech);
    await virtual.play(5, noise);
    expect(faults(virtual, (frame) => frame < 1200, 1200)).toEqual(none);
    for (const { openedMs, endedMs } of virtual.sessions)
      expect((endedMs ?? Date.now()) - openedMs).toBeLessThanOrEqual(20_000);
  });

  test('in a silence that never ends goes on with the next one', async () => {
    const virtual = room(rotating);
    await virtual.play(120, noise);
    expect(virtual.sessions.length).toBeGreaterThan(5);
    await virtual.talk(46, speech, noise);
    await virtual.play(5, noise);
    expect(faults(virtual, (frame) => frame >= 1200 && (frame - 1200) % 46 < 40, 1660)).toEqual(none);
  });

  test('goes on where there is no place for a second one, and ends there only at its latest', async () => {
    const virtual = room({ ...rotating, maxSessions: 1 });
    await virtual.talk(92, speech, noise);
    await virtual.play(10, noise);
    expect(virtual.mostOpen).toBe(1);
    expect(faults(virtual, (frame) => frame < 920 && frame % 46 < 40, 920)).toEqual(none);
  });
});

describe('a language that is assigned in mid-talk', () => {
  test('holds from the quietest moment within 0.3 s of its position, and no word is cut', async () => {
    const virtual = room();
    const isWord = (frame: number) => frame % 46 < 40;
    await virtual.talk(23, speech, noise);
    // 0.2 s before a pause begins
    virtual.assign((230 + 38) * frameSamples, 'it-IT');
    await virtual.talk(23, speech, noise);
    await virtual.play(5, noise);
    expect(faults(virtual, (frame) => frame < 460 && isWord(frame), 460)).toEqual(none);
    const moved = virtual.boundaries[1]?.position ?? 0;
    expect(moved).toBeGreaterThanOrEqual((230 + 40) * frameSamples);
    expect(moved).toBeLessThanOrEqual((230 + 41) * frameSamples);
    for (const { from, to, language } of virtual.said)
      expect(language).toBe((from + to) / 2 < moved ? 'en-US' : 'it-IT');
  });
});

describe('a room whose account has no place for a second session', () => {
  test('changes its language all the same: the old session gives up its place', async () => {
    const virtual = room({ maxSessions: 1 });
    const isWord = (frame: number) => frame % 46 < 40;
    await virtual.talk(23, speech, noise);
    virtual.assign((230 + 42) * frameSamples, 'it-IT');
    await virtual.talk(23, speech, noise);
    await virtual.play(5, noise);
    expect(virtual.sessions.map(({ language }) => language)).toEqual(['en-US', 'it-IT']);
    expect(faults(virtual, (frame) => frame < 460 && isWord(frame), 460)).toEqual(none);
  });
});

describe('audio that comes late again and again', () => {
  test('never puts a session more than 5 s ahead of its own clock, and no word is lost or said twice', async () => {
    const virtual = room();
    await virtual.play(5, speech);
    for (let i = 0; i < 30; i++) {
      await virtual.burst(3, speech);
      await virtual.play(4, speech);
    }
    await virtual.play(20, noise);
    expect(faults(virtual, (frame) => frame < 50 + 30 * 70, 50 + 30 * 70)).toEqual(none);
    for (const { maxLeadMs } of virtual.sessions) expect(maxLeadMs).toBeLessThanOrEqual(5000);
    expect(virtual.sessions.length).toBeGreaterThan(1); // it was replaced before that
  });

  test('at any fraction of a millisecond: words keep the very position that they were said at', async () => {
    const virtual = room({ tellsWholeMs: true });
    await virtual.play(5, speech);
    for (let i = 0; i < 5; i++) {
      await vi.advanceTimersByTimeAsync(0.3);
      await virtual.burst(1.7, speech);
    }
    await virtual.play(5, noise);
    expect(virtual.said.length).toBeGreaterThan(100);
    expect(virtual.said.filter(({ from, to }) => from % frameSamples !== 0 || to % frameSamples !== 0)).toEqual([]);
  });
});
