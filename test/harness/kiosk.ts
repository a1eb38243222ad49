/** A kit's kiosk with a real headless browser, and a second hold on that browser by which a test breaks its page. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chromium, type Page } from 'playwright-core';
import { Place, type PlacingFiles } from '../../display/kiosk/placing.ts';
import { linkFault } from '../../display/kiosk/relay-link.ts';
import { BrowserScreen } from '../../display/kiosk/screen.ts';
import { KioskServer } from '../../display/kiosk/server.ts';
import { Supervisor, type SupervisorLimits, supervisorLimits } from '../../display/kiosk/supervisor.ts';
import { root, temporaryFolder } from './programs.ts';
import { until } from './until.ts';

/** Debian's own browser; without the window that nobody sees where there is one. */
export const testBrowser =
  ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path)) ??
  '/usr/bin/chromium-browser';

/** What a browser needs where tests run, maybe as root; the port beside the pipe is the test's own hold on it, and a
 * browser without windows takes its page from here alone. */
export const testSwitches = (page: string): string[] => [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--remote-debugging-port=0',
  '--window-size=1280,720',
  page,
];

const log = { error() {}, warn() {}, info() {}, debug() {} };

export const pageFiles = { pagesDir: join(root, 'display'), protocolFile: join(root, 'relay/protocol.js') };

/** The page of the browser that has its profile in `profileDir` now, as a tool of the test sees it. */
export async function holdPage(profileDir: string): Promise<{ page: Page; letGo: () => Promise<void> }> {
  const port = await until(
    () => {
      const [profile = ''] = readdirSync(profileDir);
      const file = join(profileDir, profile, 'DevToolsActivePort');
      return existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) || undefined : undefined;
    },
    { timeoutMs: 10_000, what: 'the port of the browser' },
  );
  const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
  const page = browser.contexts()[0]?.pages()[0];
  if (!page) throw new Error('the browser has no page');
  return { page, letGo: () => browser.close() };
}

interface Process {
  readonly id: number;
  readonly parent: number;
  readonly command: string;
}

function allProcesses(): Process[] {
  return readdirSync('/proc')
    .filter((each) => /^\d+$/.test(each))
    .flatMap((each) => {
      try {
        const parent = Number(/\) \S (\d+) /.exec(readFileSync(`/proc/${each}/stat`, 'utf8'))?.[1]);
        return [{ id: Number(each), parent, command: readFileSync(`/proc/${each}/cmdline`, 'utf8') }];
      } catch {
        return [];
      }
    });
}

/** The browser that has its profile in `profileDir`, first its own process, then all it has started. */
export function browserProcesses(profileDir: string): Process[] {
  const all = allProcesses();
  const found = all.filter(
    ({ command }) =>
      command.includes(`--user-data-dir=${profileDir}`) &&
      !command.includes('--type=') &&
      !command.startsWith('/bin/sh'),
  );
  for (const { id } of found) found.push(...all.filter((each) => each.parent === id && !found.includes(each)));
  return found;
}

/** The kiosk's parts as its program joins them, in this process, with times of the test's own. */
export class TestKiosk {
  readonly profiles = temporaryFolder();
  readonly server: KioskServer;
  readonly supervisor: Supervisor;
  connected = true;

  private constructor(server: KioskServer, limits: Partial<SupervisorLimits>) {
    this.server = server;
    const screen = new BrowserScreen(
      {
        file: testBrowser,
        profileDir: this.profiles.path,
        page: `${server.origin}/`,
        switches: testSwitches(`${server.origin}/`),
        env: process.env,
        log,
      },
      { beatTimeoutMs: 1500, commandTimeoutMs: 3000 },
    );
    this.supervisor = new Supervisor(
      screen,
      { ...supervisorLimits, beatEveryMs: 300, healthyAfterMs: 200, ...limits },
      {
        now: () => performance.now(),
        delay: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
        isConnected: async () => this.connected,
        log,
      },
    );
  }

  static async start(files: PlacingFiles, limits: Partial<SupervisorLimits> = {}): Promise<TestKiosk> {
    const place = new Place(files, log);
    const server = new KioskServer({ ...pageFiles, host: '127.0.0.1', port: 0, place: () => place.read(), linkFault });
    await server.start();
    const kiosk = new TestKiosk(server, limits);
    void kiosk.supervisor.run().catch(() => undefined);
    return kiosk;
  }

  hold() {
    return holdPage(this.profiles.path);
  }

  /** The number of a process of this kiosk's browser, e.g. of `--type=renderer`; without a type its first. */
  process(type = ''): number {
    const found = browserProcesses(this.profiles.path).find(({ command }) => command.includes(type));
    // Never 0, which would be this very process and all around it.
    if (!found || found.id <= 1) throw new Error(`the browser has no process ${type}`);
    return found.id;
  }

  async stop(): Promise<void> {
    await this.supervisor.stop();
    await this.server.stop();
    this.profiles.remove();
  }
}
