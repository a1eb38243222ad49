import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { kitSecrets } from './kit-secrets.ts';
import { redacted } from './redaction.ts';

export interface DiagnosticsOptions {
  /** Before `/etc`, `/proc` and `/boot`; a test's own. */
  readonly root?: string;
  readonly dataDir: string;
  /** How the kit is. */
  readonly health: () => unknown;
  readonly run?: (command: string, args: readonly string[]) => Promise<string>;
  readonly wallMs?: () => number;
}

export const diagnosticsLimits = {
  /** Of one part, before it is redacted; the newest of the journal is kept. */
  maxPartBytes: 400_000,
  maxJournalLines: 2000,
  maxChars: 1_000_000,
  runTimeoutMs: 10_000,
};

/** What a program prints. @throws where there is none, it fails, or prints far too much */
async function printed(command: string, args: readonly string[]): Promise<string> {
  const { maxPartBytes, runTimeoutMs } = diagnosticsLimits;
  const { stdout } = await promisify(execFile)(command, [...args], {
    timeout: runTimeoutMs,
    maxBuffer: 4 * maxPartBytes,
    env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C.UTF-8' },
  });
  return stdout;
}

const settingsFiles = ['kit.toml', 'device.toml', 'display.toml', 'relay.toml', 'relay.env'];
/** What the kernel says of power, card, USB and memory; anything else is not asked for. */
const kernelWords = /voltage|throttl|mmc|ext4|i\/o error|usb|xhci|watchdog|oom|out of memory|snd|audio/i;

/**
 * Everything that helps to find out what is wrong with a kit, as one text without secrets: made by the agent, which may read
 * the journal, redacted before it leaves it.
 */
export class Diagnostics {
  readonly #options: DiagnosticsOptions;
  readonly #run: (command: string, args: readonly string[]) => Promise<string>;

  constructor(options: DiagnosticsOptions) {
    this.#options = options;
    this.#run = options.run ?? printed;
  }

  /** Never throws: what cannot be had is said. */
  async make(): Promise<string> {
    const { root = '/', dataDir, health, wallMs = Date.now } = this.#options;
    const file = (path: string) => readFile(join(root, path), 'utf8');
    const { maxJournalLines, maxChars } = diagnosticsLimits;
    const journal = (args: readonly string[]) =>
      this.#run('journalctl', ['--no-pager', '--quiet', '--output=short-iso', `--lines=${maxJournalLines}`, ...args]);
    const parts: (readonly [title: string, content: () => Promise<string>])[] = [
      ['How the kit is', async () => JSON.stringify(health(), null, 2)],
      ['Versions', () => this.#versions()],
      ...settingsFiles.map((name) => [`Settings: ${name}`, () => file(`/etc/sala/${name}`)] as const),
      [
        'Units',
        () =>
          this.#run('systemctl', [
            'show',
            '--property=Id,ActiveState,SubState,NRestarts,Result,MemoryCurrent,CPUUsageNSec',
            'sala-*',
          ]),
      ],
      ['Load', () => file('/proc/loadavg')],
      ['Memory', async () => (await file('/proc/meminfo')).split('\n').slice(0, 5).join('\n')],
      ['Disks', () => this.#run('df', ['--human-readable', '--output=target,fstype,size,used,avail', '/', dataDir])],
      ['Sound cards', () => file('/proc/asound/cards')],
      [
        'Network',
        () => this.#run('nmcli', ['--terse', '--fields', 'TYPE,STATE,IP4-CONNECTIVITY,IP6-CONNECTIVITY', 'device']),
      ],
      ['Clock', () => this.#run('timedatectl', ['show', '--property=NTPSynchronized', '--property=TimeUSec'])],
      [
        'Kernel',
        async () =>
          (await journal(['--dmesg', '--priority=warning']))
            .split('\n')
            .filter((line) => kernelWords.test(line))
            .join('\n'),
      ],
      ['Journal', () => journal(['--unit=sala-*'])],
    ];
    const secrets = await kitSecrets(root, dataDir);
    let text = `Sala: diagnostics of a kit, ${new Date(wallMs()).toISOString()} by its own clock\nSecrets, addresses and names of networks have been taken out, as far as they can be recognised.\n`;
    for (const [title, content] of parts) text += `\n== ${title} ==\n${redacted(await this.#part(content), secrets)}\n`;
    return text.length <= maxChars ? text : `${text.slice(0, maxChars)} [cut]`;
  }

  async #part(content: () => Promise<string>): Promise<string> {
    const { maxPartBytes } = diagnosticsLimits;
    try {
      const text = (await content()).trimEnd();
      if (text.length <= maxPartBytes) return text;
      // The newest, from the beginning of a line on: half a secret could not be recognised.
      const rest = text.slice(-maxPartBytes);
      return `[cut]${rest.slice(rest.includes('\n') ? rest.indexOf('\n') : rest.length)}`;
    } catch {
      return '(there is none)';
    }
  }

  async #versions(): Promise<string> {
    const { root = '/', dataDir } = this.#options;
    const system = /^PRETTY_NAME=(.*)$/m.exec(
      await readFile(join(root, '/etc/os-release'), 'utf8').catch(() => ''),
    )?.[1];
    const current = await readlink(join(dataDir, 'software/current')).catch(() => 'none');
    const releases = await readdir(join(dataDir, 'software/releases')).catch(() => []);
    const kernel = (await readFile(join(root, '/proc/version'), 'utf8').catch(() => '')).split(' (')[0];
    return `release in charge: ${current}\nreleases: ${releases.join(', ')}\nsystem: ${system ?? 'unknown'}\nkernel: ${kernel}\nnode: ${process.version}`;
  }
}
