import { closeSync, mkdirSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkRelease, type DataImage, makeDataImage } from '../provisioning/kit/card/data-partition.ts';
import { type FlashPhase, flashCard } from '../provisioning/kit/card/flashing.ts';
import { makeSeed } from '../provisioning/kit/card/seeding.ts';
import { type CardTarget, createImageFile } from '../provisioning/kit/card/target.ts';
import { flash } from '../provisioning/kit/commands/flash.ts';
import { SalaError } from '../systemd/errors.ts';
import { runKit } from './harness/kit-command.ts';
import { type KitEvent, kitEvent } from './harness/kit-event.ts';
import { SmallDisk } from './harness/small-disk.ts';

/** About 4 s: cards that lie, end, forget or are pulled out while they are written; the image is flashed to files. */

let event: KitEvent;
let data: DataImage;
let count = 0;
const cardBytes = 160e6;

beforeAll(async () => {
  event = kitEvent({ isSmall: true });
  const work = join(event.folder, 'work');
  mkdirSync(work);
  data = await makeDataImage(event.inventory, await checkRelease(event.inventory), 'device', work, 16 << 20);
});
afterAll(() => event.close());

/** Where the data partition is. */
const data0 = 52 << 20;

type Fault = (honest: CardTarget) => Partial<CardTarget>;

async function flashed(fault: Fault, onProgress?: (phase: FlashPhase, done: number) => void, signal?: AbortSignal) {
  const file = join(event.folder, `card-${count++}.img`);
  const { target } = createImageFile(file, cardBytes);
  const parts: CardTarget = {
    name: '/dev/sdz',
    sizeBytes: target.sizeBytes,
    blank: false, // as on a card, zeros are written, too
    write: (offset, bytes) => target.write(offset, bytes),
    read: (offset, into) => target.read(offset, into),
    flush: () => target.flush(),
    close: () => target.close(),
  };
  const [kit] = event.inventory.kits;
  if (!kit) throw new Error('no kit');
  const outcome = await flashCard(
    { ...parts, ...fault(parts) },
    {
      image: event.inventory.image,
      data,
      seed: makeSeed(event.inventory, kit, event.secrets.of(kit), 0),
      rootBytes: 40e6,
      folder: event.folder,
      signal: signal ?? new AbortController().signal,
      progress: (phase, done) => onProgress?.(phase, done),
    },
  ).then(
    () => 'done' as const,
    (error: unknown) => error,
  );
  target.close();
  const head = Buffer.alloc(512);
  const handle = openSync(file, 'r');
  readSync(handle, head, 0, head.length, 0);
  closeSync(handle);
  expect(readdirSync(event.folder).filter((name) => name.startsWith('front-'))).toEqual([]);
  return { outcome, hasTable: head.readUInt16LE(510) === 0xaa55 };
}

const codeOf = (outcome: unknown) => (outcome instanceof SalaError ? outcome.code : outcome);
const broken = () =>
  new SalaError('/dev/sdz could not be written: EIO', { code: 'card-write', hint: 'Was the card pulled out?' });

describe('A card that is not what it seems', () => {
  test('an honest one is done and has a table', async () => {
    expect(await flashed(() => ({}))).toEqual({ outcome: 'done', hasTable: true });
  });

  const lies: readonly (readonly [string, Fault, string])[] = [
    [
      'keeps what it had in one place',
      (honest) => ({ write: async (offset, bytes) => (offset === 12 << 20 ? undefined : honest.write(offset, bytes)) }),
      'card-differs',
    ],
    [
      'is smaller than it says, and begins again at its front',
      (honest) => ({ write: (offset, bytes) => honest.write(offset % (32 << 20), bytes) }),
      'card-differs',
    ],
    [
      'changes one bit',
      (honest) => ({
        write: (offset, bytes) => {
          const other = Buffer.from(bytes);
          if (offset === data0) other[77] = (other[77] ?? 0) ^ 1;
          return honest.write(offset, other);
        },
      }),
      'card-differs',
    ],
    [
      'takes the table and forgets it',
      (honest) => ({
        write: async (offset, bytes) => (offset === 0 && bytes[510] === 0x55 ? undefined : honest.write(offset, bytes)),
      }),
      'card-differs',
    ],
    [
      'is pulled out in the middle',
      (honest) => ({
        write: (offset, bytes) => (offset > 18e6 ? Promise.reject(broken()) : honest.write(offset, bytes)),
      }),
      'card-write',
    ],
    ['fails when all is to be on it', () => ({ flush: () => Promise.reject(broken()) }), 'card-write'],
    [
      'cannot be read back',
      () => ({ read: () => Promise.reject(new SalaError('no', { code: 'card-read', hint: '' })) }),
      'card-read',
    ],
    ['gives back nothing', () => ({ read: async () => {} }), 'card-differs'],
  ];
  for (const [what, fault, code] of lies)
    test(`one that ${what} is told, and starts nowhere`, async () => {
      const { outcome, hasTable } = await flashed(fault);
      expect(codeOf(outcome)).toBe(code);
      expect(hasTable).toBe(false);
    });

  test('Ctrl-C while it is written or read back leaves no table', async () => {
    for (const phase of ['writing', 'reading back'] as const) {
      const stop = new AbortController();
      const { outcome, hasTable } = await flashed(
        () => ({}),
        (name, done) => name === phase && done > 10e6 && stop.abort(),
        stop.signal,
      );
      expect(outcome).toBe(stop.signal.reason);
      expect(hasTable, phase).toBe(false);
    }
  });
});

test('an image file on a disk that is full is taken away again, and the disk is told', async () => {
  const disk = SmallDisk.mount(6);
  if (typeof disk === 'string') return process.stderr.write(`${disk}\n`);
  try {
    const run = runKit([flash], ['flash', event.inventoryFile, '--to', join(disk.path, 'card.img')], {
      TMPDIR: event.folder,
    });
    expect(await run.ended).toBe(1);
    expect(run.text()).toContain('There is no room for');
    expect(readdirSync(disk.path)).toEqual([]);
  } finally {
    disk.unmount();
  }
});
