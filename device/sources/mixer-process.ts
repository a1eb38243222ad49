import { type ChildProcess, spawn } from 'node:child_process';
import { extname } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Logger } from '../../systemd/log.ts';
import { PacketReader, sharedMonotonicMs } from './packets.ts';

const fault = z.object({ code: z.string().max(64), message: z.string(), hint: z.string() });
const message = z.discriminatedUnion('type', [
  z.object({ type: z.literal('progress') }),
  /** The mixer is not there; the child keeps looking, and says so each time. */
  z.object({ type: z.literal('searching'), fault }),
  z.object({
    type: z.literal('opened'),
    name: z.string(),
    rateHz: z.number().int().positive(),
    channels: z.number().int().positive(),
  }),
  /** Audio lost because the device did not read. */
  z.object({ type: z.literal('dropped'), ms: z.number() }),
  /** It cannot go on, and ends. */
  z.object({ type: z.literal('failed'), fault }),
  z.object({
    type: z.literal('devices'),
    devices: z.array(
      z.object({ id: z.number(), name: z.string(), maxInputChannels: z.number(), defaultSampleRate: z.number() }),
    ),
  }),
]);
export type ChildMessage = z.infer<typeof message>;

export interface MixerProcessListener {
  message(message: ChildMessage): void;
  /** s16le; `capturedAtMs` as performance.now tells time. */
  audio(audio: Buffer, capturedAtMs: number): void;
  /** It is gone, by itself or killed; nothing follows. */
  ended(reason: string): void;
}

/** One run of something that finds and opens a mixer: the child, or what stands in for it in virtual time. */
export interface CaptureProcess {
  start(listener: MixerProcessListener): void;
  /** At once and for certain; resolves when it is gone. */
  kill(): Promise<void>;
}

export interface MixerProcessOptions {
  readonly execPath: string;
  readonly log: Logger;
  /** The environment of the child; the device's own where left out. */
  readonly env?: NodeJS.ProcessEnv;
  /** The program to run; the one beside this file where left out. */
  readonly program?: string;
}

/** What PortAudio and ALSA print is kept from the user; the log gets a few lines and a count. */
const maxNoiseLines = 5;
const maxNoiseLineLength = 200;
/** A process in an uninterruptible call to a driver cannot be waited for. */
const killTimeoutMs = 2000;

const ownProgram = fileURLToPath(new URL(`./mixer-child${extname(import.meta.url)}`, import.meta.url));

function parsed(text: string): ChildMessage | null {
  try {
    return message.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** One run of the capture child. */
export class MixerProcess implements CaptureProcess {
  readonly #args: readonly string[];
  readonly #options: MixerProcessOptions;
  #child: ChildProcess | null = null;
  #gone: Promise<void> = Promise.resolve();
  readonly #noise: string[] = [];
  #noiseLines = 0;

  constructor(args: readonly string[], options: MixerProcessOptions) {
    this.#args = args;
    this.#options = options;
  }

  /** Process id, for tests and the log. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(listener: MixerProcessListener): void {
    const { execPath, env, program = ownProgram, log } = this.#options;
    const child = spawn(execPath, [program, ...this.#args], {
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      ...(env ? { env } : {}),
    });
    this.#child = child;
    this.#gone = new Promise((gone) => {
      let over = false;
      const end = (reason: string) => {
        if (over) return;
        over = true;
        log.debug({ reason, lines: this.#noiseLines, last: this.#noise }, 'the capture process ended');
        gone();
        listener.ended(reason);
      };
      child.on('error', (error) => end(error.message));
      // "close" comes after the pipe's last packet, which may say why the child gave up.
      child.on('close', (status, signal) => end(signal ? `killed by ${signal}` : `exit status ${status}`));
      // A child that ended while a grandchild or a stuck read holds the pipe would never close.
      child.on('exit', () => setTimeout(() => end('exited'), 500).unref());
    });
    if (child.stdin === undefined) return; // there are no file handles left: the error says so
    child.stdin?.on('error', () => {});
    for (const noise of [child.stdout, child.stderr]) noise?.on('data', (bytes: Buffer) => this.#hear(bytes));
    const reader = new PacketReader();
    const pipe = child.stdio[3];
    if (!(pipe instanceof Readable)) return;
    pipe.on('error', () => {});
    pipe.on('data', (bytes: Buffer) => {
      const packets = reader.push(bytes);
      if (!packets) {
        child.kill('SIGKILL');
        return;
      }
      const ahead = sharedMonotonicMs() - performance.now();
      for (const packet of packets) {
        if (packet.type === 'audio') listener.audio(packet.audio, packet.monotonicMs - ahead);
        else {
          const said = parsed(packet.text);
          if (said) listener.message(said);
          else {
            log.error({ text: packet.text.slice(0, maxNoiseLineLength) }, 'the capture process said what is unknown');
            child.kill('SIGKILL');
            return;
          }
        }
      }
    });
  }

  /** At once and for certain: a sound library may hang when asked to close. Resolves when it is gone. */
  async kill(): Promise<void> {
    // One that did not start has no number, and Node would kill the device's whole group for it.
    if (this.#child?.pid !== undefined) this.#child.kill('SIGKILL');
    await Promise.race([this.#gone, delay(killTimeoutMs, undefined, { ref: false })]);
  }

  #hear(bytes: Buffer): void {
    for (const line of bytes.subarray(0, 4096).toString('utf8').split('\n')) {
      if (line.trim() === '') continue;
      this.#noiseLines++;
      this.#noise.push(line.slice(0, maxNoiseLineLength));
      if (this.#noise.length > maxNoiseLines) this.#noise.shift();
    }
  }
}
