/** A room as a reader's window meets it, without a document: its log, its pages of history, a line that may lag. */
import { expect } from 'vitest';
import type { Durable, ShownCaption } from '../../display/messages.js';
import { isBefore } from '../../display/reader/stretch.js';
import { type Asked, type Page, ReaderWindow } from '../../display/reader/window.js';

export const limits = { maxShown: 24, maxNewest: 6, maxDividers: 4, page: 8, maxPage: 60, few: 4, maxSince: 12 };

/** A room's log, its pages of history, and a line that may be cut: what a window has to do with. */
export class Room {
  readonly log: Durable[] = [];
  delivered = 0;
  #clock = 1000;

  get seq(): number {
    return this.log.length;
  }

  /** @param back how long before now it was spoken, 0: now */
  say(back = 0, text = `Said ${this.seq + 1}.`): Durable {
    if (back === 0) this.#clock += 10;
    const start = Math.max(0, this.#clock - back * 10);
    return this.#publish({
      type: 'caption',
      seq: this.seq + 1,
      text,
      language: 'en-US',
      start,
      end: start + 9,
      speaker: null,
      late: back > 0,
    });
  }

  amend(of: number, text: string | null): Durable {
    return this.#publish({ type: 'amend', seq: this.seq + 1, of, text, at: this.#clock });
  }

  act(type: 'clear' | 'pause' | 'resume'): Durable {
    return this.#publish({ type, seq: this.seq + 1, at: this.#clock });
  }

  #publish(message: Durable): Durable {
    this.log.push(message);
    return message;
  }

  transcript(): ShownCaption[] {
    const texts = new Map(this.log.flatMap((each) => (each.type === 'amend' ? [[each.of, each.text]] : [])));
    return this.log
      .flatMap((each) => (each.type === 'caption' ? [each] : []))
      .flatMap((each) => {
        const text = texts.has(each.seq) ? texts.get(each.seq) : each.text;
        return typeof text === 'string' ? [{ ...each, text }] : [];
      })
      .sort((a, b) => a.start - b.start || a.seq - b.seq);
  }

  page({ query: { limit, before, after } }: Asked): Page {
    const all = this.transcript().filter(
      (each) => (!before || isBefore(each, before)) && (!after || isBefore(after, each)),
    );
    const captions = after && !before ? all.slice(0, limit) : all.slice(-limit);
    return { captions, truncated: captions.length < all.length };
  }
}

/** The captions that a window shows, oldest first. */
export const captionsOf = (window: ReaderWindow) =>
  window.entries.flatMap((each) => (each.type === 'caption' ? [{ seq: each.seq, text: each.text }] : []));
const spoken = (captions: readonly ShownCaption[]) => captions.map(({ seq, text }) => ({ seq, text }));
export const seqs = (window: ReaderWindow) => captionsOf(window).map(({ seq }) => seq);

/** A page that opens while `room` goes on: it gets the newest `count` messages. */
export function opened(room: Room, count = 20): ReaderWindow {
  const window = new ReaderWindow(limits);
  for (const each of room.log.slice(-count)) window.apply(each);
  room.delivered = room.seq;
  return window;
}

export function deliver(room: Room, window: ReaderWindow): void {
  for (const each of room.log.slice(room.delivered)) window.apply(each);
  room.delivered = room.seq;
}

/** Answers what the window asks for, until it asks for nothing. */
export function supply(room: Room, window: ReaderWindow, near = { top: false, bottom: false }, most = 1000): void {
  for (let i = 0; i < most; i++) {
    const asked = window.ask(near);
    if (!asked) return;
    window.take(asked, room.page(asked));
  }
}

/** What the transcript says of the stretch that is shown. */
export function isWhole(room: Room, window: ReaderWindow): void {
  const shown = captionsOf(window);
  const all = spoken(room.transcript());
  const first = all.findIndex(({ seq }) => seq === shown[0]?.seq);
  expect(shown).toEqual(shown.length === 0 ? [] : all.slice(first, first + shown.length));
  if (window.isLive && shown.length > 0) expect(shown.at(-1)).toEqual(all.at(-1));
}
