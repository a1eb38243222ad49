import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { compiledShim } from './shim.ts';

/** Makes the machine under a program misbehave: slow syncs, a wall clock that is off, a bad sector. Null where there is no C compiler. */
export class MachineFaults {
  /** The program's environment needs these. */
  readonly env: NodeJS.ProcessEnv;
  readonly #file: string;

  private constructor(library: string, file: string) {
    this.#file = file;
    this.env = { LD_PRELOAD: library, SALA_TEST_FAULTS: file };
    writeFileSync(file, Buffer.alloc(24));
  }

  /** @param file where the faults are told to the program; it need not exist */
  static make(file: string): MachineFaults | null {
    const library = compiledShim('faults-shim.c');
    return library === null ? null : new MachineFaults(library, file);
  }

  /** Each sync takes so much longer from now on. */
  syncTakes(ms: number): void {
    this.#set(0, ms);
  }

  /** The wall clock is so far off from now on. */
  wallClockOff(ms: number): void {
    this.#set(8, ms);
  }

  /** This byte of the database file cannot be read from now on; 0: all can. */
  badByte(offset: number): void {
    this.#set(16, offset);
  }

  #set(offset: number, value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(Math.round(value)));
    const fd = openSync(this.#file, 'r+');
    writeSync(fd, bytes, 0, 8, offset);
    closeSync(fd);
  }
}
