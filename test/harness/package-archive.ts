/** A small archive of Debian packages with a signature of its own, served on the loopback, with faults where asked. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { architecture } from '../../provisioning/kit/packages/private-apt.ts';

export interface TestPackage {
  readonly name: string;
  readonly version?: string;
  readonly depends?: string;
}

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

export class PackageArchive {
  readonly folder: string;
  readonly keyring: string;
  /** Paths that were asked for. */
  readonly asked: string[] = [];
  /** What to do with a request for a path that ends so. */
  readonly faults = new Map<string, 'altered' | 'cut'>();
  readonly #home: string;
  #server: Server | null = null;

  constructor(folder: string) {
    this.folder = join(folder, 'archive');
    // gpg's sockets want a short path; it makes none for what is done here.
    this.#home = join(folder, 'gpg');
    this.keyring = join(folder, 'keyring.gpg');
    mkdirSync(this.#home, { recursive: true, mode: 0o700 });
    this.#gpg('--passphrase', '', '--quick-gen-key', 'Archive of a test', 'ed25519', 'sign', 'never');
    writeFileSync(this.keyring, this.#gpg('--export'));
  }

  get address(): string {
    const address: AddressInfo | string | null = this.#server?.address() ?? null;
    if (address === null || typeof address === 'string') throw new Error('the archive is not served');
    return `http://127.0.0.1:${address.port}/`;
  }

  /** Makes the packages and signs their index, in place of what was there. */
  publish(suite: string, packages: readonly TestPackage[]): void {
    const stanzas = packages.map((each) => this.#build(each));
    const index = Buffer.from(`${stanzas.join('\n\n')}\n`);
    const packed = execFileSync('xz', ['--stdout', '-1'], { input: index });
    const at = `main/binary-${architecture}`;
    const files: Record<string, Buffer> = { [`${at}/Packages`]: index, [`${at}/Packages.xz`]: packed };
    const lines = Object.entries(files).map(([name, data]) => ` ${sha256(data)} ${data.length} ${name}`);
    for (const [name, data] of Object.entries(files)) {
      this.#write(`dists/${suite}/${name}`, data);
      this.#write(`dists/${suite}/${at}/by-hash/SHA256/${sha256(data)}`, data);
    }
    const release = `Origin: Debian\nSuite: ${suite}\nCodename: ${suite}\nDate: ${new Date(Date.UTC(2026, 0, 2)).toUTCString().replace('GMT', 'UTC')}\nAcquire-By-Hash: yes\nArchitectures: ${architecture}\nComponents: main\nSHA256:\n${lines.join('\n')}\n`;
    this.#write(`dists/${suite}/InRelease`, this.#gpg('--clearsign', '--output', '-', { input: release }));
  }

  async serve(): Promise<void> {
    const server = createServer((request, response) => {
      const path = decodeURIComponent(new URL(request.url ?? '/', 'http://archive').pathname);
      this.asked.push(path);
      const file = join(this.folder, path);
      if (!existsSync(file) || !statSync(file).isFile()) {
        response.writeHead(404).end();
        return;
      }
      const fault = [...this.faults].find(([end]) => path.endsWith(end))?.[1];
      const size = statSync(file).size;
      response.writeHead(200, { 'content-length': size });
      if (fault === 'altered') response.end(Buffer.alloc(size, 'x'));
      else if (fault === 'cut') response.write(readFileSync(file).subarray(0, size / 2), () => response.destroy());
      else createReadStream(file).pipe(response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#server = server;
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => (this.#server ? this.#server.close(resolve) : resolve(null)));
  }

  #build({ name, version = '1.0-1', depends }: TestPackage): string {
    const control = [
      `Package: ${name}`,
      `Version: ${version}`,
      `Architecture: ${architecture}`,
      'Maintainer: Nobody <nobody@example.org>',
      ...(depends ? [`Depends: ${depends}`] : []),
      'Description: of a test',
    ];
    const tree = join(this.folder, '..', 'tree', name);
    rmSync(tree, { recursive: true, force: true });
    mkdirSync(join(tree, 'DEBIAN'), { recursive: true });
    writeFileSync(join(tree, 'DEBIAN/control'), `${control.join('\n')}\n`);
    mkdirSync(join(tree, `usr/share/${name}`), { recursive: true });
    writeFileSync(join(tree, `usr/share/${name}/version`), version);
    const path = `pool/main/${name.charAt(0)}/${name}/${name}_${version.replace(':', '%3a')}_${architecture}.deb`;
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    execFileSync('dpkg-deb', ['--root-owner-group', '-Znone', '--build', tree, join(this.folder, path)], {
      stdio: 'pipe',
    });
    const data = readFileSync(join(this.folder, path));
    return [...control, `Filename: ${path}`, `Size: ${data.length}`, `SHA256: ${sha256(data)}`].join('\n');
  }

  #write(name: string, data: Buffer): void {
    mkdirSync(dirname(join(this.folder, name)), { recursive: true });
    writeFileSync(join(this.folder, name), data);
  }

  #gpg(...args: (string | { input: string })[]): Buffer {
    const words = args.filter((each) => typeof each === 'string');
    const input = args.find((each) => typeof each !== 'string')?.input;
    return execFileSync(
      'gpg',
      ['--homedir', this.#home, '--batch', '--quiet', '--pinentry-mode', 'loopback', ...words],
      {
        stdio: ['pipe', 'pipe', 'pipe'],
        ...(input !== undefined && { input }),
      },
    );
  }

  /** gpg leaves an agent behind. */
  forget(): void {
    execFileSync('gpgconf', ['--homedir', this.#home, '--kill', 'all'], { stdio: 'pipe' });
  }
}
