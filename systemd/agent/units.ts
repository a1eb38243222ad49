import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { messageOf, SalaError } from '../errors.ts';
import type { Units, WallClock } from './parts.ts';

const run = promisify(execFile);
const timeoutMs = 30_000;

/** The machine's systemd. */
export const systemdUnits: Units = {
  restart: async (names) => {
    try {
      await run('systemctl', ['try-restart', '--no-block', ...names], { timeout: timeoutMs });
    } catch (cause) {
      throw new SalaError(`The programs of this kit could not be restarted (${messageOf(cause)})`, {
        code: 'restart-failed',
        hint: 'Switch the kit off and on again.',
        cause,
      });
    }
  },
};

/** Has the kit go over to the release that is in charge now: outside this program, which is restarted on the way. */
export async function switchOver(): Promise<void> {
  await run('systemctl', ['start', '--no-block', 'sala-switch.service'], { timeout: timeoutMs });
}

/** Does `work` with the system's partition writable: systemd remounts it, the agent itself may not. */
export async function withWritableRoot(work: () => Promise<void>): Promise<void> {
  const remount = (how: 'rw' | 'ro') =>
    run('systemd-run', ['--quiet', '--wait', '--collect', 'mount', '-o', `remount,${how}`, '/'], {
      timeout: timeoutMs,
    });
  await remount('rw');
  try {
    await work();
  } finally {
    await remount('ro');
  }
}

/** The machine's clock. Node cannot set it; `date` can. */
export const machineClock: WallClock = {
  now: () => Date.now(),
  set: async (ms) => {
    try {
      await run('date', ['--utc', `--set=@${(ms / 1000).toFixed(3)}`], { timeout: timeoutMs });
    } catch (cause) {
      throw new SalaError(`The clock of this kit cannot be set (${messageOf(cause)})`, {
        code: 'clock-failed',
        hint: 'Captions go on without it; the clock sets itself once a time server answers.',
        cause,
      });
    }
  },
};
