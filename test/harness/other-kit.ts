/**
 * Loaded with `--import` into the real device, before its own code: makes the process believe it runs on another kit.
 * The program itself is not touched.
 *
 * `SALA_TEST_KIT` is JSON: `hostname`, `bootId`, `uptimeMs` (added to the monotonic clock of the machine), and `wall`, a
 * list of `[from, shift]`: so long after the start of the process its wall clock is off by so much, in ms. `isSynced`: the
 * machine says that its wall clock is right.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';

export interface OtherKit {
  readonly hostname?: string;
  readonly bootId?: string;
  readonly uptimeMs?: number;
  readonly wall?: readonly (readonly [fromMs: number, shiftMs: number])[];
  readonly isSynced?: boolean;
}

/** The environment that makes a program that other kit. */
export function kitEnvironment(kit: OtherKit): NodeJS.ProcessEnv {
  return { NODE_OPTIONS: `--import=${import.meta.url}`, SALA_TEST_KIT: JSON.stringify(kit) };
}

function become({ hostname, bootId, uptimeMs, wall, isSynced }: OtherKit): void {
  if (hostname !== undefined) os.hostname = () => hostname;
  if (bootId !== undefined) {
    const readFileSync = fs.readFileSync;
    const file = '/proc/sys/kernel/random/boot_id';
    Object.defineProperty(fs, 'readFileSync', {
      value: (path: string, options: 'utf8') => (path === file ? `${bootId}\n` : readFileSync(path, options)),
    });
  }
  if (uptimeMs !== undefined) {
    const bigint = process.hrtime.bigint;
    process.hrtime.bigint = () => bigint() + BigInt(uptimeMs) * 1_000_000n;
  }
  if (wall !== undefined) shiftWallClock(wall);
  if (isSynced !== undefined) {
    const existsSync = fs.existsSync;
    const mark = '/run/systemd/timesync/synchronized';
    Object.defineProperty(fs, 'existsSync', {
      value: (path: string) => (path === mark ? isSynced : existsSync(path)),
    });
  }
  syncBuiltinESMExports();
}

function shiftWallClock(wall: readonly (readonly [fromMs: number, shiftMs: number])[]): void {
  const RealDate = Date;
  const now = () => RealDate.now() + (wall.findLast(([fromMs]) => fromMs <= performance.now())?.[1] ?? 0);
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new RealDate(now()).toString(),
    get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
  });
}

const given = process.env.SALA_TEST_KIT;
if (given !== undefined) become(JSON.parse(given));
