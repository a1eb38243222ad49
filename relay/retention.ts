import type { Logger } from '../systemd/log.ts';
import { intersect, type RangeSet, sampleRate, size, subtract } from './protocol.js';
import { segmentSamples } from './segments.ts';
import type { Spool } from './spool.ts';
import type { SpoolStream } from './spool-stream.ts';

export interface RetentionSettings {
  /** `captioned`: until captions are made of it; `hours`: for so long; `archive`: until the space is used. */
  readonly retain: 'captioned' | 'hours' | 'archive';
  readonly retainHours: number;
  readonly maxSpoolBytes: number;
}

interface Segment {
  readonly stream: SpoolStream;
  readonly index: number;
  readonly bytes: number;
  readonly captioned: boolean;
  /** Room time of its newest audio. */
  readonly newestMs: number;
}

/** Whether audio of `[from, to)` is needed by a recording that is not stored elsewhere yet: then it goes for no reason. */
export type IsHeld = (stream: SpoolStream, from: number, to: number) => boolean;

const hourMs = 3_600_000;
const givenUpAfterMs = 24 * hourMs;
const intervalMs = 60_000;

/** Deletes audio that has served: ten minutes at a time, by age or once it is captioned, and the oldest when space ends. */
export class Retention {
  readonly #spool: Spool;
  readonly #settings: RetentionSettings;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #isHeld: IsHeld;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  /** Audio that was deleted before captions could be made of it. */
  lostSeconds = 0;

  constructor(
    spool: Spool,
    settings: RetentionSettings,
    log: Logger,
    now: () => number = Date.now,
    isHeld: IsHeld = () => false,
  ) {
    this.#spool = spool;
    this.#settings = settings;
    this.#log = log;
    this.#now = now;
    this.#isHeld = isHeld;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#running = this.run().catch((error) => this.#log.error({ err: error }, 'Old audio cannot be deleted'));
    }, intervalMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  /** One pass. */
  async run(): Promise<void> {
    const { retain, retainHours, maxSpoolBytes } = this.#settings;
    const segments = this.#spool.all().flatMap((stream) => this.#segments(stream));
    const isOld = ({ newestMs }: Segment) => this.#now() - newestMs > retainHours * hourMs;
    for (const segment of segments)
      if ((retain === 'captioned' && segment.captioned) || (retain !== 'archive' && isOld(segment)))
        await this.#remove(segment);

    for (const stream of this.#spool.all())
      if (!stream.ended && this.#now() - stream.heardMs > givenUpAfterMs) this.#giveUp(stream);

    let bytes = this.#spool.bytes;
    const oldest = segments.filter(({ captioned }) => captioned).sort((a, b) => a.newestMs - b.newestMs);
    for (const segment of oldest) {
      if (bytes <= maxSpoolBytes) break;
      if (await this.#remove(segment)) bytes -= segment.bytes;
    }
    this.#spool.isFull = bytes > maxSpoolBytes;
    for (const stream of this.#spool.all()) if (this.#isOver(stream)) await this.#spool.remove(stream);
  }

  /** A stream that was not heard of for a day is over; what of it did not come is gone. */
  #giveUp(stream: SpoolStream): void {
    for (const [from, to] of subtract([[0, stream.edge]], stream.received))
      this.#spool.declareHole(stream, { from, to, reason: 'closed' });
    this.#spool.end(stream, stream.edge);
    this.#log.info({ room: stream.room, stream: stream.id }, 'A stream was not heard of for a day and is closed');
  }

  /** Nothing of it is left, and no kit has asked for it for long. */
  #isOver(stream: SpoolStream): boolean {
    const oldMs = Math.max(givenUpAfterMs, this.#settings.retainHours * hourMs);
    const isStored = subtract(stream.received, stream.stored).length === 0;
    return stream.ended && isStored && size(stream.audio) === 0 && this.#now() - stream.heardMs > oldMs;
  }

  /** The segments of a stream that nothing will be added to. */
  #segments(stream: SpoolStream): Segment[] {
    const { audio } = stream;
    const last = Math.floor(stream.edge / segmentSamples);
    // Only where there is audio: an edge may be anywhere.
    const indexes = audio.flatMap(([from, to]) => {
      const first = Math.floor(from / segmentSamples);
      return Array.from({ length: Math.ceil(to / segmentSamples) - first }, (_, i) => first + i);
    });
    return [...new Set(indexes)]
      .map((index): Segment => {
        const range: RangeSet = [[index * segmentSamples, (index + 1) * segmentSamples]];
        const held = intersect(audio, range);
        const newest = held.at(-1)?.[1] ?? 0;
        return {
          stream,
          index,
          bytes: size(held) * stream.bytesPerFrame,
          captioned: subtract(held, stream.captioned).length === 0,
          newestMs: stream.heardMs - ((stream.edge - newest) * 1000) / sampleRate,
        };
      })
      .filter(({ index, bytes }) => bytes > 0 && (stream.ended || index < last));
  }

  async #remove({ stream, index, captioned, bytes }: Segment): Promise<boolean> {
    const range: RangeSet = [[index * segmentSamples, (index + 1) * segmentSamples]];
    const held = intersect(stream.audio, range);
    if (held.length === 0) return false;
    if (held.some(([from, to]) => this.#isHeld(stream, from, to))) return false;
    if (!captioned) {
      this.lostSeconds += size(subtract(held, stream.captioned)) / sampleRate;
      this.#log.warn(
        { room: stream.room, stream: stream.id, bytes },
        'Audio without captions is too old and is deleted',
      );
    }
    await this.#spool.removeSegment(stream, index);
    return true;
  }
}
