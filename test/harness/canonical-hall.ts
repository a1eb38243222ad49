import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transcriptsFolder } from '../../relay/canonical/contract.ts';
import { S3StandIn } from '../stand-ins/s3.ts';
import { s3StandInEnvironment } from '../stand-ins/s3-environment.ts';
import type { Operation } from '../stand-ins/s3-faults.ts';
import { heard, type MadeRecording, makeRecording, type RecordingOptions } from './canonical-recording.ts';
import { readTalk } from './canonical-run.ts';
import { RunningProgram, temporaryFolder } from './programs.ts';
import { until } from './until.ts';

/** As the archive has the store keep it. */
const sum = (body: Uint8Array) => createHash('sha256').update(body).digest('base64');

/** The job's real program, with a store to work on: S3 by a stand-in, or a folder. */
export class CanonicalHall {
  readonly standIn = new S3StandIn();
  readonly #folder = temporaryFolder();
  readonly #programs: RunningProgram[] = [];
  #url = '';

  async start(): Promise<this> {
    this.#url = (await this.standIn.start()).url;
    writeFileSync(this.path('heard.json'), JSON.stringify(heard('hello to all of you')));
    return this;
  }

  path(name: string): string {
    return join(this.#folder.path, name);
  }

  /** A talk of that room lies in the stand-in. */
  record(room: string, options: RecordingOptions = {}): MadeRecording {
    const made = makeRecording({ ...options, room });
    for (const [key, body] of made.objects)
      this.standIn.held.put(key, Buffer.from(body), { contentType: 'x', encryption: null, kmsKey: null }, sum(body));
    return made;
  }

  /** The same in a folder, which is a store as well. */
  recordInFolder(folder: string, room: string): MadeRecording {
    const made = makeRecording({ room });
    for (const [key, body] of made.objects) {
      mkdirSync(join(folder, key, '..'), { recursive: true });
      writeFileSync(join(folder, key), body);
    }
    return made;
  }

  run(args: readonly string[], env: NodeJS.ProcessEnv = {}): RunningProgram {
    const store = args.includes('--store') ? [] : ['--store', 's3://talks', '--endpoint', this.#url];
    const engine = args.includes('--engine') ? [] : ['--engine', `recorded:${this.path('heard.json')}`];
    const program = new RunningProgram(
      'relay/canonical/main.ts',
      [...store, ...engine, '--work-dir', this.path('work'), ...args],
      { ...s3StandInEnvironment, ...env },
    );
    this.#programs.push(program);
    return program;
  }

  /** A Python that says when it was started, and then does nothing. */
  sleepingPython(): { python: string; started: () => Promise<true> } {
    const [python, mark] = [this.path('sleeping-python'), this.path('python-started')];
    writeFileSync(python, `#!/bin/sh\ntrap '' TERM\necho > ${mark}\nsleep 60\n`);
    chmodSync(python, 0o755);
    return { python, started: () => until(() => existsSync(mark) || undefined, { what: 'the start of the engine' }) };
  }

  /** Kills the program the moment that the stand-in has answered that request of its room. */
  killAt(program: RunningProgram, at: { room: string; operation: Operation; ending: string }): void {
    const kill = ({ operation, key }: { operation: Operation; key: string }) => {
      if (operation === at.operation && key.includes(`/${at.room}/`) && key.endsWith(at.ending)) program.kill();
    };
    this.standIn.on('request', kill);
    void program.exit.then(() => this.standIn.off('request', kill));
  }

  /** What readers find of a room's talk; null: no transcript. @throws where it is not whole */
  read(room: string, folder?: string) {
    const text = folder
      ? (key: string) => (existsSync(join(folder, key)) ? readFileSync(join(folder, key), 'utf8') : null)
      : (key: string) => this.standIn.text(key);
    return readTalk(text, { event: 'conf', room, talk: 'opening' });
  }

  /** What a room's jobs came to: names of results, however many there are. */
  results(room: string): string[] {
    const own = this.standIn.keys.filter((key) =>
      key.startsWith(transcriptsFolder({ event: 'conf', room, talk: 'opening' })),
    );
    return own.flatMap((key) => /(?:transcript|failed)\.json$/.exec(key) ?? []);
  }

  async stop(): Promise<void> {
    for (const program of this.#programs) if (program.child.exitCode === null) program.kill();
    await Promise.all(this.#programs.map(({ exit }) => exit));
    await this.standIn.stop();
    this.#folder.remove();
  }
}

/** Waits for its end. @throws with all it said where that is not with `status` */
export async function ended(program: RunningProgram, status: number): Promise<void> {
  const end = await program.exit;
  if (end.status !== status)
    throw new Error(`ended with ${end.status ?? end.signal}, not ${status}:\n${program.output}`);
}
