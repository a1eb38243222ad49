import { RetrySchedule } from '../../../device/retry.ts';
import type { KitUpdate } from '../../../relay/kit-protocol.ts';
import { codeOf, messageOf, SalaError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { OfferedRelease, Updater, UpdaterParts } from '../parts.ts';
import type { UpdateDisk } from './disk.ts';
import { type FetchParts, fetchArchive, fetchManifest } from './fetching.ts';
import { isOlder, type Release, verifyRelease } from './manifest.ts';
import { Software, type Trial, type WellBefore } from './software.ts';

export const updateLimits = {
  /** Bytes a second: a talk on a narrow line goes before an update. */
  fetchRate: 250_000,
  idleFetchRate: 4_000_000,
  stallMs: 30_000,
  /** What must stay free on the data partition, for the room's audio. */
  reserveBytes: 256 * 1024 * 1024,
  minRetryMs: 5000,
  maxRetryMs: 300_000,
  /** An archive that came damaged is fetched so often in all. */
  maxFetches: 3,
  /** A release on trial is well when it was for so long without a break. */
  wellForMs: 10_000,
  /** Then it is taken back; `systemd/boot.sh` does so a minute later where this program cannot. */
  trialMs: 240_000,
};
export type UpdateLimits = { readonly [K in keyof typeof updateLimits]: number };

export interface UpdaterMachine {
  readonly disk: UpdateDisk;
  readonly fetch: typeof globalThis.fetch;
  /** Restarts the kit's programs as they are in the release now in charge; this one, too. */
  readonly switchOver: () => Promise<void>;
  readonly random: () => number;
  readonly log: Logger;
  readonly limits?: Partial<UpdateLimits>;
}

type Health = Parameters<Updater['look']>[0];

/** Faults of a release, not of the way to it: it is not asked for again. */
const isFinal = (error: unknown) =>
  /^release-(manifest|signature|differs|archive|older|damaged|other)$/.test(codeOf(error));

const refused = (code: string, message: string, hint: string) => new SalaError(message, { code, hint });

/** Fetches what the relay offers, makes sure of it, puts it in charge when the room is idle, and takes it back when the kit
 * does not get well with it. */
export class KitUpdater implements Updater {
  readonly #parts: UpdaterParts;
  readonly #machine: UpdaterMachine;
  readonly #limits: UpdateLimits;
  readonly #software: Software;
  readonly #retry: RetrySchedule;
  readonly #stopped = new AbortController();
  #offered: OfferedRelease | null = null;
  /** What was offered and can never be used, or is in charge already. */
  #settled: OfferedRelease | null = null;
  #isIdle = false;
  #health: Health = { isWell: false, connected: false, device: null, isQuiet: false };
  #report: KitUpdate | null = null;
  #trial: Trial | null = null;
  #trialSinceMs = 0;
  #wellSinceMs: number | null = null;
  /** This program was started with the release on trial: what it sees are the programs of that. */
  #isOfTrial = false;
  /** Whole under its name, waiting for the room to be idle. */
  #staged: string | null = null;
  #working: Promise<void> | null = null;
  #fetching = new AbortController();
  #fetches = 0;
  #againAtMs = 0;
  #started = false;

  constructor(parts: UpdaterParts, machine: UpdaterMachine) {
    this.#parts = parts;
    this.#machine = machine;
    this.#limits = { ...updateLimits, ...machine.limits };
    this.#software = new Software(machine.disk, parts.dataDir);
    const { minRetryMs, maxRetryMs } = this.#limits;
    this.#retry = new RetrySchedule({ minMs: minRetryMs, maxMs: maxRetryMs, random: machine.random });
  }

  get report(): KitUpdate | null {
    return this.#report;
  }

  start(): void {
    this.#do(() => this.#begin());
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#fetching.abort();
    await this.#working;
  }

  offer(release: OfferedRelease | null): void {
    const same = (other: OfferedRelease | null) => JSON.stringify(other) === JSON.stringify(release);
    if (same(this.#offered)) return;
    this.#offered = release;
    this.#fetching.abort();
    this.#fetches = 0;
    this.#againAtMs = 0;
    this.#staged = null;
    // The relay says it again after each break of the line.
    if (release !== null) this.#settled = same(this.#settled) ? release : null;
  }

  idle(isIdle: boolean): void {
    this.#isIdle = isIdle;
  }

  look(health: Health): void {
    this.#health = health;
    if (this.#trial) this.#watchTrial(this.#trial);
    else if (this.#offered && this.#offered !== this.#settled && performance.now() >= this.#againAtMs) this.#advance();
  }

  /** One thing at a time; what fails is told, never thrown. */
  #do(work: () => Promise<void>): void {
    if (this.#working || this.#stopped.signal.aborted) return;
    this.#working = work()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#working = null;
      });
  }

  #tell(version: string, state: KitUpdate['state'], message: string): void {
    const report = { version, state, message: message.slice(0, 500) };
    if (JSON.stringify(report) === JSON.stringify(this.#report)) return;
    this.#report = report;
    this.#machine.log.info({ event: 'update', ...report }, 'update');
    this.#parts.reported();
  }

  #failed(error: unknown): void {
    if (this.#stopped.signal.aborted || this.#fetching.signal.aborted) return;
    const { version } = this.#offered ?? { version: '' };
    const words =
      error instanceof SalaError ? `${error.message}. ${error.hint}` : `${messageOf(error)}. It is tried again.`;
    if (version === '') this.#machine.log.error({ error: messageOf(error) }, 'the releases of this kit cannot be read');
    else if (isFinal(error)) {
      this.#settled = this.#offered;
      this.#tell(version, 'refused', words);
    } else {
      this.#againAtMs = performance.now() + this.#limits.minRetryMs / 2 + this.#retry.next();
      this.#tell(version, 'fetching', words);
    }
  }

  /** What the last start left: a trial that goes on, or word of one that failed. */
  async #begin(): Promise<void> {
    await this.#software.makeReady();
    const trial = await this.#software.trial();
    const rolledBack = await this.#software.rolledBack();
    if (trial) {
      this.#trialSinceMs = performance.now();
      this.#tell(trial.version, 'switched', 'It is in charge, and the kit is looked at for some minutes.');
      this.#trial = trial;
      this.#isOfTrial = true;
    } else if (rolledBack) {
      this.#tell(rolledBack.version, 'rolled-back', `The version before it is in charge again: ${rolledBack.reason}`);
    }
    this.#started = true;
  }

  #advance(): void {
    const { version } = this.#offered ?? { version: '' };
    if (!this.#started) this.#do(() => this.#begin());
    else if (this.#staged !== version) this.#do(() => this.#prepare());
    else {
      // A kit that lacks something is looked after first; and what its device hears is newer than what the relay knows.
      const { connected, isWell, isQuiet } = this.#health;
      if (this.#isIdle && connected && isWell && isQuiet) this.#do(() => this.#switch(version));
    }
  }

  /** Fetches, checks and unpacks what is offered. */
  async #prepare(): Promise<void> {
    const offered = this.#offered;
    const key = this.#parts.key();
    if (!offered || key === null) return;
    const { version } = offered;
    const software = this.#software;
    const running = await software.inCharge();
    if (version === running) {
      this.#settled = offered;
      this.#tell(version, 'confirmed', 'It is in charge.');
      return;
    }
    const before = await software.rolledBack();
    if (before?.version === version && !before.again) {
      this.#settled = offered;
      this.#tell(version, 'rolled-back', `It is not tried again: ${before.reason}`);
      return;
    }
    this.#fetching = new AbortController();
    const { disk, fetch } = this.#machine;
    const signal = AbortSignal.any([this.#fetching.signal, this.#stopped.signal]);
    const from: FetchParts = { disk, fetch, key, signal, relay: this.#parts.relay, stallMs: this.#limits.stallMs };
    this.#tell(version, 'fetching', 'It is being fetched.');
    const release = await this.#manifest(from, offered, running);
    // Under its name stands only what was whole and signed, and the same version is always the same bytes.
    if (!(await software.has(version))) await this.#stage(from, release, running);
    signal.throwIfAborted();
    this.#staged = version;
    this.#tell(version, 'staged', 'It is ready, and is put in charge when the room is idle.');
  }

  /** The manifest of what is offered, once it is sure that this kit may run it. */
  async #manifest(from: FetchParts, offered: OfferedRelease, running: string | null): Promise<Release> {
    const { releaseKey } = this.#parts;
    const pem = await this.#machine.disk.read(releaseKey);
    if (pem === null)
      throw new SalaError('This kit has no key to check releases with', {
        code: 'release-no-key',
        hint: `Reseed it with the key of the releases (${releaseKey}).`,
      });
    const release = verifyRelease(await fetchManifest(from, offered.version), pem);
    const isSame = (['version', 'sha256', 'bytes'] as const).every((field) => release[field] === offered[field]);
    if (!isSame)
      throw refused('release-other', 'The manifest is of another release than the relay offers', 'Upload it again.');
    const created = running === null ? null : await this.#software.createdOf(running);
    if (created !== null && isOlder(release, { created }) && !offered.downgrade)
      throw refused(
        'release-older',
        `The release ${release.version} is older than the one of this kit, ${running}`,
        'To go back all the same, offer it as a downgrade.',
      );
    return release;
  }

  async #stage(from: FetchParts, release: Release, running: string | null): Promise<void> {
    const { disk } = this.#machine;
    const software = this.#software;
    const { version, bytes, unpackedBytes, sha256 } = release;
    const folder = await software.makeReady();
    await software.keepOnly(running === null ? [] : [running], version);
    const archive = software.archiveOf(version);
    const missing =
      bytes - (await disk.size(archive)) + unpackedBytes + this.#limits.reserveBytes - (await disk.freeBytes(folder));
    if (missing > 0)
      throw new SalaError(
        `The card is too full for the release ${version}: ${Math.ceil(missing / 1e6)} MB are missing`,
        {
          code: 'release-space',
          hint: 'Reconnect the kit so that it hands in its audio, or take a larger card.',
        },
      );
    await fetchArchive(from, release, archive, (taken) => this.#pace(taken));
    if ((await disk.sha256(archive)) !== sha256) {
      await disk.remove(archive);
      this.#fetches++;
      const how = { message: `The archive of ${version} came damaged`, hint: 'Upload the release again.' };
      if (this.#fetches >= this.#limits.maxFetches) throw refused('release-damaged', how.message, how.hint);
      throw refused('release-fetch', how.message, 'It is fetched anew.');
    }
    this.#tell(version, 'verified', 'It is whole and signed; it is being unpacked.');
    try {
      await software.stage(release);
    } catch (error) {
      if (isFinal(error)) await software.keepOnly(running === null ? [] : [running]);
      throw error;
    }
  }

  #pace(bytes: number): Promise<void> {
    const rate = this.#isIdle ? this.#limits.idleFetchRate : this.#limits.fetchRate;
    return new Promise((resolve) => setTimeout(resolve, (bytes / rate) * 1000));
  }

  async #switch(version: string): Promise<void> {
    const { connected, device } = this.#health;
    const before: WellBefore = { connected, device };
    const previous = await this.#software.inCharge();
    if (previous === null || !(await this.#software.has(version))) {
      this.#staged = null;
      return;
    }
    await this.#software.putInCharge(version, previous, before);
    this.#trial = { version, previous, ...before };
    this.#trialSinceMs = performance.now();
    this.#wellSinceMs = null;
    this.#tell(version, 'switched', 'The room is idle: the kit goes over to it.');
    await this.#restart(this.#trial);
  }

  /** Goes over to what is in charge now; usually this program ends by it. */
  async #restart(trial: Trial): Promise<void> {
    try {
      await this.#machine.switchOver();
    } catch (error) {
      await this.#takeBack(trial, `its programs could not be started: ${messageOf(error)}`);
    }
  }

  #watchTrial(trial: Trial): void {
    const { isWell, connected, device } = this.#health;
    const isAsBefore =
      this.#isOfTrial && isWell && (connected || !trial.connected) && (device === 'ok' || trial.device !== 'ok');
    const now = performance.now();
    this.#wellSinceMs = isAsBefore ? (this.#wellSinceMs ?? now) : null;
    if (this.#wellSinceMs !== null && now - this.#wellSinceMs >= this.#limits.wellForMs)
      this.#do(() => this.#confirm(trial));
    else if (now - this.#trialSinceMs >= this.#limits.trialMs)
      this.#do(async () => {
        const reason = !this.#isOfTrial
          ? 'its programs were not started'
          : !isWell
            ? 'the programs of the kit did not work with it'
            : connected || !trial.connected
              ? `the device did not get well with it (${device ?? 'no word of it'})`
              : 'the relay was not reached with it';
        await this.#takeBack(trial, reason);
      });
  }

  async #confirm(trial: Trial): Promise<void> {
    await this.#software.confirm(trial);
    this.#trial = null;
    this.#tell(trial.version, 'confirmed', 'It is in charge, and all is well.');
  }

  async #takeBack(trial: Trial, reason: string): Promise<void> {
    await this.#software.rollBack(trial, reason);
    this.#trial = null;
    this.#staged = null;
    this.#settled = this.#offered;
    this.#tell(trial.version, 'rolled-back', `The version before it is in charge again: ${reason}`);
    try {
      await this.#machine.switchOver();
    } catch (error) {
      this.#machine.log.error({ error: messageOf(error) }, 'the version before goes on only with the next start');
    }
  }
}
