import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { uptime } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createLog } from '../../systemd/log.ts';
import { SystemdNotifier } from '../../systemd/notify.ts';
import { type Program, type Running, run } from '../../systemd/program.ts';
import { tearDown } from '../../systemd/teardown.ts';
import { checkPages } from '../page-files.ts';
import { removeProfiles } from './browser.ts';
import { isScreenConnected, systemConnectors } from './connectors.ts';
import { type KioskSettings, kioskSettings } from './options.ts';
import { Place } from './placing.ts';
import { linkFault } from './relay-link.ts';
import { ReportFile, reportOf } from './report.ts';
import { BrowserScreen } from './screen.ts';
import { KioskServer } from './server.ts';
import { Supervisor, supervisorLimits } from './supervisor.ts';

const times = { beatTimeoutMs: 4000, commandTimeoutMs: 5000 };
/** The supervisor mends or gives up long before; a program that does neither is started again. */
const maxAgeMs = 180_000;

async function start(settings: KioskSettings, env: NodeJS.ProcessEnv): Promise<Running> {
  const logs = createLog(settings.logLevel);
  const now = () => performance.now();
  const startedAtMs = now();
  const files = {
    pagesDir: fileURLToPath(new URL('..', import.meta.url)),
    protocolFile: fileURLToPath(new URL('../../relay/protocol.js', import.meta.url)),
  };
  await checkPages(files);
  const profileDir = settings.profileDir ?? env.XDG_RUNTIME_DIR ?? '/dev/shm';
  await access(profileDir, constants.W_OK);
  await removeProfiles(profileDir);
  const place = new Place(settings, logs('place'));
  const server = new KioskServer({ ...files, ...settings.listen, place: () => place.read(), linkFault });
  await server.start();
  const query = new URLSearchParams(settings.parameters).toString();
  const page = `${server.origin}/${query && `?${query}`}`;
  const screen = new BrowserScreen(
    {
      file: settings.browser,
      profileDir,
      page,
      switches: [
        ...(env.WAYLAND_DISPLAY ? ['--ozone-platform=wayland'] : []),
        ...settings.browserSwitches.split(/\s+/).filter(Boolean),
      ],
      env,
      log: logs('browser'),
    },
    times,
  );
  const limits = { ...supervisorLimits, maxMemoryBytes: settings.maxMemory * 1024 ** 2 };
  const supervisor = new Supervisor(screen, limits, {
    now,
    delay: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
    isConnected: () => isScreenConnected(systemConnectors),
    log: logs('supervisor'),
  });
  // The compositor is the unit's main process, and it is this one that knows.
  const { WATCHDOG_PID: _, ...ownEnv } = env;
  const notifier = new SystemdNotifier({ env: ownEnv, log: logs('systemd') });
  const file = settings.stateFile === undefined ? null : new ReportFile(settings.stateFile, logs('report'));
  let ready = false;
  supervisor.onChange = () => {
    const report = reportOf(supervisor.state, uptime() * 1000);
    file?.write(report);
    const status = `${report.message} (${report.shows || 'nothing yet'})`;
    // A kit that is switched on before its screen is at work, too.
    if (ready || report.state === 'starting') void notifier.status(status);
    else {
      ready = true;
      void notifier.ready(status);
      const afterMs = Math.round(now() - startedAtMs);
      logs('main').info({ event: 'ready', afterMs, state: report.state }, report.message);
    }
  };
  const done = supervisor.run();
  notifier.watch(async () => supervisor.proveLife(maxAgeMs));
  logs('main').info({ event: 'started', page }, 'The kiosk has started');

  let stopping: Promise<void> | null = null;
  const stop = () => {
    stopping ??= tearDown({
      systemd: () => notifier.stopping(),
      browser: () => supervisor.stop(),
      server: () => server.stop(),
    });
    return stopping;
  };
  return {
    stop,
    done: done.catch(async (error: unknown) => {
      await stop();
      throw error;
    }),
  };
}

const kiosk: Program<typeof kioskSettings> = {
  usage: 'node display/kiosk/main.ts',
  summary: 'Shows the caption page of this screen’s room on all of the screen, and keeps it there.',
  settings: kioskSettings,
  start,
};

await run(kiosk, process);
