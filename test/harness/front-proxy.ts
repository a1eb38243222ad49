/** Real nginx and real Caddy, with the project's own configuration: only addresses, certificates and paths are the test's. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { LocalAuthority } from './local-authority.ts';
import { evidenceDir, root } from './programs.ts';
import { until } from './until.ts';

export type ProxyKind = 'nginx' | 'caddy';

export interface FrontProxyOptions {
  readonly kind: ProxyKind;
  readonly port: number;
  readonly relayPort: number;
  readonly authority: LocalAuthority;
  readonly folder: string;
  /** Instead of the time-outs that the configuration has. */
  readonly idleSeconds?: number;
}

/** Installed, or unpacked by set-up. */
function commandOf(kind: ProxyKind): string {
  const folders = ['/usr/sbin', '/usr/bin', '/usr/local/sbin', '/usr/local/bin'];
  const found = [...folders, ...['usr/sbin', 'usr/bin'].map((each) => join(root, '.cache/debian', each))]
    .map((folder) => join(folder, kind))
    .find((path) => existsSync(path));
  if (!found) throw new Error(`${kind} is missing: sh provisioning/setup.sh test`);
  return found;
}

/** Every `from` must be there: else the test would not run what is shipped. */
function replaced(text: string, changes: readonly (readonly [from: string | RegExp, to: string])[]): string {
  return changes.reduce((changed, [from, to]) => {
    const next = changed.replaceAll(typeof from === 'string' ? from : new RegExp(from, 'gm'), to);
    if (next === changed) throw new Error(`the configuration has no ${from}`);
    return next;
  }, text);
}

export class FrontProxy {
  readonly kind: ProxyKind;
  readonly url: string;
  readonly #options: FrontProxyOptions;
  readonly #command: string;
  readonly #file: string;
  #child: ChildProcess | undefined;

  constructor(options: FrontProxyOptions) {
    this.#options = options;
    this.kind = options.kind;
    this.url = `https://localhost:${options.port}`;
    this.#command = commandOf(options.kind);
    mkdirSync(options.folder, { recursive: true });
    this.#file = join(options.folder, options.kind === 'nginx' ? 'nginx.conf' : 'Caddyfile');
    writeFileSync(this.#file, options.kind === 'nginx' ? this.#nginx() : this.#caddy());
  }

  async start(): Promise<this> {
    const { folder, relayPort, port } = this.#options;
    const args =
      this.kind === 'nginx'
        ? ['-p', folder, '-e', join(folder, 'error.log'), '-c', this.#file]
        : ['run', '--config', this.#file];
    const env = {
      ...{ PATH: process.env.PATH, HOME: folder, SALA_DOMAIN: `localhost:${port}` },
      ...{ SALA_UPSTREAM: `127.0.0.1:${relayPort}`, SALA_CADDY_STORAGE: folder },
    };
    const child = spawn(this.#command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => {
        appendFileSync(join(folder, 'output.log'), data);
      });
    await until(
      async () => {
        if (child.exitCode !== null) throw new Error(`${this.kind} ended:\n${this.log()}`);
        return (await this.#listens()) || undefined;
      },
      { what: `${this.kind} listening` },
    );
    return this;
  }

  /** Reads the configuration again, as an administrator has it do. */
  reload(): void {
    if (this.kind === 'nginx') this.#child?.kill('SIGHUP');
    else
      execFileSync(this.#command, ['reload', '--force', '--config', this.#file, '--address', this.#admin], {
        env: {
          ...{ PATH: process.env.PATH, HOME: this.#options.folder, SALA_DOMAIN: `localhost:${this.#options.port}` },
          ...{ SALA_UPSTREAM: `127.0.0.1:${this.#options.relayPort}`, SALA_CADDY_STORAGE: this.#options.folder },
        },
        stdio: 'pipe',
      });
  }

  /** All that it wrote, to wherever. */
  log(): string {
    return ['output.log', 'error.log', 'sala.log', 'sala-error.log']
      .map((name) => join(this.#options.folder, name))
      .map((path) => (existsSync(path) ? readFileSync(path, 'utf8') : ''))
      .join('');
  }

  /** Idempotent; what it wrote is searched for tokens when the test run ends. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    if (child.exitCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
    }
    mkdirSync(evidenceDir, { recursive: true });
    appendFileSync(join(evidenceDir, 'output'), this.log());
  }

  get #admin(): string {
    return `unix/${join(this.#options.folder, 'admin.sock')}`;
  }

  #nginx(): string {
    const { port, relayPort, authority, folder, idleSeconds } = this.#options;
    const shipped = readFileSync(join(root, 'provisioning/nginx/sala.conf'), 'utf8');
    const site = replaced(shipped, [
      ['listen 443 ssl;', `listen 127.0.0.1:${port} ssl;`],
      ['  listen [::]:443 ssl;\n', ''],
      ['server_name sala.example.org;', 'server_name localhost;'],
      [/\/etc\/letsencrypt\/\S+fullchain\.pem/, authority.certificateFile],
      [/\/etc\/letsencrypt\/\S+privkey\.pem/, authority.keyFile],
      ['/var/log/nginx/', `${folder}/`],
      ['http://127.0.0.1:8080', `http://127.0.0.1:${relayPort}`],
      ...(idleSeconds === undefined ? [] : [[/(proxy_(?:read|send)_timeout) 60s/, `$1 ${idleSeconds}s`] as const]),
    ]);
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `  ${name}_temp_path ${folder}/${name};\n`,
    );
    const user = process.getuid?.() === 0 ? 'user root;\n' : '';
    return `${user}daemon off;\nworker_processes 1;\npid ${folder}/nginx.pid;\nevents {}\nhttp {\n${temporary.join('')}${site}}\n`;
  }

  #caddy(): string {
    const { authority, idleSeconds } = this.#options;
    return replaced(readFileSync(join(root, 'provisioning/aws/Caddyfile'), 'utf8'), [
      [/\ttls \{[\s\S]*?\n\t\}\n/, `\tbind 127.0.0.1\n\ttls ${authority.certificateFile} ${authority.keyFile}\n`],
      [/^\{\n/, `{\n\tadmin ${this.#admin.replace('unix/', 'unix//')}\n`],
      ...(idleSeconds === undefined ? [] : [['idle 5m', `idle ${idleSeconds}s`] as const]),
    ]);
  }

  #listens(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.#options.port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
  }
}
