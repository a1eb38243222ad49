import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/**
 * One byte on disk that says whether captions were published that the database could not take. It is made while there is
 * space and only ever overwritten, which a full disk allows. A start that finds it set knows that readers may hold
 * captions nobody else has: the logs get new ids, so that readers begin anew instead of missing or mixing any.
 */
export class UnsavedMark {
  readonly #path: string;
  #file: number;
  readonly wasSet: boolean;
  #set: boolean;

  constructor(dataDir: string) {
    this.#path = join(dataDir, 'captions-unsaved');
    closeSync(openSync(this.#path, 'a')); // makes it
    this.#file = openSync(this.#path, 'r+');
    const byte = Buffer.alloc(1);
    this.wasSet = readSync(this.#file, byte, 0, 1, 0) === 1 && byte.toString() === '1';
    this.#set = true;
    this.set(false); // takes its place on disk
  }

  set(on: boolean): void {
    if (on === this.#set) return;
    try {
      this.#write(on ? '1' : '0');
      this.#set = on;
    } catch {
      this.#reopen(); // a disk that takes no byte at all: the captions go on
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  /** A disk that was mounted anew has another file of this name. */
  #reopen(): void {
    try {
      const file = openSync(this.#path, 'r+');
      closeSync(this.#file);
      this.#file = file;
    } catch {}
  }

  #write(text: string): void {
    writeSync(this.#file, text, 0);
    fsyncSync(this.#file);
  }
}
