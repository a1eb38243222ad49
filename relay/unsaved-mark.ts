import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/**
 * One byte on disk that says whether captions were published that the database could not take. It is made while there is
 * space and only ever overwritten, which a full disk allows. A start that finds it set knows that readers may hold
 * captions nobody else has: the logs get new ids, so that readers begin anew instead of missing or mixing any.
 */
export class UnsavedMark {
  readonly #file: number;
  readonly wasSet: boolean;
  #set: boolean;

  constructor(dataDir: string) {
    const path = join(dataDir, 'captions-unsaved');
    closeSync(openSync(path, 'a')); // makes it
    this.#file = openSync(path, 'r+');
    const byte = Buffer.alloc(1);
    this.wasSet = readSync(this.#file, byte, 0, 1, 0) === 1 && byte.toString() === '1';
    this.#set = true;
    this.set(false); // takes its place on disk
  }

  set(on: boolean): void {
    if (on === this.#set) return;
    this.#set = on;
    try {
      this.#write(on ? '1' : '0');
    } catch {} // a disk that takes no byte at all: the captions go on
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(text: string): void {
    writeSync(this.#file, text, 0);
    fsyncSync(this.#file);
  }
}
