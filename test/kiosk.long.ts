import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { browserProcesses, holdPage, testBrowser, testSwitches } from './harness/kiosk.ts';
import { lastingPort } from './harness/ports.ts';
import { RunningProgram, temporaryFolder } from './harness/programs.ts';
import { until } from './harness/until.ts';

/** The program itself with its own times: every fault, each on a kiosk that has just begun. */

interface Report {
  readonly state: string;
  readonly shows: string;
  readonly counts: Record<string, number>;
}

class KioskProgram {
  readonly profiles = temporaryFolder();
  readonly #folder = temporaryFolder();
  readonly #program: RunningProgram;

  constructor(port: number, relayPort: number) {
    const address = `127.0.0.1:${port}`;
    const given = {
      relay: `ws://127.0.0.1:${relayPort}`,
      room: 'verdi',
      listen: address,
      browser: testBrowser,
      'browser-switches': testSwitches(`http://${address}/`).join(' '),
      'profile-dir': this.profiles.path,
      'state-file': join(this.#folder.path, 'display.json'),
    };
    this.#program = new RunningProgram(
      'display/kiosk/main.ts',
      Object.entries(given).flatMap(([name, value]) => [`--${name}`, value]),
    );
  }

  report(): Report | undefined {
    const file = join(this.#folder.path, 'display.json');
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  }

  /** Waits until the page is shown, and `remedy` was tried so often. */
  shown(remedy = 'restarts', times = 0): Promise<Report> {
    return until(
      () => {
        const report = this.report();
        return report?.state === 'showing' && report.shows !== '' && (report.counts[remedy] ?? 0) >= times
          ? report
          : undefined;
      },
      { timeoutMs: 15_000, what: `the page, after ${times} ${remedy},` },
    );
  }

  process(type = ''): number {
    const found = browserProcesses(this.profiles.path).find(({ command }) => command.includes(type));
    if (!found || found.id <= 1) throw new Error(`the browser has no process ${type}`);
    return found.id;
  }

  async stop(): Promise<number | null> {
    const status = await this.#program.stop();
    expect(browserProcesses(this.profiles.path)).toEqual([]);
    this.profiles.remove();
    this.#folder.remove();
    return status;
  }
}

const faults: Record<string, { remedy: string; break: (kiosk: KioskProgram) => Promise<void> | void }> = {
  'its browser is killed': { remedy: 'restarts', break: (kiosk) => void process.kill(kiosk.process(), 'SIGKILL') },
  'its page’s process is killed': {
    remedy: 'reloads',
    break: (kiosk) => void process.kill(kiosk.process('--type=renderer'), 'SIGKILL'),
  },
  'its page is frozen': {
    remedy: 'renewals',
    break: async (kiosk) => {
      const { page, letGo } = await holdPage(kiosk.profiles.path);
      await page.evaluate(() => {
        setTimeout(() => {
          for (;;);
        }, 0);
      });
      await letGo();
    },
  },
  'it shows an error page': {
    remedy: 'reloads',
    break: async (kiosk) => {
      const { page, letGo } = await holdPage(kiosk.profiles.path);
      await page.goto('http://127.0.0.1:1/').catch(() => undefined);
      await letGo();
    },
  },
  'nothing is painted': {
    remedy: 'restarts',
    break: (kiosk) => void process.kill(kiosk.process('--type=gpu-process'), 'SIGSTOP'),
  },
};

test.each(Object.entries(faults))('the page is back within 15 s when %s, and all ends well', async (_, fault) => {
  const kiosk = new KioskProgram(await lastingPort(), await lastingPort());
  await kiosk.shown();
  await fault.break(kiosk);
  const brokenAtMs = performance.now();
  await kiosk.shown(fault.remedy, 1);
  process.stdout.write(`${_}: back after ${Math.round(performance.now() - brokenAtMs)} ms\n`);
  expect(await kiosk.stop()).toBe(0);
});
