import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Buffer } from '../display/microphone/buffer.js';
import { Uplink } from '../display/microphone/uplink.js';
import {
  closeCodes,
  type DeviceMessage,
  decodeAudioFrame,
  type Hello,
  parseDeviceMessage,
  type RelayMessage,
  sampleRate,
  size,
  union,
} from '../relay/protocol.js';

const relay = '00000000-0000-4000-8000-00000000000a';

/** A browser's socket, and the relay at its other end as far as a test plays it. */
class FakeSocket {
  binaryType: BinaryType = 'blob';
  bufferedAmount = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  closedWith: number | null = null;
  readonly said: DeviceMessage[] = [];
  readonly frames: { index: number; position: number; live: boolean; samples: number; atMs: number }[] = [];

  send(data: string | Uint8Array): void {
    if (typeof data === 'string') this.said.push(parseDeviceMessage(data));
    else {
      const { index, position, live, audio } = decodeAudioFrame(data);
      this.frames.push({ index, position, live, samples: audio.length / 2, atMs: performance.now() });
    }
  }

  close(code: number): void {
    this.closedWith = code;
  }

  // What the relay does.
  open(): Hello {
    this.onopen?.();
    const [hello] = this.said;
    if (hello?.type !== 'hello') throw new Error('no hello');
    return hello;
  }
  say(message: RelayMessage): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  welcome(maxBacklogRate = 20): void {
    const streams = this.open().streams.map(({ index }) => ({ index, received: [], stored: [] }));
    this.say({
      ...{ type: 'welcome', relay, room: 'hall', roomTime: 0, streams },
      ...{ settings: { language: 'it-IT' }, limits: { maxBacklogRate, maxLiveRate: 1.1 } },
    });
  }
  refuse(retryAfterMs = 5000): void {
    this.open();
    this.displace(retryAfterMs);
  }
  displace(retryAfterMs = 5000): void {
    this.say({ type: 'refused', code: 'other-source', message: 'Another source (kit) is in charge', retryAfterMs });
    this.end(closeCodes.otherSource);
  }
  end(code: number): void {
    this.onclose?.({ code });
  }
  /** All audio that came, of every stream. */
  store(): void {
    for (const index of new Set(this.frames.map((frame) => frame.index))) {
      const ranges = this.frames
        .filter((frame) => frame.index === index)
        .map(({ position, samples }): [number, number] => [position, position + samples]);
      this.say({ type: 'stored', index, ranges: union([], ranges) });
    }
  }
}

describe('the line of a stand-in microphone', () => {
  let sockets: FakeSocket[];
  let buffer: Buffer;
  let uplink: Uplink;
  let isRefused: boolean;
  let cuts: number;
  let ids = 0;

  beforeEach(() => {
    vi.useFakeTimers();
    sockets = [];
    isRefused = false;
    cuts = 0;
    buffer = new Buffer({ newId: () => `00000000-0000-4000-8000-${String(++ids).padStart(12, '0')}` });
    uplink = new Uplink({
      buffer,
      host: {
        open: () => {
          sockets.push(new FakeSocket());
          return newest();
        },
        isRefused: () => Promise.resolve(isRefused),
        now: () => performance.now(),
        random: () => 0.5,
        setTimeout: (run, ms) => Number(setTimeout(run, ms)),
        clearTimeout: (timer) => clearTimeout(timer),
      },
      device: () => ({ id: 'microphone-1', version: 'page', bootId: relay }),
      health: () => ({ state: 'ok', message: '' }),
      onCut: () => {
        cuts++;
        buffer.end();
      },
      onChange: () => {},
    });
    buffer.listen(uplink);
  });
  afterEach(() => vi.useRealTimers());

  const newest = () => {
    const socket = sockets.at(-1);
    if (!socket) throw new Error('no socket');
    return socket;
  };
  /** Sound for so long, which the relay confirms every 50 ms where `confirms`. */
  async function hear(ms: number, confirms = false) {
    for (let at = 0; at < ms; at += 50) {
      if (at % 100 === 0) buffer.frame(new Uint8Array(3200));
      await vi.advanceTimersByTimeAsync(50);
      if (confirms) newest().store();
    }
  }
  /** Until another attempt is made. */
  async function untilNext(maxMs = 10_000) {
    const { length } = sockets;
    for (let waited = 0; waited < maxMs && sockets.length === length; waited += 50)
      await vi.advanceTimersByTimeAsync(50);
    expect(sockets.length).toBe(length + 1);
    return newest();
  }

  test('asks for the room as a stand-in, and sends what was said meanwhile before it goes on live', async () => {
    uplink.start();
    await hear(1000);
    expect(newest().open()).toMatchObject({ takeover: false, standIn: true, device: { id: 'microphone-1' } });
    newest().said.length = 0;
    newest().welcome();
    expect(uplink.state).toBe('in-charge');
    expect(uplink.settings.language).toBe('it-IT');
    expect(newest().frames.map(({ position, live }) => [position, live])).toEqual(
      Array.from({ length: 10 }, (_, i) => [i * 1600, true]),
    );
    await hear(300, true);
    expect(
      newest()
        .frames.slice(10)
        .map(({ position }) => position),
    ).toEqual([16_000, 17_600, 19_200]);
    expect(buffer.unstoredSeconds).toBe(0);
  });

  test('comes back after a random while, sends live sound first, and the rest no faster than it was told', async () => {
    uplink.start();
    newest().welcome();
    await hear(2000, true);
    newest().end(1006);
    expect(uplink.state).toBe('lost');
    await hear(60_000);
    const { length } = sockets;
    expect(length).toBeGreaterThan(5);
    newest().welcome(10);
    const first = newest().frames[0];
    expect(first && first.position + 2 * sampleRate).toBe(62 * sampleRate);
    await hear(3000, true);
    const backlog = newest().frames.filter(({ live }) => !live);
    const sent = backlog.reduce((sum, { samples }) => sum + samples, 0) / sampleRate;
    expect(sent).toBeGreaterThan(20);
    expect(sent).toBeLessThan(3 * 10 + 1);
    await hear(4000, true);
    expect(buffer.unstoredSeconds).toBe(0);
    // Nothing came twice, and nothing is missing.
    const ranges = sockets.flatMap(({ frames }) =>
      frames.map(({ position, samples }): [number, number] => [position, position + samples]),
    );
    expect(size(union([], ranges))).toBe(69 * sampleRate);
    expect(ranges.reduce((sum, [from, to]) => sum + to - from, 0)).toBe(69 * sampleRate);
  });

  test('leaves a line on which nothing is heard, and one that does not open', async () => {
    uplink.start();
    newest().welcome();
    await hear(1000, true);
    const dead = newest();
    await hear(5000);
    expect(dead.closedWith).toBe(1000);
    expect(uplink.state).toBe('lost');
    const hanging = newest() === dead ? await untilNext() : newest();
    await vi.advanceTimersByTimeAsync(6500);
    expect(hanging.closedWith).toBe(1000);
    const again = newest() === hanging ? await untilNext() : newest();
    again.welcome();
    expect(uplink.state).toBe('in-charge');
  });

  test('of a kit that is back hands in what was said before, and then only asks', async () => {
    uplink.start();
    newest().welcome();
    await hear(2000, true);
    newest().end(1006);
    await hear(1000);
    newest().refuse();
    expect(uplink.state).toBe('standing-by');
    expect(cuts).toBe(1);
    const delivery = await untilNext();
    const hello = delivery.open();
    expect(hello).toMatchObject({ deliver: true, takeover: false });
    expect(hello.streams.map(({ ended, ranges }) => [ended, ranges])).toEqual([[true, [[32_000, 48_000]]]]);
    delivery.said.length = 0;
    delivery.welcome();
    expect(uplink.state).toBe('standing-by');
    await vi.advanceTimersByTimeAsync(1000);
    delivery.say({ type: 'stored', index: 0, ranges: [[0, 48_000]] });
    expect(delivery.closedWith).toBe(1000);
    await hear(1000);
    const asking = await untilNext();
    expect(asking.open()).toMatchObject({ takeover: false });
    expect(asking.said[0]).not.toHaveProperty('deliver');
    asking.said.length = 0;
    asking.welcome();
    expect(uplink.state).toBe('in-charge');
  });

  test('takes over from a kit with sound where a person says so, keeps that over a cut, and not over giving way', async () => {
    uplink.start();
    await hear(500);
    newest().refuse();
    expect(uplink.state).toBe('standing-by');
    uplink.takeOver();
    expect(newest().open().takeover).toBe(true);
    newest().said.length = 0;
    newest().welcome();
    await hear(500, true);
    newest().end(1006);
    expect((await untilNext()).open().takeover).toBe(true);
    newest().said.length = 0;
    newest().welcome();
    newest().displace();
    // The run was ended where it was displaced; all of it is stored, so it asks.
    await hear(200);
    const next = await untilNext();
    expect(next.open().takeover).toBe(false);
  });

  test('waits as long as the relay says before it asks again', async () => {
    uplink.start();
    await hear(200);
    newest().refuse(7000);
    await hear(6900);
    expect(sockets.length).toBe(1);
    await hear(700);
    expect(sockets.length).toBe(2);
  });

  test('says that a link opens nothing, keeps what it heard and goes on asking', async () => {
    isRefused = true;
    uplink.start();
    await hear(200);
    newest().end(1006);
    await hear(100);
    expect(uplink.state).toBe('refused');
    await hear(21_000);
    expect(sockets.length).toBe(2);
    newest().welcome();
    newest().end(closeCodes.unauthorized);
    expect(uplink.state).toBe('refused');
    expect(buffer.unstoredSeconds).toBeGreaterThan(20);
  });

  test('at the end hands in the rest, also over a cut, says goodbye and is finished', async () => {
    uplink.start();
    newest().welcome();
    await hear(1000);
    newest().end(1006);
    buffer.end();
    uplink.finish();
    expect(newest().open()).toMatchObject({ deliver: true });
    newest().said.length = 0;
    newest().welcome();
    for (let i = 0; i < 20; i++) {
      await vi.advanceTimersByTimeAsync(50);
      newest().store();
    }
    expect(uplink.state).toBe('finished');
    expect(newest().said.map(({ type }) => type)).toContain('goodbye');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets.length).toBe(2);
  });

  test('tells a relay that it does not understand so, and tries again later', async () => {
    uplink.start();
    newest().onopen?.();
    newest().onmessage?.({ data: '{"type":"welcome"}' });
    expect(uplink.state).toBe('lost');
    expect(uplink.reason).toContain('reload');
    await untilNext();
  });
});
