import v8 from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test, vi } from 'vitest';
import type { Engine } from '../../relay/engines/engine.ts';
import { TranscribeEngine } from '../../relay/engines/transcribe.ts';
import { createLog } from '../../systemd/log.ts';
import { TranscribeStandIn } from '../stand-ins/transcribe.ts';
import { standInEnvironment } from '../stand-ins/transcribe-environment.ts';
import { EngineRecorder } from './engine-recorder.ts';
import { numberedBlocks } from './numbered-signal.ts';
import { until } from './until.ts';

/** What a process holds once garbage is collected. */
export interface Held {
  readonly heapMib: number;
  readonly sockets: number;
  readonly timers: number;
}

const numbers = numberedBlocks(0, 5);
const words = new Uint8Array(numbers.buffer);
/** Sessions under way at once: each opens a connection of its own. */
const atOnce = 10;

async function session(engine: Engine, end: 'ended' | 'aborted'): Promise<void> {
  const recorder = new EngineRecorder();
  const opened = engine.open({ room: 'a-room', language: 'en-US' }, recorder);
  for (let at = 0; at < words.length; at += 3200)
    opened.write(words.slice(at, at + 3200), { stream: 'a-stream', position: at / 2 });
  await recorder.saw('partial', 'failed');
  if (recorder.isOver) throw new Error(`a session failed: ${JSON.stringify(recorder.failures)}`);
  if (end === 'aborted') {
    opened.abort();
    return;
  }
  opened.end(10_000);
  await recorder.over();
}

/** Opens so many sessions that hear a few words, and ends or aborts each. */
export async function sessions(engine: Engine, count: number, end: 'ended' | 'aborted'): Promise<void> {
  let left = count;
  const work = async () => {
    while (left-- > 0) await session(engine, end);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

/** What an HTTP/2 stream may keep in memory after its end: its own time limit, which runs out. */
const maxAfterlifeMs = 15_000;

/** Waits until the last connection is closed at both ends and the heap is as small as wanted, or has had its time; then looks. */
async function held(standIn: TranscribeStandIn, wantedMib = 0): Promise<Held> {
  await until(() => standIn.sessions.every(({ over }) => over) || undefined, { what: 'the end of every session' });
  standIn.sessions.length = 0; // what the stand-in remembers is no leak
  let now = look();
  const isSmall = () => {
    now = look();
    return (now.sockets === 0 && now.heapMib < wantedMib) || undefined;
  };
  await until(isSmall, { timeoutMs: wantedMib > 0 ? maxAfterlifeMs : 1000, everyMs: 250 }).catch(() => {});
  return now;
}

function look(): Held {
  globalThis.gc?.();
  const active = process.getActiveResourcesInfo();
  const count = (kind: RegExp) => active.filter((each) => kind.test(each)).length;
  const heapMib = process.memoryUsage().heapUsed / 1024 ** 2;
  return { heapMib, sockets: count(/TCPSocket|TLS/), timers: count(/^Timeout$/) };
}

/** What may come on top of it, however many sessions there were: caches and code of the process itself. */
const maxMoreMib = 4;
const maxMoreTimers = 3;

/** A test that so many sessions that end, and so many that are aborted, leave nothing behind. */
export function leakTest(count: number): void {
  test(`${count} sessions that end and ${count} that are aborted leave no memory, socket or timer behind`, async () => {
    v8.setFlagsFromString('--expose-gc');
    globalThis.gc ??= runInNewContext('gc');
    const standIn = new TranscribeStandIn({ limits: { maxStartsPerSecond: 1e6, maxStreams: 1000 } });
    const { url } = await standIn.start();
    for (const [name, value] of Object.entries(standInEnvironment(url))) vi.stubEnv(name, value);
    const engine = new TranscribeEngine({ log: createLog('silent')('transcribe') });
    const looked: Record<string, Held> = {};
    for (const end of ['ended', 'aborted'] as const) {
      await sessions(engine, Math.max(50, count / 5), end); // what is made once is made now
      const before = await held(standIn);
      await sessions(engine, count, end);
      const after = await held(standIn, before.heapMib + maxMoreMib);
      looked[end] = {
        heapMib: after.heapMib - before.heapMib,
        sockets: after.sockets - before.sockets,
        timers: after.timers - before.timers,
      };
    }
    await standIn.stop();
    vi.unstubAllEnvs();
    process.stdout.write(`${count} sessions: ${JSON.stringify(looked)}\n`);
    for (const { heapMib, sockets: open, timers } of Object.values(looked)) {
      expect(heapMib).toBeLessThan(maxMoreMib);
      expect(open).toBeLessThanOrEqual(0);
      expect(timers).toBeLessThanOrEqual(maxMoreTimers);
    }
  });
}
