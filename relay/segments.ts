import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sampleRate } from './protocol.js';

/** Ten minutes of positions a file: 19.2 MB of mono. */
export const segmentSamples = 600 * sampleRate;
const maxOpenFiles = 4;

/** The name of the file that holds `[index * segmentSamples, (index + 1) * segmentSamples)`. */
export const segmentFile = (index: number) => `${String(index).padStart(6, '0')}.pcm`;

export interface Piece {
  readonly position: number;
  /** Whole sample frames of the stream's format. */
  readonly audio: Uint8Array;
}

/**
 * The audio files of one stream: `FOLDER/000000.pcm`, … each ten minutes of positions, raw s16le at its place. Which
 * positions hold audio is known to the caller alone; an unwritten stretch reads as zeros.
 */
export class Segments {
  readonly #folder: string;
  readonly #bytesPerFrame: number;
  readonly #open = new Map<number, FileHandle>();
  /** One operation at a time: a file may not be closed under another's feet. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(folder: string, channels: number) {
    this.#folder = folder;
    this.#bytesPerFrame = 2 * channels;
  }

  /** Writes and syncs; when it resolves, the pieces survive a power cut. Errors are the file system's own. */
  store(pieces: readonly Piece[]): Promise<void> {
    return this.#inTurn(() => this.#store(pieces));
  }

  /** Fills `out` with the bytes from `from` on, zeros where nothing was written. */
  read(from: number, out: Uint8Array): Promise<void> {
    return this.#inTurn(() => this.#read(from, out));
  }

  close(): Promise<void> {
    return this.#inTurn(() => this.#close());
  }

  /** Deletes the file of `[index * segmentSamples, (index + 1) * segmentSamples)`. */
  removeSegment(index: number): Promise<void> {
    return this.#inTurn(async () => {
      await this.#open.get(index)?.close();
      this.#open.delete(index);
      await rm(this.#path(index), { force: true });
    });
  }

  /** Deletes the files. */
  remove(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#close();
      await rm(this.#folder, { recursive: true, force: true });
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  async #store(pieces: readonly Piece[]): Promise<void> {
    try {
      await this.#write(pieces);
    } catch (error) {
      await this.#close().catch(() => {}); // a disk that comes back has other files under these names
      throw error;
    }
    await this.#closeOldest();
  }

  async #write(pieces: readonly Piece[]): Promise<void> {
    const touched = new Set<number>();
    for (const { index, offset, audio } of this.#split(pieces)) {
      const file = await this.#file(index);
      await file.write(audio, 0, audio.length, offset);
      touched.add(index);
    }
    for (const index of touched) await this.#open.get(index)?.datasync();
  }

  async #read(from: number, out: Uint8Array): Promise<void> {
    out.fill(0);
    for (const { index, offset, audio } of this.#split([{ position: from, audio: out }])) {
      const file = this.#open.get(index) ?? (await this.#existing(index));
      await file?.read(audio, 0, audio.length, offset);
    }
    await this.#closeOldest();
  }

  async #close(): Promise<void> {
    const files = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(files.map((file) => file.close()));
  }

  *#split(pieces: readonly Piece[]): Generator<{ index: number; offset: number; audio: Uint8Array }> {
    for (const { position, audio } of pieces) {
      let at = position;
      let rest = audio;
      while (rest.length > 0) {
        const index = Math.floor(at / segmentSamples);
        const room = ((index + 1) * segmentSamples - at) * this.#bytesPerFrame;
        yield { index, offset: (at - index * segmentSamples) * this.#bytesPerFrame, audio: rest.subarray(0, room) };
        at += Math.min(room, rest.length) / this.#bytesPerFrame;
        rest = rest.subarray(room);
      }
    }
  }

  #path(index: number): string {
    return join(this.#folder, segmentFile(index));
  }

  async #file(index: number): Promise<FileHandle> {
    const existing = this.#open.get(index) ?? (await this.#existing(index));
    if (existing) return existing;
    await mkdir(this.#folder, { recursive: true });
    const file = await open(this.#path(index), 'w+', 0o640);
    try {
      // A new file exists after a power cut only if every folder that names it, or names a new folder, was synced too.
      const room = dirname(this.#folder);
      for (const folder of [this.#folder, room, dirname(room), dirname(dirname(room))]) await syncFolder(folder);
    } catch (error) {
      await file.close();
      await rm(this.#path(index), { force: true }); // so that the next try begins anew
      throw error;
    }
    this.#open.set(index, file);
    return file;
  }

  async #existing(index: number): Promise<FileHandle | null> {
    try {
      const file = await open(this.#path(index), 'r+');
      this.#open.set(index, file);
      return file;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error;
    }
  }

  async #closeOldest(): Promise<void> {
    for (const [index, file] of this.#open) {
      if (this.#open.size <= maxOpenFiles) return;
      this.#open.delete(index);
      await file.close();
    }
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
