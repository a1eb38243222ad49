import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import { bearerPrefix, type CaptionsMessage, captionsProtocol } from '../../relay/protocol.js';
import { lastingPort } from './ports.ts';
import { until } from './until.ts';

export const root = resolve(import.meta.dirname, '../..');
/** Everything the programs print in a test run, and every token they were given: leaks.ts, which names the folder,
 * compares the two. */
export const evidenceDir = process.env.SALA_TEST_EVIDENCE ?? join(root, '.cache/test-evidence');

/** Where the test run keeps what Node made of the programs' sources: they start hundreds of times. */
const compileCache = process.env.NODE_COMPILE_CACHE ? { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE } : {};

export function remember(token: string): string {
  mkdirSync(evidenceDir, { recursive: true });
  appendFileSync(join(evidenceDir, 'tokens'), `${token}\n`);
  return token;
}

/** A folder that goes with the test. */
export function temporaryFolder(within = tmpdir()): { path: string; remove(): void } {
  const path = mkdtempSync(join(within, 'sala-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }) };
}

/** A program of ours in a process of its own. */
export class RunningProgram {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  /** When each line came, by this process's monotonic clock. */
  readonly lineTimes: number[] = [];
  readonly exit: Promise<{ status: number | null; signal: NodeJS.Signals | null }>;

  /** @param through a command that runs the program in its own place, e.g. in another network namespace */
  constructor(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, through: readonly string[] = []) {
    const [command = process.execPath, ...rest] = [...through, process.execPath];
    this.child = spawn(command, [...rest, join(root, file), ...args], {
      cwd: root,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...compileCache, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    mkdirSync(evidenceDir, { recursive: true });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line);
        this.lineTimes.push(performance.now());
        appendFileSync(join(evidenceDir, 'output'), `${line}\n`);
      });
    }
    this.exit = once(this.child, 'close').then(([status, signal]) => ({ status, signal }));
  }

  get output(): string {
    return this.lines.join('\n');
  }

  /** The first log line with that `event`, waited for. */
  async event(name: string, timeoutMs = 20_000): Promise<Record<string, unknown>> {
    return until(
      () => {
        for (const line of this.lines) {
          if (!line.startsWith('{')) continue;
          const entry: Record<string, unknown> = JSON.parse(line);
          if (entry.event === name) return entry;
        }
        if (this.child.exitCode !== null) throw new Error(`ended with ${this.child.exitCode}:\n${this.output}`);
        return undefined;
      },
      { timeoutMs, what: `event ${name} of ${this.child.spawnargs[1]}` },
    );
  }

  /** Log lines with these fields, and when they came. */
  entries(fields: Record<string, unknown>): { atMs: number; entry: Record<string, unknown> }[] {
    return this.lines.flatMap((line, i) => {
      if (!line.startsWith('{')) return [];
      const entry: Record<string, unknown> = JSON.parse(line);
      const matches = Object.entries(fields).every(([name, value]) => entry[name] === value);
      return matches ? [{ atMs: this.lineTimes[i] ?? 0, entry }] : [];
    });
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.child.kill(signal);
  }

  /** SIGTERM, and SIGKILL if that is not enough; the exit status. */
  async stop(timeoutMs = 12_000): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), timeoutMs);
    const { status } = await this.exit;
    clearTimeout(timer);
    return status;
  }
}

export interface RelayOptions {
  readonly dataDir: string;
  readonly engine?: string;
  /** 0: any free one. */
  readonly port?: number;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** A command that runs it in its own place. */
  readonly through?: readonly string[];
  readonly startTimeoutMs?: number;
}

/** The real relay in a process of its own. */
export class TestRelay {
  readonly program: RunningProgram;
  readonly adminToken: string;
  url = '';
  port = 0;

  private constructor(program: RunningProgram, adminToken: string) {
    this.program = program;
    this.adminToken = adminToken;
  }

  static async start({
    dataDir,
    engine = 'script:load',
    port,
    args = [],
    env = {},
    through = [],
    startTimeoutMs,
  }: RelayOptions): Promise<TestRelay> {
    const adminToken = remember(`adm_${randomBytes(24).toString('base64url')}`);
    mkdirSync(dataDir, { recursive: true });
    const file = join(dataDir, 'admin-token');
    writeFileSync(file, adminToken, { mode: 0o600 });
    const relay = new TestRelay(
      new RunningProgram(
        'relay/main.ts',
        [
          '--listen',
          `127.0.0.1:${port || (await lastingPort())}`,
          '--data-dir',
          dataDir,
          '--engine',
          engine,
          '--admin-token-file',
          file,
          '--log-level',
          'debug',
          ...args,
        ],
        env,
        through,
      ),
      adminToken,
    );
    const { url } = await relay.program.event('listening', startTimeoutMs);
    relay.url = String(url);
    relay.port = Number(new URL(relay.url).port);
    return relay;
  }

  /** An admin call; throws on a refusal. */
  async call<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(new URL(path, this.url), {
      method,
      headers: {
        authorization: `Bearer ${this.adminToken}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text || 'null');
  }

  async room(name: string, settings: Record<string, unknown> = {}): Promise<{ publish: string; read: string }> {
    await this.call('PUT', `/api/rooms/${name}`, settings);
    return { publish: await this.token(name, 'publish'), read: await this.token(name, 'read') };
  }

  async token(room: string, right: 'publish' | 'read'): Promise<string> {
    const { token } = await this.call<{ token: string }>('POST', `/api/rooms/${room}/tokens`, { right });
    return remember(token);
  }

  stop(): Promise<number | null> {
    return this.program.stop();
  }
}

export interface DeviceOptions {
  /** `ws://HOST:PORT` */
  readonly relay: string;
  readonly room: string;
  readonly token: string;
  readonly dataDir: string;
  readonly source: string;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly through?: readonly string[];
}

/** The real device in a process of its own. */
export function startDevice({
  relay,
  room,
  token,
  dataDir,
  source,
  args = [],
  env = {},
  through = [],
}: DeviceOptions): RunningProgram {
  mkdirSync(dataDir, { recursive: true });
  const file = join(dataDir, 'token');
  writeFileSync(file, token, { mode: 0o600 });
  return new RunningProgram(
    'device/main.ts',
    [
      '--relay',
      relay,
      '--room',
      room,
      '--token-file',
      file,
      '--data-dir',
      dataDir,
      '--source',
      source,
      '--log-level',
      'debug',
      ...args,
    ],
    env,
    through,
  );
}

/** A reader that keeps all it is told and, like the page, comes back by `since` when it is cut off. */
export class TestReader {
  readonly messages: { atMs: number; message: CaptionsMessage }[] = [];
  readonly #address: () => string;
  readonly #token: () => string;
  readonly #query: string;
  #socket: WebSocket | undefined;
  #log = '';
  #seq = 0;
  #closed = false;

  /** @param address the relay's ws:// address, asked anew for each connection; `token` too where it is a function */
  constructor(
    address: () => string,
    room: string,
    token: string | (() => string),
    query: { partial?: boolean; late?: boolean } = {},
  ) {
    this.#address = () => `${address()}/api/rooms/${room}/captions`;
    this.#token = typeof token === 'string' ? () => token : token;
    this.#query = `partial=${query.partial === true}&late=${query.late !== false}`;
    this.#connect();
  }

  captions() {
    return this.messages.flatMap(({ message }) => (message.type === 'caption' ? [message] : []));
  }

  /** How often it was told that all it has is void. */
  get resets(): number {
    return this.messages.filter(({ message }) => message.type === 'reset').length;
  }

  /** What it shows now: the captions since the last reset, each with its arrival. */
  shown() {
    const from = this.messages.findLastIndex(({ message }) => message.type === 'reset') + 1;
    return this.messages
      .slice(from)
      .flatMap(({ atMs, message }) => (message.type === 'caption' ? [{ atMs, caption: message }] : []));
  }

  /** All words of all captions, in the order spoken. */
  words(): string[] {
    return this.captions()
      .toSorted((a, b) => a.start - b.start || a.seq - b.seq)
      .flatMap(({ text }) => text.split(/\s+/));
  }

  close(): void {
    this.#closed = true;
    this.#socket?.terminate();
  }

  #connect(): void {
    if (this.#closed) return;
    const since = `&since=${this.#seq}${this.#log ? `&log=${this.#log}` : ''}`;
    const socket = new WebSocket(`${this.#address()}?${this.#query}${since}`, [
      captionsProtocol,
      `${bearerPrefix}${this.#token()}`,
    ]);
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('close', () => setTimeout(() => this.#connect(), 100));
    socket.on('message', (data) => {
      const message: CaptionsMessage = JSON.parse(String(data));
      if (message.type === 'hello') this.#log = message.log;
      if (message.type === 'reset') this.#seq = 0;
      if ('seq' in message && message.type !== 'hello') this.#seq = message.seq;
      this.messages.push({ atMs: performance.now(), message });
    });
  }
}
