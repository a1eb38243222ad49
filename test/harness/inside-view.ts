import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { temporaryFolder } from './programs.ts';
import { until } from './until.ts';

const seen = z.object({
  /** How late timers were. */
  loopMs: z.object({ p50: z.number(), p99: z.number(), max: z.number() }),
  /** First position, end and moment of each frame. */
  frames: z.array(z.tuple([z.number(), z.number(), z.number()])),
});
export type Seen = z.infer<typeof seen>;

/** Looks into a program that was started with this `env`. */
export class Inside {
  readonly env: NodeJS.ProcessEnv;
  readonly #folder = temporaryFolder();
  readonly #file = join(this.#folder.path, 'seen');
  #looks = 0;

  /** @param preload `inside.ts`, or what is built on it */
  constructor(preload: 'inside' | 'inside-device') {
    const url = new URL(`./${preload}.ts`, import.meta.url);
    this.env = { NODE_OPTIONS: `--import=${url.href}`, SALA_TEST_INSIDE: this.#file };
  }

  /** What there was since the last look. */
  async look(pid: number): Promise<Seen> {
    const count = ++this.#looks;
    process.kill(pid, 'SIGUSR2');
    const line = await until(
      () => (existsSync(this.#file) ? readFileSync(this.#file, 'utf8').split('\n').slice(0, -1)[count - 1] : undefined),
      { what: 'a look inside' },
    );
    return seen.parse(JSON.parse(line));
  }

  /** What there is in the next `seconds`. */
  async watch(pid: number, seconds: number): Promise<Seen> {
    await this.look(pid);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    return this.look(pid);
  }

  remove(): void {
    this.#folder.remove();
  }
}

/** What passed between each two frames, in ms. */
export const gapsOf = ({ frames }: Seen) =>
  frames.slice(1).map(([, , atMs], i) => atMs - (frames[i]?.[2] ?? Number.NaN));
/** How many frames do not begin where the one before ended. */
export const brokenOf = ({ frames }: Seen) => frames.slice(1).filter(([from], i) => from !== frames[i]?.[1]).length;
