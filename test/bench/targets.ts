import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, temporaryFolder } from '../harness/programs.ts';
import type { Target } from './load.ts';
import { MeasuredProgram } from './program.ts';

/** `installed`: compiled to JavaScript, as on the machines of an event; `source`: the TypeScript itself. */
export type Form = 'installed' | 'source';

/** The file that starts a program in that form. */
export const programFile = (name: 'relay' | 'device', form: Form) =>
  form === 'installed' ? `dist/${name}/main.js` : `${name}/main.ts`;

/** Makes `dist/` from the sources as they are. */
export function build(): void {
  execFileSync(process.execPath, [join(root, 'provisioning/build.ts')], { stdio: 'ignore' });
}

/** A relay, or what stands in for one, in a process of its own on the programs' core. */
export class RunningTarget implements Target {
  readonly program: MeasuredProgram;
  readonly address: string;
  readonly #admin: string;
  readonly #folder: { remove(): void } | null;

  private constructor(program: MeasuredProgram, url: string, admin: string, folder: { remove(): void } | null) {
    this.program = program;
    this.address = url.replace(/^http/, 'ws');
    this.#admin = admin;
    this.#folder = folder;
  }

  /** @param env of the relay, beside the harness's own */
  static async relay(form: Form, env: NodeJS.ProcessEnv = {}): Promise<RunningTarget> {
    const folder = temporaryFolder();
    const admin = `adm_${randomBytes(24).toString('base64url')}`;
    const tokenFile = join(folder.path, 'admin-token');
    writeFileSync(tokenFile, admin, { mode: 0o600 });
    const settings = ['--listen', '127.0.0.1:0', '--data-dir', folder.path, '--admin-token-file', tokenFile];
    const program = new MeasuredProgram(
      programFile('relay', form),
      [...settings, '--engine', 'script:load', '--log-level', 'info'],
      { env },
    );
    return RunningTarget.#open(program, admin, folder);
  }

  static floor(): Promise<RunningTarget> {
    return RunningTarget.#open(new MeasuredProgram('test/bench/floor.js', [], { options: [] }), '', null);
  }

  static async #open(
    program: MeasuredProgram,
    admin: string,
    folder: { remove(): void } | null,
  ): Promise<RunningTarget> {
    const { url } = await program.event('listening');
    program.pin();
    return new RunningTarget(program, String(url), admin, folder);
  }

  get pid(): number {
    return this.program.pid;
  }

  async room(name: string): Promise<{ publish: string; read: string }> {
    if (!this.#admin) return { publish: 'none', read: 'none' };
    await this.#call('PUT', `/api/rooms/${name}`, {});
    return { publish: await this.#token(name, 'publish'), read: await this.#token(name, 'read') };
  }

  async stop(): Promise<void> {
    await this.program.stop();
    this.#folder?.remove();
  }

  async #token(room: string, right: 'publish' | 'read'): Promise<string> {
    const { token }: { token: string } = JSON.parse(await this.#call('POST', `/api/rooms/${room}/tokens`, { right }));
    return token;
  }

  async #call(method: string, path: string, body: object): Promise<string> {
    const response = await fetch(new URL(path, this.address.replace(/^ws/, 'http')), {
      method,
      headers: { authorization: `Bearer ${this.#admin}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text;
  }
}
