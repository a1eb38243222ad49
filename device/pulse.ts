/** What PipeWire and PulseAudio say through `pactl`, which both bring along. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { z } from 'zod';
import { codeOf, messageOf, SalaError } from '../systemd/errors.ts';

const run = promisify(execFile);
const pactlTimeoutMs = 5000;

const playing = z.array(
  z.object({
    index: z.number(),
    sink: z.number(),
    properties: z.record(z.string(), z.string()).default({}),
  }),
);
const named = z.array(z.object({ index: z.number(), name: z.string() }));

/** One thing that an application plays at the moment. */
export type Playing = z.infer<typeof playing>[number];
export interface Module {
  readonly index: number;
  readonly name: string;
  readonly argument: string;
}

export class Pulse {
  readonly #env: NodeJS.ProcessEnv;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  async playing(): Promise<Playing[]> {
    return playing.parse(await this.#json('sink-inputs'));
  }

  async sinks(): Promise<{ index: number; name: string }[]> {
    return named.parse(await this.#json('sinks'));
  }

  async modules(): Promise<Module[]> {
    const text = await this.#pactl('list', 'short', 'modules');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [index = '', name = '', argument = ''] = line.split('\t');
        return { index: Number(index), name, argument };
      });
  }

  async defaultSink(): Promise<string> {
    return (await this.#pactl('get-default-sink')).trim();
  }

  async load(name: string, ...settings: string[]): Promise<void> {
    await this.#pactl('load-module', name, ...settings);
  }

  async unload(index: number): Promise<void> {
    await this.#pactl('unload-module', String(index));
  }

  async move(playingIndex: number, sink: string): Promise<void> {
    await this.#pactl('move-sink-input', String(playingIndex), sink);
  }

  async #json(what: string): Promise<unknown> {
    const text = await this.#pactl('--format=json', 'list', what);
    return JSON.parse(text);
  }

  async #pactl(...args: string[]): Promise<string> {
    try {
      return (await run('pactl', args, { env: { ...this.#env, LC_ALL: 'C' }, timeout: pactlTimeoutMs })).stdout;
    } catch (error) {
      throw codeOf(error) === 'ENOENT'
        ? new SalaError('pactl is not installed', {
            code: 'pactl-missing',
            hint: 'Install it: apt-get install pulseaudio-utils',
          })
        : new SalaError(`the sound server does not answer: ${messageOf(error).split('\n').slice(0, 2).join(' ')}`, {
            code: 'sound-server',
            hint: 'Run this as the user who is logged in at the desktop, while PipeWire or PulseAudio (16 or later) runs.',
            cause: error,
          });
    }
  }
}
