import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CardRecords } from '../provisioning/kit/card/records.ts';
import { flashCommand } from '../provisioning/kit/commands/flash.ts';
import { reseedCommand } from '../provisioning/kit/commands/reseed.ts';
import { verify } from '../provisioning/kit/commands/verify.ts';
import { runKit } from './harness/kit-command.ts';
import { type KitEvent, kitEvent } from './harness/kit-event.ts';
import { disguised, LoopDisk, noLoopDevices } from './harness/loop-disk.ts';

/** About 4 s: an evening's cards, on real block devices that look like cards, with the operator's answers. */

const whyNot = noLoopDevices();
if (whyNot !== null) process.stderr.write(`cards are not written here: ${whyNot}\n`);

describe.skipIf(whyNot !== null)('The loop over cards', () => {
  let event: KitEvent;
  let inserted: LoopDisk | null = null;
  const disks: LoopDisk[] = [];
  const readDisks = () => disguised(inserted ? [inserted.kname] : []);
  const insert = (sizeBytes = 8e9) => {
    inserted = new LoopDisk(sizeBytes);
    disks.push(inserted);
    return inserted;
  };
  const commands = [flashCommand(readDisks), reseedCommand(readDisks), verify];
  const start = (...args: readonly string[]) => runKit(commands, args, { TMPDIR: event.folder });

  beforeAll(() => {
    event = kitEvent({ displays: true, isSmall: true });
  });
  afterAll(() => event.close());
  afterEach(() => {
    for (const each of disks.splice(0)) each.detach();
    inserted = null;
  });

  test('asks for each kit’s card, notices the one just written, and keeps a record', async () => {
    const run = start('flash', event.inventoryFile);
    await run.answer('Insert the card for room-1-sound (Sala room-1): yes, skip, quit? ', 'yes');
    await run.sees('There is no card that may be written');
    insert();
    await run.answer('Insert the card for room-1-sound', 'y');
    await run.answer('Write room-1-sound to it: yes, no? ', 'no');
    await run.answer('Insert the card for room-1-sound', 'y');
    await run.answer('Write room-1-sound to it: yes, no? ', 'yes');
    await run.sees('read back and equal');
    await run.answer('Insert the card for room-1-screen', 'yes');
    await run.sees('This is still the card of room-1-sound');
    const first = inserted?.path ?? '';
    insert(10e9);
    await run.answer('Insert the card for room-1-screen', 'yes');
    await run.sees('Its size is not that of the last card (8.0 GB)');
    await run.answer('Write room-1-screen to it: yes, no? ', 'yes');
    expect(await run.ended, run.text()).toBe(0);
    expect(run.text()).toContain('LOOP-0001');
    const records = new CardRecords(event.inventoryFile).all();
    expect(records).toMatchObject([
      { kit: 'room-1-sound', target: first, serial: 'LOOP-0001', bytes: 8e9 },
      { kit: 'room-1-screen', target: inserted?.path, bytes: 1e10 },
    ]);
    expect(new Set(records.map(({ diskId }) => diskId)).size).toBe(2);
    for (const path of [first, inserted?.path ?? '']) {
      const verified = start('verify', event.inventoryFile, path);
      expect(await verified.ended, verified.text()).toBe(0);
    }

    const again = start('reseed', event.inventoryFile, inserted?.path ?? '');
    await again.answer('Give it new settings: yes, no? ', 'yes');
    expect(await again.ended, again.text()).toBe(0);
    const verified = start('verify', event.inventoryFile, inserted?.path ?? '');
    expect(await verified.ended, verified.text()).toBe(0);

    const later = start('flash', event.inventoryFile, 'room-1-sound');
    await later.answer('Insert the card for room-1-sound', 'yes');
    await later.sees('It was written as room-1-screen at ');
    await later.answer('Write room-1-sound to it', 'no');
    await later.answer('Insert the card for room-1-sound', 'skip');
    expect(await later.ended).toBe(1);
    expect(later.text()).toContain('Without a card from this run: room-1-sound.');
  });

  test('quit, and the end of the input, leave the rest and say so', async () => {
    const quit = start('flash', event.inventoryFile);
    await quit.answer('Insert the card for room-1-sound', 'skip');
    await quit.answer('Insert the card for room-1-screen', 'quit');
    expect(await quit.ended).toBe(1);
    expect(quit.text()).toContain('Without a card from this run: room-1-sound, room-1-screen.');
    const closed = start('flash', event.inventoryFile);
    closed.endInput();
    expect(await closed.ended).toBe(1);
  });

  test('an image with another checksum ends it before any card is asked for', async () => {
    const run = start('flash', event.withImage(event.image, '0'.repeat(64)));
    expect(await run.ended).toBe(1);
    expect(run.text()).toContain('is not the one the inventory names');
    expect(run.text()).not.toContain('Insert the card');
  });

  test('a disk that is named and may not be written is refused with its grounds, and keeps every byte', async () => {
    const disk = insert(5e9);
    const run = start('flash', event.inventoryFile, '--disk', disk.path);
    await run.answer('Insert the card for room-1-sound', 'yes');
    await run.sees('is not written. Its size (5.0 GB) is not between');
    await run.answer('Insert the card for room-1-sound', 'quit');
    expect(await run.ended).toBe(1);
    expect(disk.command('cmp', '-n', '10000000', disk.file, '/dev/zero')).toBe('');
  });

  test('Ctrl-C says whether the card is still what it was', async () => {
    const disk = insert();
    // Looks at the disks: for the question, before and after the opening, and right before the first byte.
    for (const [looks, words] of [
      [3, `Nothing was written to ${disk.path}.`],
      [4, `The card in ${disk.path} is NOT usable`],
    ] as const) {
      let looked = 0;
      let interrupt = () => {};
      const counted = flashCommand(async () => {
        looked++;
        if (looked === looks) interrupt();
        return readDisks();
      });
      const run = runKit([counted], ['flash', event.inventoryFile, 'room-1-sound'], { TMPDIR: event.folder });
      interrupt = run.interrupt;
      await run.answer('Insert the card for room-1-sound', 'yes');
      await run.answer('Write room-1-sound to it: yes, no? ', 'yes');
      expect(await run.ended).toBe(130);
      expect(run.text()).toContain(words);
      expect(disk.command('cmp', '-n', '512', disk.file, '/dev/zero')).toBe('');
    }
  });
});
