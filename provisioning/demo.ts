import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { SalaError } from '../systemd/errors.ts';
import { CaptionPrinter, type Terminal } from './caption-printer.ts';
import { ChildProgram } from './child-program.ts';
import { RelayAdmin } from './relay-admin.ts';

const root = resolve(import.meta.dirname, '..');
const room = 'demo';
const maxPortsTried = 50;

/** As the npm scripts start them; see systemd/README.md. */
const nodeOptions = ['--max-semi-space-size=2', '--v8-pool-size=1'];

export interface DemoOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** The bundled speech where absent. */
  readonly source: string | undefined;
  readonly engine: string;
  readonly language: string;
  readonly loop: boolean;
  /** The Node that runs the programs, and their environment. */
  readonly execPath: string;
  readonly env: NodeJS.ProcessEnv;
  readonly terminal: Terminal;
}

/** One room on one computer: a relay, a device, the captions printed. It leaves nothing on the disk. */
export class Demo {
  readonly #options: DemoOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), 'sala-demo-'));
  readonly #children: ChildProgram[] = [];
  #printer: CaptionPrinter | null = null;
  #stopped: Promise<void> | null = null;

  constructor(options: DemoOptions) {
    this.#options = options;
  }

  /** Goes on until the process ends. @throws {SalaError} where a part of it cannot start, or ends by itself */
  async run(): Promise<never> {
    try {
      await this.#run();
    } catch (error) {
      if (this.#stopped === null) {
        await this.stop();
        throw error;
      }
    }
    return new Promise<never>(() => {}); // being stopped is not being done
  }

  /** The device first: what it still holds then reaches a relay that is there. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= (async () => {
      this.#printer?.stop();
      for (const each of this.#children.reverse()) await each.stop();
      rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
    })();
    return this.#stopped;
  }

  /** The last resort, when this process ends without `stop()` having come to its end: nothing stays. Waits for nothing. */
  abandon(): void {
    for (const each of this.#children) each.kill();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #run(): Promise<void> {
    const { listen, source, engine, language, loop, terminal } = this.#options;
    const adminToken = randomBytes(24).toString('base64url');
    const port = await freePort(listen.host, listen.port);
    const base = `http://${urlHost(reachable(listen.host))}:${port}`;
    const adminTokenFile = this.#secret('admin-token', adminToken);
    const relay = this.#begin('relay', {
      listen: `${urlHost(listen.host)}:${port}`,
      'data-dir': join(this.#folder, 'relay'),
      engine,
      'admin-token-file': adminTokenFile,
      origin: base,
    });
    const played = { base, adminToken, adminTokenFile, port, language, source: source ?? speech(loop), terminal };
    await Promise.race([relay, this.#play(played)]);
  }

  async #play({ base, adminToken, adminTokenFile, port, language, source, terminal }: Played): Promise<void> {
    const admin = new RelayAdmin(base, adminToken);
    await admin.ready();
    await admin.putRoom(room, { name: 'Demo room', language, public: true });
    const token = await admin.publishToken(room, 'npm start');
    const statusPort = await freePort('127.0.0.1', port + 1);

    terminal.write(`
  The captions   ${base}/rooms/${room}
  Organizers     ${base}/admin, with the token in ${adminTokenFile}
  The kit        http://127.0.0.1:${statusPort}/
  Ctrl-C stops everything.

`);
    this.#printer = new CaptionPrinter(base, room, terminal);
    this.#printer.start();
    await this.#begin('device', {
      relay: base.replace(/^http/, 'ws'),
      room,
      'token-file': this.#secret('publish-token', token),
      'data-dir': join(this.#folder, 'device'),
      source,
      'status-listen': `127.0.0.1:${statusPort}`,
    });
    if (this.#stopped !== null) return new Promise<never>(() => {}); // ended, too, with the device that was stopped
    terminal.write(
      '(That was all. The page stays until Ctrl-C; with npm start -- --loop the speech goes on for ever.)\n',
    );
    return new Promise<never>(() => {});
  }

  /** Settles when the program is over and has done what it was for; rejects when it ends otherwise. */
  async #begin(name: 'relay' | 'device', settings: Record<string, string>): Promise<void> {
    const { execPath, env } = this.#options;
    if (this.#stopped !== null) return;
    const child = new ChildProgram({
      name,
      execPath,
      args: [
        ...nodeOptions,
        join(root, name, `main${extname(import.meta.filename)}`),
        ...Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]),
      ],
      env,
      logPath: join(this.#folder, `${name}.log`),
    });
    this.#children.push(child);
    child.start();
    const status = await child.exited;
    if (status !== 0 || (name === 'relay' && this.#stopped === null)) throw child.died(status);
  }

  #secret(name: string, secret: string): string {
    const path = join(this.#folder, name);
    writeFileSync(path, `${secret}\n`, { mode: 0o600 });
    return path;
  }
}

interface Played {
  /** Of the relay. */
  readonly base: string;
  readonly adminToken: string;
  readonly adminTokenFile: string;
  /** The relay's. */
  readonly port: number;
  readonly language: string;
  readonly source: string;
  readonly terminal: Terminal;
}

const speech = (loop: boolean) => `wav:${join(root, 'provisioning/speech/welcome.wav')}${loop ? '?loop=1' : ''}`;
const urlHost = (host: string) => (host.includes(':') ? `[${host}]` : host);
const reachable = (host: string) => (host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host);

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((settle, reject) => {
    const server = createServer();
    server.on('error', (error) => ('code' in error && error.code === 'EADDRINUSE' ? settle(false) : reject(error)));
    server.listen(port, host, () => server.close(() => settle(true)));
  });
}

async function freePort(host: string, first: number): Promise<number> {
  for (let port = first; port < Math.min(65_536, first + maxPortsTried); port++)
    if (await isFree(host, port)) return port;
  throw new SalaError(`No free port from ${first} on`, { code: 'no-port', hint: 'Choose another with --listen.' });
}
