import { createReadStream, type ReadStream } from 'node:fs';
import type { Admission } from './access.ts';
import { type Refusal, unavailable } from './refusal.ts';

export const defaultDownloadLimits = {
  /** Of all kits at once: each holds a file open and half a megabyte, whether or not its kit takes it. */
  maxDownloads: 50,
  retryAfterSeconds: 30,
};
export type DownloadLimits = { readonly [K in keyof typeof defaultDownloadLimits]: number };

interface Download {
  readonly admission: Admission;
  readonly source: ReadStream;
}

/** Archives on their way to kits: one for each, the newest; it ends with what let it through. */
export class ReleaseDownloads {
  readonly #limits: DownloadLimits;
  /** By who fetches it. */
  readonly #open = new Map<string, Download>();

  constructor(limits: Partial<DownloadLimits> = {}) {
    this.#limits = { ...defaultDownloadLimits, ...limits };
  }

  /** Downloads that are under way. */
  get size(): number {
    return this.#open.size;
  }

  /** Ends those whose admission is over. */
  end(isOver: (admission: Admission) => boolean): void {
    for (const { admission, source } of [...this.#open.values()])
      if (isOver(admission)) source.destroy(new Error('the key of the kit ended'));
  }

  /** A part of a file as the body of an answer: read as fast as it is taken, closed also when nobody wants the rest. */
  begin(admission: Admission, file: string, start: number, end: number): ReadableStream<Uint8Array> | Refusal {
    const { actor } = admission;
    const before = this.#open.get(actor);
    if (!before && this.#open.size >= this.#limits.maxDownloads)
      return unavailable(
        'too-many-downloads',
        'As many kits fetch a release as the relay serves at once',
        'It tries again by itself.',
        this.#limits.retryAfterSeconds,
      );
    // A line that broke is not always noticed here.
    before?.source.destroy(new Error('the kit asked once more'));
    const source = createReadStream(file, { start, end, highWaterMark: 256 * 1024 });
    const download = { admission, source };
    this.#open.set(actor, download);
    source.on('error', () => {}); // told to whoever reads; between two pieces that is nobody
    source.once('close', () => {
      if (this.#open.get(actor) === download) this.#open.delete(actor);
    });
    const chunks: AsyncIterator<Buffer> = source[Symbol.asyncIterator]();
    return new ReadableStream({
      async pull(controller) {
        const { value, done } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(new Uint8Array(value));
      },
      cancel: () => void source.destroy(),
    });
  }
}
