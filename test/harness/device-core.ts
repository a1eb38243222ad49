import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { AudioBuffer } from '../../device/buffer.ts';
import type { BufferLimits } from '../../device/buffer-options.ts';
import type { Clocks } from '../../device/clocks.ts';
import { WorkerDisk } from '../../device/disk.ts';
import type { UplinkWaits } from '../../device/uplink.ts';
import { Uplinks } from '../../device/uplinks.ts';
import { size } from '../../relay/protocol.js';
import { createLog } from '../../systemd/log.ts';
import { blockSamples, NumberedSignalDecoder, numberedBlocks } from './numbered-signal.ts';

const log = createLog('silent')('test');

/** Blocks of the numbered test signal as bytes: block `n` is positions `1600n` to `1600(n + 1)`. */
export function blockBytes(number: number, count = 1): Uint8Array {
  return new Uint8Array(numberedBlocks(number, count).buffer);
}

/** The numbers of the whole, unchanged blocks in `samples` that stand where they belong. */
export function wholeBlocks(samples: Int16Array): number[] {
  const decoder = new NumberedSignalDecoder();
  return [...decoder.push(samples), ...decoder.flush()]
    .filter(({ number, start, packets }) => packets === 40 && start === number * blockSamples)
    .map(({ number }) => number);
}

export const upTo = (count: number, from = 0) => Array.from({ length: count - from }, (_, i) => from + i);

export interface CoreOptions {
  readonly relay: string;
  readonly dataDir: string;
  readonly room?: string;
  readonly limits?: Partial<BufferLimits>;
  readonly bootId?: string;
  readonly token?: string;
  readonly waits?: Partial<UplinkWaits>;
  /** The kit's wall clock; the true one where left out. */
  readonly wallMs?: () => number;
  /** It has a kit's key, which opens former rooms, too. */
  readonly isKit?: boolean;
}

/** Everything of a device from captured frames on, with frames given by hand and a clock that can be pushed forward. */
export class DeviceCore {
  readonly buffer: AudioBuffer;
  readonly uplink: Uplinks;
  readonly clocks: Clocks;
  /** Added to the buffer's clock, so that no test waits for what only takes time. */
  aheadMs = 0;
  #next = 0;

  constructor({
    relay,
    dataDir,
    room = 'aula',
    limits = {},
    bootId = randomUUID(),
    token = 'secret',
    waits = {},
    wallMs = Date.now,
    isKit = false,
  }: CoreOptions) {
    this.clocks = {
      now: () => performance.now() + this.aheadMs,
      sinceBootMs: 0,
      bootId,
      wallMs,
      wallSynced: () => false,
    };
    const disk = new WorkerDisk({ file: join(dataDir, 'buffer.db'), log });
    this.buffer = new AudioBuffer({ room, channels: 1, disk, clocks: this.clocks, log, limits });
    this.uplink = new Uplinks({
      relay,
      room,
      token: () => token,
      buffer: this.buffer,
      isKit,
      lookEveryMs: 50,
      device: { id: 'kit', version: '0', bootId, sinceBootMs: 0 },
      health: () => ({ state: 'ok', message: '' }),
      now: () => performance.now(),
      random: () => 0.5,
      log,
      onChange: () => undefined,
      waits,
    });
  }

  start({ connect = true } = {}): void {
    this.buffer.start(this.uplink);
    if (connect) this.uplink.start();
  }

  /** How many blocks were captured. */
  get captured(): number {
    return this.#next;
  }

  inMemorySamples(): number {
    return this.buffer.offered().reduce((sum, { ram }) => sum + size(ram), 0);
  }

  onDiskSamples(): number {
    return this.buffer.offered().reduce((sum, { disk }) => sum + size(disk), 0);
  }

  /** From here on the sound is another room's. */
  serve(room: string): void {
    this.buffer.serve(room);
    this.uplink.serve(room);
  }

  /** Captures the next `count` blocks at once. */
  capture(count: number): void {
    for (let i = 0; i < count; i++) {
      if (this.#next % 10 === 0) this.buffer.anchor(this.#next * blockSamples, performance.now());
      this.buffer.frame(this.#next * blockSamples, blockBytes(this.#next));
      this.#next++;
    }
  }

  async stop(): Promise<void> {
    this.buffer.end();
    await this.buffer.stop();
    await this.uplink.stop();
  }
}

/** A folder for a buffer; `remove` it at the end. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'sala-device-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** What a stopped device left on its disk. */
export function onDisk(dataDir: string): { streams: number; samples: number } {
  const db = new Database(join(dataDir, 'buffer.db'), { readonly: true });
  try {
    const count = db.prepare<[], { n: number }>('SELECT count(*) AS n FROM stream').get();
    const sum = db.prepare<[], { n: number | null }>('SELECT sum(samples) AS n FROM chunk').get();
    return { streams: count?.n ?? 0, samples: sum?.n ?? 0 };
  } finally {
    db.close();
  }
}

/** Looks at `condition` until it holds; for states that give no event. */
export async function eventually(condition: () => boolean, what: string, timeoutMs = 20_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`${what} did not come about within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
