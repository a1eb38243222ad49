/**
 * Watches where words stand on a screen. Words are numbered (`numberedWords`), so that each is told from all others; a
 * word of a final that is painted must keep its text, its row and its column, and may only ever go up.
 */
import type { Page } from 'playwright-core';

/** What a page was seen to do wrong, in words, and which numbers have stood on it. */
export interface Watched {
  readonly faults: readonly string[];
  readonly seen: readonly number[];
}

/** Words of no to ten letters, each with its number: `ab17`. @param letters they are made of */
export function numberedWords(from: number, count: number, letters = 'mentareposil'): string[] {
  return Array.from({ length: count }, (_, n) => letters.slice(0, ((from + n) * 7) % 11) + (from + n));
}

/** To be run before the page: counts the messages that its lines have brought. */
export async function watchMessages(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const waiting = new Set<() => void>();
    const counts = { messages: 0 };
    Reflect.set(window, 'salaMessages', (wanted: number) => {
      if (counts.messages >= wanted) return Promise.resolve();
      return new Promise<void>((resolve) => {
        const check = () => {
          if (counts.messages < wanted) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
      });
    });
    class CountedSocket extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        this.addEventListener('message', ({ data }) => {
          if (!/"type":"(caption|partial|amend|clear)"/.test(String(data))) return;
          // After the page's own listener, which was added later.
          queueMicrotask(() => {
            counts.messages++;
            for (const each of waiting) each();
          });
        });
      }
    }
    window.WebSocket = CountedSocket;
  });
}

/** Resolves when the page has taken `count` captions, partials and acts in all. */
export const taken = (page: Page, count: number): Promise<void> =>
  page.evaluate(async (wanted) => Reflect.get(window, 'salaMessages')(wanted), count);

/** Looks at every word on the page once, and compares it with how it stood before. */
export function look(page: Page): Promise<void> {
  return page.evaluate(() => {
    interface Seen {
      row: Element;
      x: number;
      y: number;
    }
    const watched: { faults: string[]; seen: Map<string, Seen>; numbers: Set<number> } = Reflect.get(
      window,
      'salaWatched',
    ) ?? { faults: [], seen: new Map(), numbers: new Set() };
    Reflect.set(window, 'salaWatched', watched);
    const fault = (words: string) => {
      if (watched.faults.length < 20) watched.faults.push(words);
    };
    const range = document.createRange();
    const now = new Map<string, Seen>();
    let before = -1;
    for (const row of document.querySelectorAll('.row'))
      for (const part of row.querySelectorAll('.final')) {
        const text = part.firstChild;
        if (!(text instanceof Text)) continue;
        for (const { 0: word, index } of text.data.matchAll(/\S+/g)) {
          range.setStart(text, index);
          range.setEnd(text, index + word.length);
          const { x, y } = range.getBoundingClientRect();
          const number = Number(word.replace(/^\D+/, ''));
          if (before >= 0 && number !== before + 1) fault(`${word} stands after ${before}`);
          before = number;
          now.set(word, { row, x, y });
          const last = watched.seen.get(word);
          if (!last && watched.numbers.has(number)) fault(`${word} came back`);
          watched.numbers.add(number);
          if (!last) continue;
          if (last.row !== row) fault(`${word} went to another row`);
          if (Math.abs(last.x - x) > 0.01) fault(`${word} moved sideways by ${x - last.x}`);
          if (y > last.y + 0.5) fault(`${word} went down by ${y - last.y}`);
        }
      }
    for (const word of watched.seen.keys())
      if (
        !now.has(word) &&
        Number(word.replace(/^\D+/, '')) >= Math.min(...[...now.keys()].map((each) => Number(each.replace(/^\D+/, ''))))
      )
        fault(`${word} is gone`);
    watched.seen = now;
  });
}

/** What all looks have found. */
export function watched(page: Page): Promise<Watched> {
  return page.evaluate(() => {
    const { faults, numbers } = Reflect.get(window, 'salaWatched');
    return { faults, seen: [...numbers].sort((a: number, b: number) => a - b) };
  });
}
