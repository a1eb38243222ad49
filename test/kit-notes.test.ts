/** What a room's screen tells of the kit at the mixer before a talk, from the kit's health to the page. Costs about a second. */
import { describe, expect, test } from 'vitest';
import { KitNotes } from '../relay/kit-notes.ts';
import type { Health, Status } from '../relay/protocol.js';
import { AudioDoor } from './harness/audio-door.ts';
import { captionPages, complaints, eventually, shown } from './harness/caption-page.ts';

const fine: Health = {
  ...{ state: 'ok', message: 'All is well', power: { low: false, lowCount: 0 }, disk: { freeBytes: 500e6 } },
  buffer: { heldMs: 0, backlogMs: 0, diskBytes: 0, droppedMs: 0, state: 'ok' },
};
const weak: Health = { ...fine, power: { low: true, lowCount: 1 } };

describe('of the kit at the mixer', () => {
  test('nothing is told where nothing is lacking, or nothing is known', () => {
    const notes = new KitNotes(() => 0);
    expect(notes.of(fine)).toEqual([]);
    expect(notes.of({ state: 'ok', message: '' })).toEqual([]);
    expect(notes.of({ state: 'mixer-absent', message: '' })).toEqual([]);
    expect(notes.of(null)).toEqual([]);
  });

  test('weak power is told for ten minutes, and not of the next kit', () => {
    let now = 0;
    const notes = new KitNotes(() => now);
    expect(notes.of(weak)).toEqual(['power']);
    now = 599_999;
    expect(notes.of(fine)).toEqual(['power']);
    now = 600_000;
    expect(notes.of(fine)).toEqual([]);
    expect(notes.of(weak)).toEqual(['power']);
    expect(notes.of(null)).toEqual([]);
    expect(notes.of(fine)).toEqual([]);
  });

  test.each<Partial<Health>>([
    { state: 'disk-full' },
    { state: 'buffer-dropping' },
    { buffer: { heldMs: 0, backlogMs: 0, diskBytes: 0, droppedMs: 0, state: 'disk-read-only' } },
    { disk: { freeBytes: 499e6 } },
  ])('a card that does not keep its sound is told: %j', (health) => {
    expect(new KitNotes(() => 0).of({ ...fine, ...health })).toEqual(['card']);
  });

  test('readers of the room are told when it changes, and no more when the kit is gone', async () => {
    const door = await new AudioDoor().start();
    const told: Status[] = [];
    const ignored = () => {};
    const { room } = door;
    room.listen({
      logged: ignored,
      partial: ignored,
      talk: ignored,
      deleted: ignored,
      status: (each) => told.push(each),
    });
    const kit = await door.connect();
    kit.hello([], 'kit', false);
    const say = (health: Health) => kit.say({ type: 'health', health });
    for (const health of [fine, weak, weak, { ...weak, state: 'disk-full' }]) say(health);
    await expect.poll(() => told.at(-1)?.kit).toEqual(['power', 'card']);
    expect(told.flatMap(({ kit: lacks }) => (lacks ? [lacks] : []))).toEqual([['power'], ['power', 'card']]);
    kit.socket.close();
    await expect.poll(() => Object.keys(told.at(-1) ?? {}).sort()).toEqual(['message', 'state', 'type']);
    await door.stop();
  });
});

describe('a room’s screen', () => {
  const pages = captionPages();
  const status = (kit: unknown) =>
    pages.server.raw(JSON.stringify({ type: 'status', state: 'listening', message: 'Listening.', kit }));
  const power = 'The kit at the mixer gets too little power: use the power supply that belongs to it.';
  const card = 'The kit at the mixer cannot keep its sound: tell the organizers that its card needs replacing.';

  test('tells staff before the talk what the kit at the mixer lacks, until it does no more', async () => {
    const page = await pages.open(pages.server.url());
    await pages.server.connected(1);
    status(['power', 'card']);
    await eventually(() => shown(page, 'detail'), [`${power}\n${card}`]);
    // Words of a newer relay, and nonsense, are left out.
    status(['fan', 'constructor', 7, null, 'power']);
    await eventually(() => shown(page, 'detail'), []);
    status(['fan', 'power']);
    await eventually(() => shown(page, 'detail'), [power]);
    status(undefined);
    await eventually(() => shown(page, 'detail'), []);
    expect(complaints(page)).toEqual([]);
  });

  test('tells the audience nothing of it', async () => {
    const page = await pages.open(pages.server.url({ view: 'reader' }));
    await pages.server.connected(1);
    status(['power']);
    await eventually(() => shown(page, 'state'), ['Listening']);
    expect(await shown(page, 'detail')).toEqual([]);
    // During a talk a screen shows words, and nothing else.
    const screen = await pages.open(pages.server.url());
    await pages.server.connected(2);
    pages.server.say('Buongiorno.');
    status(['power']);
    await eventually(() => shown(screen, 'state'), []);
    expect([await shown(screen, 'detail'), await shown(screen, 'notice')]).toEqual([[], []]);
  });
});
