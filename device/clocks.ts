import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { uuidPattern } from '../relay/protocol.js';

/** The device's clocks. A kit's own wall clock decides nothing: it is only told, with whether it is synchronised. */
export interface Clocks {
  /** Milliseconds as of `performance.now`. */
  now(): number;
  /** `now` plus this is milliseconds since the machine started, comparable between programs. */
  readonly sinceBootMs: number;
  readonly bootId: string;
  wallMs(): number;
  wallSynced(): boolean;
}

/** systemd-timesyncd keeps this file from its first synchronisation of a boot on. */
const timesyncMark = '/run/systemd/timesync/synchronized';
const syncedCheckMs = 10_000;

function readBootId(): string {
  try {
    const id = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return uuidPattern.test(id) ? id : randomUUID();
  } catch {
    // Without one, times of different runs cannot be compared: an id of its own says just that.
    return randomUUID();
  }
}

/** The machine's clocks. `process.hrtime` counts from the start of the machine, `performance.now` from that of the program. */
export function systemClocks(): Clocks {
  const now = () => performance.now();
  const sinceBootMs = Number(process.hrtime.bigint()) / 1e6 - now();
  let synced = existsSync(timesyncMark);
  let checkedAtMs = now();
  return {
    now,
    sinceBootMs,
    bootId: readBootId(),
    wallMs: () => Date.now(),
    wallSynced: () => {
      if (now() - checkedAtMs >= syncedCheckMs) {
        checkedAtMs = now();
        synced = existsSync(timesyncMark);
      }
      return synced;
    },
  };
}
