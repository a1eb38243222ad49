import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastingPort } from './ports.ts';
import { root, temporaryFolder } from './programs.ts';
import { until } from './until.ts';

const unpacked = join(root, '.cache/debian/clickhouse');
const server = join(unpacked, 'usr/sbin/clickhouse-server');

/** Whether set-up could unpack it: Debian 12 is the last that has it. */
export const hasClickHouse = existsSync(server);

const password = 'of-the-tests-alone';

interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
}
/** How a server is started: its port, and a folder for all that it writes. */
type Kind = (port: number, folder: string) => Program;

/** Debian's, 18.16. */
export const debianClickHouse: Kind = (port, folder) => {
  writeFileSync(join(folder, 'config.xml'), configOf(port, folder));
  writeFileSync(join(folder, 'users.xml'), users);
  const libraries = globSync(['usr/lib/*-linux-gnu*', 'lib/*-linux-gnu*'], { cwd: unpacked });
  const env = { LD_LIBRARY_PATH: libraries.map((each) => join(unpacked, each)).join(':') };
  return { command: server, args: [`--config-file=${join(folder, 'config.xml')}`], env };
};

/** The engine of today's, 26.7, behind our own HTTP. Half a GiB that stays in the cache: for long tests. */
export const modernClickHouse: Kind = (port, folder) => {
  const cached = join(root, '.cache/chdb');
  const module = join(cached, 'node_modules/chdb/index.js');
  if (!existsSync(module)) execFileSync('npm', ['install', '--prefix', cached, '--no-audit', 'chdb@3.4.0']);
  const program = join(import.meta.dirname, 'chdb-server.ts');
  return { command: process.execPath, args: [program, module, join(folder, 'data'), String(port), password] };
};

/** A ClickHouse as a plain process on loopback, with a folder of its own that goes with it. */
export class ClickHouseServer {
  readonly url: string;
  readonly password = password;
  readonly passwordFile: string;
  readonly #folder: { path: string; remove(): void };
  readonly #program: Program;
  #child: ChildProcess | undefined;

  private constructor(kind: Kind, port: number, folder: { path: string; remove(): void }) {
    this.url = `http://127.0.0.1:${port}`;
    this.#folder = folder;
    this.passwordFile = join(folder.path, 'password');
    mkdirSync(join(folder.path, 'data'));
    writeFileSync(this.passwordFile, `${password}\n`);
    this.#program = kind(port, folder.path);
  }

  static async start(kind = debianClickHouse): Promise<ClickHouseServer> {
    const own = new ClickHouseServer(kind, await lastingPort(), temporaryFolder());
    await own.start();
    return own;
  }

  /** Once more, after `kill`. */
  async start(): Promise<void> {
    const { command, args, env } = this.#program;
    this.#child = spawn(command, args, { env: { PATH: process.env.PATH, ...env }, stdio: 'ignore' });
    await until(
      () =>
        fetch(`${this.url}/ping`).then(
          ({ ok }) => ok,
          () => false,
        ),
      { what: 'ClickHouse to answer' },
    );
  }

  /** As a crash or a lost host does. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  async stop(): Promise<void> {
    await this.kill();
    this.#folder.remove();
  }

  /** @throws what the server says to a query it does not like */
  async query<Row>(sql: string): Promise<Row[]> {
    const response = await fetch(`${this.url}/?user=default&password=${password}`, {
      method: 'POST',
      body: `${sql} FORMAT JSONEachRow`,
    });
    const body = await response.text();
    if (!response.ok) throw new Error(body);
    return body
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }

  async run(sql: string): Promise<void> {
    const response = await fetch(`${this.url}/?user=default&password=${password}`, { method: 'POST', body: sql });
    if (!response.ok) throw new Error(await response.text());
  }

  /** Everything it has on its disk, its log included. */
  files(): Buffer {
    const files = globSync('data/**/*', { cwd: this.#folder.path, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
    return Buffer.concat(files);
  }
}

const configOf = (port: number, folder: string) => `<?xml version="1.0"?>
<yandex>
  <logger><level>debug</level><log>${folder}/data/server.log</log><errorlog>${folder}/data/errors.log</errorlog></logger>
  <http_port>${port}</http_port>
  <listen_host>127.0.0.1</listen_host>
  <path>${folder}/data/</path>
  <tmp_path>${folder}/data/tmp/</tmp_path>
  <users_config>users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
  <mark_cache_size>10000000</mark_cache_size>
</yandex>
`;
const users = `<?xml version="1.0"?>
<yandex>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <users><default>
    <password>${password}</password>
    <networks><ip>127.0.0.1</ip></networks>
    <profile>default</profile>
    <quota>default</quota>
  </default></users>
</yandex>
`;
