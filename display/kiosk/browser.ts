import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Duplex, Readable, Writable } from 'node:stream';
import type { Logger } from '../../systemd/log.ts';
import { DevTools } from './devtools.ts';
import { switchesFor } from './switches.ts';

export interface BrowserOptions {
  /** The program. */
  readonly file: string;
  /** Where the profile is made; a file system in RAM. */
  readonly profileDir: string;
  readonly page: string;
  readonly switches: readonly string[];
  /** The environment that the browser takes its screen from. */
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
}

const profilePrefix = 'sala-kiosk-profile-';
/** So many lines of what the browser says by itself are kept at each start. */
const maxBrowserLines = 50;
const killTimeoutMs = 5000;

/** Profiles of a kiosk that was killed, or lost its power where the folder outlives that. */
export async function removeProfiles(profileDir: string): Promise<void> {
  for (const name of await readdir(profileDir))
    if (name.startsWith(profilePrefix)) await rm(join(profileDir, name), { recursive: true, force: true });
}

/** One run of the browser, with a profile of its own that goes with it. */
export class Browser {
  readonly devtools: DevTools;
  /** Settles when the process has ended, with how; never rejects. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #profile: string;
  #hasEnded = false;
  #stopping: Promise<void> | null = null;

  private constructor(child: ChildProcess, profile: string, devtools: DevTools, log: Logger) {
    this.#child = child;
    this.#profile = profile;
    this.devtools = devtools;
    this.ended = new Promise((resolve) => {
      child.once('error', ({ message }) => resolve(message));
      child.once('exit', (status, signal) =>
        resolve(signal ? `the browser was ended by ${signal}` : `the browser ended with status ${status}`),
      );
    });
    void this.ended.then(() => {
      this.#hasEnded = true;
      devtools.close();
    });
    let lines = 0;
    child.stderr?.on('data', (data: Buffer) => {
      if (lines++ < maxBrowserLines)
        log.debug({ said: data.toString('utf8').slice(0, 500).trim() }, 'the browser says');
    });
  }

  /** @throws the system's error where no profile can be made */
  static async start({ file, profileDir, page, switches, env, log }: BrowserOptions): Promise<Browser> {
    const profile = await mkdtemp(join(profileDir, profilePrefix));
    const child = spawn(file, switchesFor(profile, page, switches), {
      // All it would keep elsewhere goes to the profile, too.
      env: { ...env, HOME: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
      // A group of its own, so that no part of it outlives the rest.
      detached: true,
    });
    const [, , , to, from] = child.stdio;
    if (!(to instanceof Writable) || !(from instanceof Readable || from instanceof Duplex))
      throw new Error('the browser has no pipes');
    return new Browser(child, profile, new DevTools(to, from), log);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Ends it at once: it has nothing to keep. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    if (this.#child.pid !== undefined) {
      try {
        process.kill(-this.#child.pid, 'SIGKILL');
      } catch {
        // All of it has ended.
      }
    }
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([
      this.ended,
      new Promise((resolve) => {
        timer = setTimeout(resolve, this.#hasEnded ? 0 : killTimeoutMs);
      }),
    ]);
    clearTimeout(timer);
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
