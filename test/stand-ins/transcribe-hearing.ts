import { NumberedSignalDecoder } from '../harness/numbered-signal.ts';

/** A word the stand-in heard; times in samples since the stream began, `start` inclusive, `end` exclusive. */
export interface HeardWord {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** What turns the audio of one stream into words. */
export interface Hearing {
  /** The words that are now over, in order. */
  hear(samples: Int16Array): HeardWord[];
  /** What was begun and not ended. */
  flush(): HeardWord[];
}

/** Says `n42` for the block 42 of the numbered signal; a block of which one packet was seen is said whole. */
export class NumberHearing implements Hearing {
  readonly #decoder = new NumberedSignalDecoder();

  hear(samples: Int16Array): HeardWord[] {
    return this.#decoder.push(samples).map(spoken);
  }

  flush(): HeardWord[] {
    return this.#decoder.flush().map(spoken);
  }
}

function spoken(block: { number: number; start: number; end: number }): HeardWord {
  return { text: `n${block.number}`, start: Math.max(0, block.start), end: block.end };
}

/** Says given words when the stream's audio, of whatever kind, has reached their ends. */
export class ScriptHearing implements Hearing {
  readonly #words: readonly HeardWord[];
  #next = 0;
  #samples = 0;

  constructor(words: readonly HeardWord[]) {
    this.#words = [...words].sort((a, b) => a.end - b.end);
  }

  hear(samples: Int16Array): HeardWord[] {
    this.#samples += samples.length;
    const from = this.#next;
    while ((this.#words[this.#next]?.end ?? Number.POSITIVE_INFINITY) <= this.#samples) this.#next++;
    return this.#words.slice(from, this.#next);
  }

  flush(): HeardWord[] {
    return [];
  }
}
