import { extname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { messageOf, SalaError } from '../systemd/errors.ts';
import type { Logger } from '../systemd/log.ts';
import type { DiskBatch, DiskRead, DiskWritten, StoredStream } from './database.ts';
import type { Salvaged } from './salvage.ts';

export type DiskRequest = { readonly seq: number } & (
  | { readonly type: 'open' | 'probe' | 'close' }
  | { readonly type: 'write'; readonly batch: DiskBatch }
  | { readonly type: 'read'; readonly id: string; readonly from: number; readonly to: number }
);

export type DiskReply =
  | {
      readonly type: 'opened';
      readonly streams: readonly StoredStream[];
      readonly bytes: number;
      readonly lost: Salvaged['lost'];
    }
  | { readonly type: 'damaged'; readonly file: string; readonly message: string; readonly salvaged: number }
  | { readonly type: 'written'; readonly seq: number; readonly written: DiskWritten }
  | { readonly type: 'read'; readonly seq: number; readonly read: DiskRead }
  | { readonly type: 'done'; readonly seq: number }
  | { readonly type: 'failed'; readonly seq: number; readonly code: string; readonly message: string };

export interface DiskListener {
  /** The file was opened, at the start or again; this is all that is in it.
   * @param lost what a damaged file had, by stream */
  opened(streams: readonly StoredStream[], bytes: number, lost?: Salvaged['lost']): void;
  /** The file was no good and is now called `file`; another takes its place, and `opened` follows. */
  damaged(file: string): void;
}

/** The disk port: where audio goes that the relay does not take. Its promises reject with a SalaError. */
export interface Disk {
  start(listener: DiskListener): void;
  write(batch: DiskBatch): Promise<DiskWritten>;
  /** The chunks that touch `[from, to)`. */
  read(id: string, from: number, to: number): Promise<DiskRead>;
  /** Resolves when the disk's thread answers. */
  probe(): Promise<void>;
  stop(): Promise<void>;
}

interface Waiting {
  resolve(reply: DiskReply): void;
  reject(error: SalaError): void;
}

/** What `code` of SQLite means to the person who has to mend it. */
function diskError(code: string, message: string): SalaError {
  const known: [RegExp, string, string, string][] = [
    [/^SQLITE_FULL|^ENOSPC/, 'disk-full', 'The disk is full', 'Free some space on it, or lower --max-buffer-bytes.'],
    [
      /^SQLITE_READONLY|^SQLITE_CANTOPEN|^EROFS|^EACCES|^ENOENT/,
      'disk-read-only',
      'The data folder cannot be written',
      'A worn-out SD card turns read-only: replace it, or check the rights of the folder.',
    ],
    [
      /^SQLITE_BUSY|^SQLITE_LOCKED/,
      'buffer-in-use',
      'Another program uses this data folder',
      'Stop the other device program, or give each its own --data-dir.',
    ],
    [
      /^SQLITE_(CORRUPT|NOTADB)/,
      'buffer-damaged',
      'The buffer file was damaged',
      'It was set aside, and what can be read of it is kept; if this happens again, replace the SD card.',
    ],
  ];
  const match = known.find(([pattern]) => pattern.test(code));
  return new SalaError(`${match?.[2] ?? 'The buffer file cannot be written'} (${code || message})`, {
    code: match?.[1] ?? 'disk-failed',
    hint: match?.[3] ?? 'Captions go on; if this stays, replace the SD card.',
    cause: message,
  });
}

export interface WorkerDiskOptions {
  /** The buffer's file; its folder exists. */
  readonly file: string;
  readonly log: Logger;
  readonly restartDelayMs?: number;
  /** A card that hangs must not keep the program from ending: all that was promised is synced already. */
  readonly closeTimeoutMs?: number;
}

/** The disk behind a worker thread. A thread that dies is replaced; what it was doing has failed. */
export class WorkerDisk implements Disk {
  readonly #file: string;
  readonly #log: Logger;
  readonly #restartDelayMs: number;
  readonly #closeTimeoutMs: number;
  readonly #waiting = new Map<number, Waiting>();
  #listener: DiskListener | null = null;
  #worker: Worker | null = null;
  #restart: NodeJS.Timeout | undefined;
  #seq = 0;
  #stopping: Promise<void> | null = null;

  constructor({ file, log, restartDelayMs = 2000, closeTimeoutMs = 2000 }: WorkerDiskOptions) {
    this.#file = file;
    this.#log = log;
    this.#restartDelayMs = restartDelayMs;
    this.#closeTimeoutMs = closeTimeoutMs;
  }

  start(listener: DiskListener): void {
    this.#listener = listener;
    this.#spawn();
    this.#ask({ type: 'open', seq: ++this.#seq }).catch((error: unknown) =>
      this.#log.warn({ error: messageOf(error) }, 'the buffer file cannot be opened'),
    );
  }

  async write(batch: DiskBatch): Promise<DiskWritten> {
    const reply = await this.#ask(
      { type: 'write', seq: ++this.#seq, batch },
      batch.chunks.map(({ audio }) => audio.buffer),
    );
    if (reply.type !== 'written') throw diskError('', `unexpected ${reply.type}`);
    return reply.written;
  }

  async read(id: string, from: number, to: number): Promise<DiskRead> {
    const reply = await this.#ask({ type: 'read', seq: ++this.#seq, id, from, to });
    if (reply.type !== 'read') throw diskError('', `unexpected ${reply.type}`);
    return reply.read;
  }

  async probe(): Promise<void> {
    await this.#ask({ type: 'probe', seq: ++this.#seq });
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#close();
    return this.#stopping;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#restart);
    const worker = this.#worker;
    if (!worker) return;
    const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    const expired = delay(this.#closeTimeoutMs, undefined, { ref: false });
    await Promise.race([this.#ask({ type: 'close', seq: ++this.#seq }).catch(() => undefined), expired]);
    await Promise.race([exited, worker.terminate(), expired]);
  }

  #spawn(): void {
    // Built and unbuilt the file beside this one has this one's ending.
    const script = new URL(`./buffer-worker${extname(import.meta.url)}`, import.meta.url);
    const worker = new Worker(script, {
      workerData: { file: this.#file },
      resourceLimits: { maxOldGenerationSizeMb: 48, maxYoungGenerationSizeMb: 4 },
    });
    this.#worker = worker;
    worker.on('message', (reply: DiskReply) => this.#answer(reply));
    worker.on('error', (error) => this.#log.error({ error: messageOf(error) }, 'the buffer thread failed'));
    worker.on('exit', () => this.#exited());
  }

  #exited(): void {
    this.#worker = null;
    for (const { reject } of this.#waiting.values()) reject(diskError('', 'the buffer thread ended'));
    this.#waiting.clear();
    if (this.#stopping !== null) return;
    this.#restart = setTimeout(() => this.#spawn(), this.#restartDelayMs);
  }

  #answer(reply: DiskReply): void {
    if (reply.type === 'opened') {
      this.#listener?.opened(reply.streams, reply.bytes, reply.lost);
      return;
    }
    if (reply.type === 'damaged') {
      const { file, message: error, salvaged } = reply;
      this.#log.error({ file, error, salvaged }, 'the buffer file was damaged and is set aside');
      this.#listener?.damaged(reply.file);
      return;
    }
    const waiting = this.#waiting.get(reply.seq);
    this.#waiting.delete(reply.seq);
    if (reply.type === 'failed') waiting?.reject(diskError(reply.code, reply.message));
    else waiting?.resolve(reply);
  }

  #ask(request: DiskRequest, transfer: ArrayBuffer[] = []): Promise<DiskReply> {
    const worker = this.#worker;
    if (!worker) return Promise.reject(diskError('', 'the buffer thread is not running'));
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.seq, { resolve, reject });
      worker.postMessage(request, transfer);
    });
  }
}
