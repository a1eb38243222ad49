/** Runs in a page before its own scripts: when each caption arrived, and when all of its letters were on the screen. */
export interface PageStamps {
  /** By seq: the message event, and the first moment after a frame that showed the whole caption; page clock, ms. */
  readonly arrived: Map<number, number>;
  readonly painted: Map<number, number>;
  /** Times between two frames since `frames` was last emptied, ms. */
  frames: number[];
}

declare global {
  interface Window {
    stamps: PageStamps;
  }
}

/** Given to `addInitScript`: stands alone. */
export function stampPage(): void {
  const lettersOf = (text: string | null) => (text ?? '').replaceAll(/\s/g, '').length;
  const waiting = new Map<number, number>();
  const stamps: PageStamps = { arrived: new Map(), painted: new Map(), frames: [] };
  window.stamps = stamps;

  const channel = new MessageChannel();
  let due: number[] = [];
  // A task right after a frame's callbacks runs when that frame has been laid out and painted.
  channel.port1.onmessage = () => {
    const now = performance.now();
    for (const seq of due) stamps.painted.set(seq, now);
    due = [];
  };

  window.WebSocket = class extends window.WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      this.addEventListener('message', ({ data }) => {
        const message = JSON.parse(data);
        if (message.type !== 'caption') return;
        stamps.arrived.set(message.seq, performance.now());
        waiting.set(message.seq, lettersOf(message.text));
        if (waiting.size > 2000) waiting.delete(waiting.keys().next().value ?? 0);
      });
    }
  };

  let before = 0;
  const look = (now: number) => {
    if (before > 0 && stamps.frames.length < 100_000) stamps.frames.push(now - before);
    before = now;
    for (const [seq, letters] of waiting) {
      let shown = 0;
      for (const part of document.querySelectorAll(`[data-seq="${seq}"]`)) shown += lettersOf(part.textContent);
      if (shown < letters) continue;
      waiting.delete(seq);
      due.push(seq);
    }
    if (due.length > 0) channel.port2.postMessage(0);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
