import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { type EngineResult, engineResult, type Hearing } from './contract.ts';

type Segment = EngineResult['segments'][number];

const segment = engineResult.shape.segments.element;
const lineEnd = 10;

/**
 * An engine's result on the disk (`job/sala_job/result.py`), of which one segment at a time is in memory. Its first line ends with
 * the bracket of the segments, each of them has a line of its own, and the last line goes on behind them.
 * @throws {Error} where it is no such file, or not whole; what it says may be what was said in the room
 */
export async function readResult(file: string): Promise<Hearing> {
  const lines = new Lines(file, await beginsOf(file));
  const segments = {
    length: lines.count - 2,
    at: (i: number): Segment => JSON.parse(lines.text(i + 1).replace(/,$/, '')),
  };
  const hearing = { ...engineResult.parse(JSON.parse(lines.text(0) + lines.text(lines.count - 1))), segments };
  // Checked once, so that no mistake in it comes to light later.
  for (let i = 0; i < segments.length; i++) segment.parse(segments.at(i));
  return hearing;
}

class Lines {
  readonly #file: string;
  /** Where each of them begins in the file, and where the last one ends. */
  readonly #begins: readonly number[];
  #bytes = Buffer.alloc(0);

  constructor(file: string, begins: readonly number[]) {
    this.#file = file;
    this.#begins = begins;
  }

  get count(): number {
    return this.#begins.length - 1;
  }

  text(line: number): string {
    const [from = 0, to = from] = this.#begins.slice(line, line + 2);
    if (this.#bytes.length < to - from) this.#bytes = Buffer.alloc(to - from);
    const handle = openSync(this.#file, 'r');
    try {
      const read = readSync(handle, this.#bytes, 0, to - from, from);
      return this.#bytes.toString('utf8', 0, read).trimEnd();
    } finally {
      closeSync(handle);
    }
  }
}

async function beginsOf(file: string): Promise<number[]> {
  const begins = [0];
  let at = 0;
  for await (const bytes of createReadStream(file)) {
    for (let end = bytes.indexOf(lineEnd); end >= 0; end = bytes.indexOf(lineEnd, end + 1)) begins.push(at + end + 1);
    at += bytes.length;
  }
  return begins;
}
