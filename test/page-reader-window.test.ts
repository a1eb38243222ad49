import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Asked, Page } from '../display/reader/window.js';
import { captionsOf, deliver, isWhole, limits, opened, Room, seqs, supply } from './harness/reader-room.ts';

describe('a window', () => {
  test('of a talk that has just begun says so, without asking, and nothing before the first word', () => {
    const room = new Room();
    const window = opened(room);
    expect(window.ask({ top: true, bottom: true })).toBeNull();
    expect(window.top).toBe('more');
    room.say();
    deliver(room, window);
    expect(window.ask({ top: true, bottom: true })).toBeNull();
    expect(window.top).toBe('begin');
  });

  test('begins with the newest captions and reaches the first by pages, each once', () => {
    const room = new Room();
    for (let i = 0; i < 100; i++) room.say();
    const window = opened(room);
    supply(room, window);
    expect(seqs(window).at(-1)).toBe(100);
    window.stand();
    const seen = new Set<number>(seqs(window));
    for (let i = 0; i < 50 && window.top !== 'begin'; i++) {
      window.reading = window.entries[0] ?? window.reading;
      supply(room, window, { top: true, bottom: false }, 1);
      isWhole(room, window);
      for (const seq of seqs(window)) seen.add(seq);
    }
    expect(window.top).toBe('begin');
    expect(seqs(window)[0]).toBe(1);
    expect(seen.size).toBe(100);
    expect(window.isLive).toBe(false);
  });

  test('goes down again until it meets the live end, whatever is said meanwhile', () => {
    const room = new Room();
    for (let i = 0; i < 100; i++) room.say();
    const window = opened(room);
    window.stand();
    for (let i = 0; i < 50 && window.top !== 'begin'; i++) {
      window.reading = window.entries[0] ?? window.reading;
      supply(room, window, { top: true, bottom: false }, 1);
    }
    for (let i = 0; i < 50 && !window.isLive; i++) {
      room.say();
      deliver(room, window);
      window.reading = window.entries.at(-1) ?? window.reading;
      supply(room, window, { top: false, bottom: true }, 1);
      isWhole(room, window);
    }
    expect(window.isLive).toBe(true);
    room.say();
    deliver(room, window);
    expect(seqs(window).at(-1)).toBe(room.seq);
  });

  test('goes to the live end at once, and counts what was said since it left', () => {
    const room = new Room();
    for (let i = 0; i < 60; i++) room.say();
    const window = opened(room);
    supply(room, window);
    window.stand();
    window.reading = window.entries[0] ?? window.reading;
    for (let i = 0; i < 40; i++) room.say();
    deliver(room, window);
    expect(window.unseen).toBe(40);
    expect(window.isLive).toBe(false);
    window.follow();
    expect(window.unseen).toBe(0);
    expect(window.isLive).toBe(true);
    expect(seqs(window)).toEqual([95, 96, 97, 98, 99, 100]);
  });

  test('that opens on late captions shows no gap once the first page came', () => {
    const room = new Room();
    for (let i = 0; i < 60; i++) room.say();
    for (let i = 0; i < 15; i++) room.say(50 - i);
    for (let i = 0; i < 5; i++) room.say();
    const window = opened(room);
    supply(room, window);
    isWhole(room, window);
  });

  test('puts a late caption in its place, and leaves alone what is not loaded', () => {
    const room = new Room();
    for (let i = 0; i < 60; i++) room.say();
    const window = opened(room);
    supply(room, window);
    room.say(3);
    room.say(55);
    deliver(room, window);
    isWhole(room, window);
    expect(seqs(window)).toContain(61);
    expect(seqs(window)).not.toContain(62);
    window.stand();
    for (let i = 0; i < 20; i++) {
      window.reading = window.entries[0] ?? window.reading;
      supply(room, window, { top: true, bottom: false }, 1);
    }
    expect(seqs(window)).toContain(62);
  });

  test('takes what is said while a page is under way', () => {
    const room = new Room();
    for (let i = 0; i < 60; i++) room.say();
    const window = opened(room);
    supply(room, window);
    window.stand();
    window.reading = window.entries[0] ?? window.reading;
    const asked = window.ask({ top: true, bottom: false });
    if (!asked) throw new Error('nothing was asked for');
    const page = room.page(asked);
    const [late, amended] = [room.say(30), room.amend(33, 'Corrected.')];
    deliver(room, window);
    expect(window.take(asked, page)).toBe(true);
    expect(late.seq + amended.seq).toBeGreaterThan(0);
    isWhole(room, window);
    expect(captionsOf(window)).toContainEqual({ seq: 33, text: 'Corrected.' });
  });

  test('takes no page that it has moved away from meanwhile: a caption would be missing between', () => {
    const room = new Room();
    for (let i = 0; i < 26; i++) room.say();
    const window = opened(room);
    supply(room, window);
    window.stand();
    window.reading = window.entries[0] ?? window.reading;
    const up = window.ask({ top: true, bottom: false });
    window.follow();
    for (let i = 0; i < 2; i++) room.say();
    deliver(room, window);
    if (!up) throw new Error('nothing was asked for');
    expect(window.take(up, room.page(up))).toBe(false);
    isWhole(room, window);
    supply(room, window, { top: true, bottom: false }, 1);
    isWhole(room, window);
  });

  test('hides, and shows again, also what was hidden before it opened', () => {
    const room = new Room();
    for (let i = 0; i < 30; i++) room.say();
    room.amend(25, null);
    const window = opened(room);
    supply(room, window);
    expect(seqs(window)).not.toContain(25);
    room.amend(28, null);
    deliver(room, window);
    expect(seqs(window)).not.toContain(28);
    room.amend(28, 'Here again.');
    room.amend(25, 'And this one.');
    deliver(room, window);
    supply(room, window);
    expect(captionsOf(window)).toContainEqual({ seq: 28, text: 'Here again.' });
    expect(captionsOf(window)).toContainEqual({ seq: 25, text: 'And this one.' });
    isWhole(room, window);
  });

  test('is given a caption that was hidden before its page came, and is shown again', () => {
    const room = new Room();
    for (let i = 0; i < 60; i++) room.say();
    room.amend(30, null);
    const window = opened(room);
    supply(room, window);
    window.stand();
    window.reading = window.entries[0] ?? window.reading;
    supply(room, window, { top: true, bottom: false }, 1);
    expect(seqs(window)).toEqual(expect.arrayContaining([29, 31]));
    expect(seqs(window)).not.toContain(30);
    room.amend(30, 'Here after all.');
    deliver(room, window);
    // Every page in the room asks at this moment: for few captions, and once.
    const asked = window.ask({ top: false, bottom: false });
    expect(asked?.query).toMatchObject({ limit: limits.few, after: { seq: 29 } });
    if (asked) window.take(asked, room.page(asked));
    expect(window.ask({ top: false, bottom: false })).toBeNull();
    expect(captionsOf(window)).toContainEqual({ seq: 30, text: 'Here after all.' });
    isWhole(room, window);
  });

  test('that is scrolled up long after the screen was cleared ends where that was', () => {
    const room = new Room();
    for (let i = 0; i < 30; i++) room.say();
    const window = opened(room);
    supply(room, window);
    const { seq } = room.act('clear');
    for (let i = 0; i < 60; i++) room.say();
    deliver(room, window);
    expect(window.top).toBe('more');
    window.stand();
    for (let i = 0; i < 20; i++) {
      window.reading = window.entries[0] ?? window.reading;
      supply(room, window, { top: true, bottom: false }, 1);
    }
    expect(window.top).toBe('cut');
    expect(seqs(window)[0]).toBe(seq + 1);
    window.uncover();
    supply(room, window, { top: true, bottom: false }, 1);
    expect(seqs(window)[0]).toBeLessThan(seq);
  });

  test('is empty after the screen was cleared, until the reader wants back what was before', () => {
    const room = new Room();
    for (let i = 0; i < 30; i++) room.say();
    const window = opened(room);
    supply(room, window);
    room.act('clear');
    deliver(room, window);
    expect(captionsOf(window)).toEqual([]);
    expect(window.top).toBe('cut');
    room.say(5);
    const next = room.say();
    deliver(room, window);
    supply(room, window, { top: true, bottom: true });
    expect(seqs(window)).toEqual([next.seq]);
    window.uncover();
    for (let i = 0; i < 10; i++) supply(room, window, { top: true, bottom: false }, 1);
    isWhole(room, window);
    expect(seqs(window)).toContain(30);
    expect(window.entries.map(({ type }) => type)).toContain('divider');
  });

  test('that stands in the past keeps what it shows when the screen is cleared, until it follows again', () => {
    const room = new Room();
    for (let i = 0; i < 30; i++) room.say();
    const window = opened(room);
    supply(room, window);
    window.stand();
    window.reading = window.entries[0] ?? window.reading;
    const before = seqs(window);
    room.act('clear');
    room.say();
    deliver(room, window);
    expect(seqs(window)).toEqual(expect.arrayContaining(before.slice(0, 5)));
    window.follow();
    expect(seqs(window)).toEqual([room.seq]);
  });

  test('is not emptied of what was said after a clear that it hears of late', () => {
    const room = new Room();
    for (let i = 0; i < 40; i++) room.say();
    const window = opened(room);
    room.act('clear');
    const after = [room.say().seq, room.say().seq];
    supply(room, window); // a page of the moment after the line was cut
    deliver(room, window);
    expect(seqs(window)).toEqual(after);
  });

  test('divides where the organizer paused and resumed', () => {
    const room = new Room();
    room.say();
    const window = opened(room);
    room.act('pause');
    room.act('resume');
    room.say();
    deliver(room, window);
    expect(window.entries.map((each) => (each.type === 'divider' ? each.act : each.seq))).toEqual([
      1,
      'pause',
      'resume',
      4,
    ]);
  });

  test('begins anew with another log', () => {
    const room = new Room();
    for (let i = 0; i < 60; i++) room.say();
    const window = opened(room);
    const asked = window.ask({ top: true, bottom: false });
    window.reset();
    const other = new Room();
    for (let i = 0; i < 100; i++) other.say(0, `Other ${i}.`);
    deliver(other, window);
    if (asked) expect(window.take(asked, room.page(asked))).toBe(false);
    isWhole(other, window);
    expect(window.following).toBe(true);
  });
});

test('whatever happens in whatever order, the window is a stretch of the transcript and stays small', () => {
  const steps = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant('say'), n: fc.integer({ min: 1, max: 12 }) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('late'), n: fc.integer({ min: 1, max: 60 }) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('amend', 'hide'), n: fc.nat(200) }) },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constantFrom('pause', 'resume', 'clear', 'uncover'), n: fc.constant(0) }),
      },
      { weight: 5, arbitrary: fc.record({ do: fc.constant('deliver'), n: fc.nat(20) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('ask up', 'ask down'), n: fc.constant(0) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('see', 'answer', 'fail'), n: fc.constant(0) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('scroll'), n: fc.nat(100) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('stand', 'follow'), n: fc.constant(0) }) },
    ),
    { maxLength: 120 },
  );
  fc.assert(
    fc.property(fc.nat(60), steps, (before, todo) => {
      const room = new Room();
      for (let i = 0; i < before; i++) room.say();
      const window = opened(room);
      let asked: Asked | null = null;
      let page: Page | null = null;
      for (const { do: what, n } of todo) {
        if (what === 'say') for (let i = 0; i < n; i++) room.say();
        else if (what === 'late') room.say(n);
        else if (what === 'pause' || what === 'resume' || what === 'clear') room.act(what);
        else if (what === 'uncover') window.uncover();
        else if (what === 'amend' || what === 'hide') {
          const captions = room.log.filter(({ type }) => type === 'caption');
          const of = captions[n % Math.max(1, captions.length)]?.seq;
          if (of) room.amend(of, what === 'hide' ? null : `Corrected by ${room.seq}.`);
        } else if (what === 'deliver') {
          for (const each of room.log.slice(room.delivered, room.delivered + n)) window.apply(each);
          room.delivered = Math.min(room.seq, room.delivered + n);
        } else if (what === 'ask up' || what === 'ask down') {
          asked ??= window.ask({ top: what === 'ask up', bottom: what === 'ask down' });
        } else if (what === 'see') {
          if (asked) page ??= room.page(asked);
        } else if (what === 'answer' || what === 'fail') {
          if (asked && what === 'fail') window.giveUp(asked);
          else if (asked) window.take(asked, page ?? room.page(asked));
          asked = page = null;
        } else if (what === 'scroll') {
          const { entries } = window;
          window.stand();
          window.reading = entries[Math.floor((n / 101) * entries.length)] ?? window.reading;
        } else if (what === 'stand') window.stand();
        else window.follow();
        expect(window.size).toBeLessThanOrEqual(limits.maxShown + limits.maxNewest + limits.maxDividers);
        expect(new Set(seqs(window)).size).toBe(seqs(window).length);
      }
      deliver(room, window);
      if (asked) window.take(asked, page ?? room.page(asked));
      supply(room, window);
      isWhole(room, window);
      window.follow();
      supply(room, window);
      isWhole(room, window);
      expect(window.isLive).toBe(true);
    }),
    { numRuns: 3000 },
  );
});
