import { uptime } from 'node:os';
import { join } from 'node:path';
import { type KitAssignment, type KitHealth, kitLimits } from '../../relay/kit-protocol.ts';
import type { Explained } from '../errors.ts';
import type { Logger } from '../log.ts';
import { AssignmentFile } from './assignment.ts';
import { ClockFloor } from './clock-floor.ts';
import { Enrolment, enrolmentTokenPattern } from './enrolment.ts';
import { callEnrolment } from './enrolment-call.ts';
import { type Files, replaceFile } from './files.ts';
import { Identity, idOf } from './identity.ts';
import { kitHealthOf } from './kit-health.ts';
import { LampJudge } from './lamp-judge.ts';
import { KitLink, type LinkLimits } from './link.ts';
import type { AgentSettings } from './options.ts';
import type { Lamp, Machine, Units, Updater, UpdaterParts, WallClock } from './parts.ts';
import { diskFailed, keyRefused } from './problems.ts';
import { ProgramsWatch } from './programs-watch.ts';
import { enrolmentTokenFile, Scrub } from './scrub.ts';
import { SoloRelay } from './solo.ts';

export interface AgentParts {
  readonly settings: AgentSettings;
  readonly version: string;
  readonly serial?: string | undefined;
  readonly bootId: string;
  readonly files: Files;
  readonly units: Units;
  readonly clock: WallClock;
  /** When this release was built; ms since 1970. */
  readonly builtAtMs: number;
  readonly lamp: Lamp;
  readonly machine: Machine;
  readonly updater: (parts: UpdaterParts) => Updater;
  readonly fetch: typeof globalThis.fetch;
  /** Some interface of this machine has an address. */
  readonly hasNetwork: () => boolean;
  /** The id of the seed that this start of the machine belongs to; null where it tells none. */
  readonly seedId: () => Promise<string | null>;
  readonly withWritableRoot: (work: () => Promise<void>) => Promise<void>;
  /** Of the machine. */
  readonly uptimeMs?: () => number;
  readonly random: () => number;
  readonly log: (name: string) => Logger;
  readonly linkLimits?: Partial<LinkLimits>;
  /** When a room that could not be written down is tried again. */
  readonly assignRetryMs?: number;
  /** A line for whoever looks at the unit. */
  readonly onStatus?: (message: string) => void;
}

/** Units that load the kit's key. */
const keyedUnits = {
  device: ['sala-device.service'],
  display: ['sala-display.service'],
  solo: ['sala-device.service', 'sala-display.service'],
};
const beatMs = 1000;
/** `kit.json` is written when it changes, and so often besides: who reads it sees by its age that the agent lives. */
const kitFileEveryMs = 10_000;
const scrubEveryMs = 10_000;
const defaultAssignRetryMs = 5000;

const httpUrl = (relay: string) => relay.replace(/^ws/, 'http').replace(/\/+$/, '');
const socketUrl = (relay: string) => httpUrl(relay).replace(/^http/, 'ws');

/** Keeps a kit the relay's own: enrols it, holds the line on which it is told what to do, tells how it is. */
export class Agent {
  readonly #parts: AgentParts;
  readonly #log: Logger;
  readonly #identity: Identity;
  readonly #enrolment: Enrolment;
  readonly #scrub: Scrub;
  readonly #link: KitLink;
  readonly #assignment: AssignmentFile;
  readonly #clockFloor: ClockFloor;
  readonly #programs: ProgramsWatch;
  readonly #updater: Updater;
  readonly #lampJudge = new LampJudge();
  #timer: NodeJS.Timeout | undefined;
  #loadProblem: Explained | null = null;
  #scrubProblem: Explained | null = null;
  #assignmentProblem: Explained | null = null;
  #scrubAtMs = 0;
  #isScrubbed = false;
  #scrubbing: Promise<void> | null = null;
  #wanted: KitAssignment | null = null;
  #identifyUntilMs = 0;
  #kitText = '';
  #kitTextAtMs = Number.NEGATIVE_INFINITY;
  #writing: Promise<void> = Promise.resolve();
  #beatAtMs = performance.now();
  #stopping: Promise<void> | null = null;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    const { settings, files, units, clock, log, random, version, serial, fetch, hasNetwork } = parts;
    const { kind, dataDir, bootDir, cloudDir, releaseKey } = settings;
    const relay = httpUrl(settings.relay);
    const inKit = (name: string) => join(dataDir, 'kit', name);
    this.#log = log('agent');
    this.#identity = new Identity(files, join(dataDir, 'kit'), () => units.restart(keyedUnits[kind]));
    this.#assignment = new AssignmentFile(files, join(dataDir, 'assignment', 'assignment.json'), settings.relay, () =>
      clock.now(),
    );
    this.#clockFloor = new ClockFloor({
      ...{ files, file: inKit('clock-floor'), clock, log: log('clock') },
      notBefore: [parts.builtAtMs, settings.notBefore ? Date.parse(settings.notBefore) : 0],
    });
    this.#enrolment = new Enrolment({
      ...{ identity: this.#identity, version, serial, random, log: log('enrolment') },
      token: kind === 'solo' ? this.#soloToken(relay) : () => this.#cardToken(),
      ask: (request) => callEnrolment({ relay, fetch, hasNetwork }, request),
      onEnrolled: ({ room, at }) => {
        if (room) this.#assign({ room: room.name, title: room.title });
        void this.#clockFloor.heard(at);
        this.#isScrubbed = false;
        this.#scrubAtMs = 0;
        this.#beat();
      },
      onChange: () => this.#beat(),
    });
    this.#scrub = new Scrub({
      ...{ files, bootDir, cloudDir, writable: parts.withWritableRoot },
      // One that was being erased is none any more.
      isTokenUsed: (token) => !enrolmentTokenPattern.test(token) || idOf(token) === this.#identity.marker?.tokenId,
      isSeedUsed: async () => {
        const done = (await files.read(inKit('first-boot.done')))?.toString('utf8').trim();
        const seed = await parts.seedId();
        return done !== undefined && (seed === null || done === '' || done === seed);
      },
    });
    this.#link = new KitLink({
      ...{ relay: socketUrl(settings.relay), version, bootId: parts.bootId, hasNetwork, random, log: log('link') },
      ...(parts.linkLimits && { limits: parts.linkLimits }),
      health: () => this.health(),
      listener: {
        welcome: (at) => {
          void this.#clockFloor.heard(at);
          parts.machine.heard(at);
          // What is offered now follows; what was offered before the line broke may not be any more.
          this.#updater.offer(null);
          const { report } = this.#updater;
          if (report) this.#link.updated(report);
        },
        assigned: (assignment) => this.#assign(assignment),
        release: (release) => this.#updater.offer(release),
        idle: (isIdle) => this.#updater.idle(isIdle),
        identify: () => this.identify(),
        changed: () => {
          // Whether a talk goes on is not known without the relay.
          if (!this.#link.connected) this.#updater.idle(false);
          if (this.#link.problem?.code === keyRefused.code) this.#enrolment.look();
          this.#beat();
        },
      },
    });
    this.#programs = new ProgramsWatch({
      ...{ kind, fetch, uptimeMs: parts.uptimeMs ?? (() => uptime() * 1000) },
      deviceStatus: settings.deviceStatus,
      displayStatus: settings.displayStatus,
    });
    this.#updater = parts.updater({
      ...{ dataDir, releaseKey, relay, key: () => this.#identity.key },
      reported: () => {
        const { report } = this.#updater;
        if (report) this.#link.updated(report);
        this.#beat();
      },
    });
  }

  /** Resolves when the kit is at work; what it lacks is told, and tried for ever. */
  async start(): Promise<void> {
    await this.#clockFloor.raise();
    await this.#load();
    await this.#assignment.load();
    this.#parts.machine.start();
    this.#updater.start();
    this.#enrolment.start();
    this.#timer = setInterval(() => this.#beat(), beatMs);
    this.#beat();
  }

  /** Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    clearInterval(this.#timer);
    const { machine, lamp } = this.#parts;
    await Promise.all([this.#enrolment.stop(), this.#link.stop(), this.#updater.stop(), machine.stop(), lamp.stop()]);
    await this.#scrubbing;
    await this.#writing;
  }

  /** Makes itself known among other kits, for half a minute. */
  identify(): void {
    this.#identifyUntilMs = performance.now() + kitLimits.identifyMs;
    this.#parts.lamp.identify(kitLimits.identifyMs);
    this.#beat();
  }

  /** How long ago the agent last looked at all it looks after, in ms. */
  get beatAgeMs(): number {
    return performance.now() - this.#beatAtMs;
  }

  health(): KitHealth {
    const { machine } = this.#parts;
    return kitHealthOf({
      problems: [
        this.#loadProblem,
        // A kit that has a key goes on with it, whatever becomes of another token.
        this.#identity.key === null ? this.#enrolment.problem : this.#link.problem,
        this.#enrolment.problem,
        this.#assignmentProblem,
        this.#scrubProblem,
        this.#programs.screenProblem,
        machine.problem,
      ],
      ...{ connected: this.#link.connected, page: this.#programs.page, machine: machine.health },
      update: this.#updater.report,
    });
  }

  async #load(): Promise<void> {
    try {
      await this.#identity.load();
      this.#loadProblem = null;
    } catch (error) {
      this.#loadProblem = diskFailed('read who it is', error);
      this.#log.error({ reason: this.#loadProblem.message }, 'the identity of the kit cannot be read');
    }
  }

  async #cardToken(): Promise<{ token: string } | null> {
    const { files, settings } = this.#parts;
    const token = (await files.read(enrolmentTokenFile(settings.bootDir)))?.toString('utf8').trim();
    return token ? { token } : null;
  }

  /** Asked only where there is no key, or the relay does not know it any more: its disk may be another one. */
  #soloToken(relay: string) {
    const { settings, files, fetch } = this.#parts;
    const { name, room, title, language, adminTokenFile } = settings;
    const adminToken = async () => (await files.read(adminTokenFile))?.toString('utf8').trim() ?? '';
    const own = new SoloRelay({ relay, adminToken, kit: name, room, title, language, fetch });
    return async () => {
      if (this.#identity.key !== null && this.#link.problem?.code !== keyRefused.code) return null;
      return own.token();
    };
  }

  #assign(assignment: KitAssignment): void {
    const { assignRetryMs = defaultAssignRetryMs } = this.#parts;
    this.#wanted = assignment;
    this.#assignment.set(assignment).then(
      () => {
        this.#assignmentProblem = null;
        this.#log.info({ event: 'assigned', room: assignment.room }, 'The room of this kit');
        this.#beat();
      },
      (error: unknown) => {
        this.#assignmentProblem = diskFailed('note its room', error);
        // Unless it has another one by then.
        setTimeout(() => this.#wanted === assignment && this.#assign(assignment), assignRetryMs).unref();
      },
    );
  }

  /** Looks at everything; called by each change and once a second. */
  #beat(): void {
    if (this.#stopping !== null) return;
    this.#beatAtMs = performance.now();
    const { key } = this.#identity;
    if (this.#loadProblem) void this.#load();
    if (key !== null) {
      this.#link.use(key);
      this.#scrubWhereDue();
    }
    void this.#programs.look();
    const health = this.health();
    this.#updater.look({
      isWell: this.#programs.areWell && !this.#loadProblem,
      connected: this.#link.connected,
      device: this.#programs.device?.state ?? null,
      isQuiet: this.#programs.isQuiet,
    });
    const { device, areWell } = this.#programs;
    this.#parts.lamp.show(this.#lampJudge.judge({ state: health.state, device, areWell }));
    this.#parts.onStatus?.(health.message);
    this.#writeKitFile(health);
  }

  #scrubWhereDue(): void {
    const now = performance.now();
    if (this.#isScrubbed || this.#scrubbing || now < this.#scrubAtMs) return;
    this.#scrubbing = this.#scrub.run().then(({ isDone, problem }) => {
      this.#scrubbing = null;
      this.#isScrubbed = isDone;
      this.#scrubAtMs = performance.now() + scrubEveryMs;
      if (problem && !this.#scrubProblem) this.#log.warn({ reason: problem.message }, 'the card is not scrubbed');
      if (isDone) this.#log.info({ event: 'scrubbed' }, 'The card holds nothing secret of its seed any more');
      this.#scrubProblem = problem;
    });
  }

  /** For every program of the kit: no secret is in it. */
  #writeKitFile(health: KitHealth): void {
    const { settings, version, clock, files } = this.#parts;
    const { name, kind, relay, runDir } = settings;
    const { room, title } = this.#assignment.current ?? { room: settings.room, title: settings.title ?? '' };
    const identify = performance.now() < this.#identifyUntilMs;
    const device = this.#programs.device;
    const enrolled = this.#identity.key !== null;
    const { connected } = this.#link;
    const kit = { name, kind, room, title, relay, version, enrolled, connected, identify, ...health, device };
    const text = JSON.stringify(kit);
    const now = performance.now();
    if (text === this.#kitText && now - this.#kitTextAtMs < kitFileEveryMs) return;
    this.#kitText = text;
    this.#kitTextAtMs = now;
    const whole = `${JSON.stringify({ ...kit, atMs: clock.now() })}\n`;
    this.#writing = this.#writing
      .then(() => files.makeFolder(runDir, 0o755))
      .then(() => replaceFile(files, join(runDir, 'kit.json'), whole, 0o644))
      .catch((error: unknown) => this.#log.debug({ error: String(error) }, 'kit.json cannot be written'));
  }
}
