import { setTimeout as delay } from 'node:timers/promises';
import { standInCredentials, type TranscribeStandIn } from '../stand-ins/transcribe.ts';
import type { Fault } from '../stand-ins/transcribe-faults.ts';
import type { CaptionedHall, HallOptions, HallSpeaker } from './captioned-hall.ts';
import type { FaultyProxy } from './proxy.ts';
import type { ServiceProcess } from './service-process.ts';

/** Beyond the wait between two attempts, captions are back within this of the service being able to give them. */
const backMs = 2000;
const capacity = 'capacity: Waiting for capacity of the captioning service.';
const unavailable = 'fault: Captions are not available at the moment.';
const delayed = 'delayed: Captions are delayed.';
/** First waits of `EngineRetry`, and its cap in a live room. */
const waits = { reopen: 0, backoff: 500, person: 2000, cap: 4000 };
/** A wait for capacity is not held to the cap. */
const capacityMs = 30_000;
/** Words that do not come are waited for so long; then the session that does say them is opened. */
const mute = 5000 + backMs;
/** A connection whose bytes were swallowed does not recover: without traffic it is given up after 5 s, seen within 1 s. */
const swallowed = 6000;

/** What a cell of the matrix works with. */
export interface Stage {
  readonly standIn: TranscribeStandIn;
  /** In its place, where the cell asks for one. */
  readonly process: ServiceProcess | null;
  /** Between the relay and the service. */
  readonly proxy: FaultyProxy;
  readonly hall: CaptionedHall;
  readonly speaker: HallSpeaker;
  /** Says so many more numbers, ten a second. */
  say(numbers: number): Promise<void>;
}

/** A way in which the engine's sessions end or do not begin. */
export interface Cell {
  readonly name: string;
  readonly options?: Partial<HallOptions>;
  readonly isProcess?: true;
  /** Before the relay has started. */
  readonly before?: (standIn: TranscribeStandIn, proxy: FaultyProxy) => void | Promise<void>;
  /** What readers are told meanwhile. */
  readonly shows?: string;
  /** It is over so soon that the next session takes up all that is left. */
  readonly isNear?: boolean;
  /** One of its kind, for the short suite. */
  readonly isShort?: true;
  /** The talk with the fault in it; `ableAtMs` is when the service could give captions again. */
  readonly talk: (stage: Stage) => Promise<{ readonly ableAtMs: number; readonly withinMs: number }>;
}

/** One session fails in that way, right at its start or once it has said something; the next one works. */
function failsOnce(name: string, fault: Fault, withinMs: number, more: Partial<Cell> = {}): Cell {
  return {
    name,
    isNear: withinMs < mute,
    ...more,
    before: (standIn) => standIn.failNext(fault),
    talk: async ({ standIn, say }) => {
      const saying = say(withinMs > mute ? 120 : 60);
      const session = await standIn.session(0);
      const struckAtMs = await session.struck;
      await saying;
      return { ableAtMs: struckAtMs, withinMs };
    },
  };
}

/** The service works, then nothing does for so long, then it works again. */
function failsFor(
  name: string,
  ms: number,
  begin: (stage: Stage) => void | Promise<void>,
  end: (stage: Stage) => void | Promise<void>,
  withinMs = waits.cap + backMs,
): Cell {
  return {
    name,
    talk: async (stage) => {
      await stage.say(30);
      await begin(stage);
      const saying = stage.say(ms / 100 + 60);
      await delay(ms);
      await end(stage);
      const ableAtMs = performance.now();
      await saying;
      return { ableAtMs, withinMs };
    },
  };
}

const present = ({ standIn }: Stage) => standIn.sessions.findLast(({ over }) => !over);

type Exception = readonly [name: string, message: string, waitMs: number];
const exceptions: readonly Exception[] = [
  ['InternalFailureException', 'A problem occurred.', waits.backoff],
  ['BadRequestException', 'Your request timed out because no new audio was received for 15 seconds.', waits.reopen],
  ['LimitExceededException', 'Your stream has reached the maximum session duration.', waits.reopen],
  ['LimitExceededException', 'You have reached your concurrent stream limit.', capacityMs],
  ['NeverHeardOfException', 'What is this', waits.backoff],
  ['UnrecognizedClientException', 'The security token is invalid.', waits.person],
  ['BadRequestException', 'Signature expired: 20261121T080000Z', waits.reopen],
  ['BadRequestException', 'Something else', waits.person],
  ['BadRequestException', 'Your stream is too big. Reduce the frame size', waits.person],
  ['BadRequestException', 'The language code is not supported', waits.person],
  ['LimitExceededException', 'Rate exceeded', waits.backoff],
  ['ConflictException', 'A new stream started', waits.backoff],
  ['ServiceUnavailableException', 'Later', waits.backoff],
  ['ThrottlingException', 'Slow down', waits.backoff],
  ['AccessDeniedException', 'User is not authorized', waits.person],
  ['ExpiredTokenException', 'The token has expired', waits.person],
];

/** Of each kind of failure the first is in the short suite. */
const exceptionCells = ([name, message, waitMs]: Exception, index: number): Cell[] => {
  const fault = { kind: 'exception', name, message } as const;
  const withinMs = waitMs + backMs;
  const isFirst = exceptions.findIndex((each) => each[2] === waitMs) === index;
  const shows = waitMs === capacityMs ? capacity : waitMs === waits.person ? unavailable : delayed;
  const more: Partial<Cell> = { shows, ...(isFirst && { isShort: true }) };
  return [
    failsOnce(`${name} (${message}) before the first event`, { ...fault, when: 'start' }, withinMs, more),
    failsOnce(`${name} (${message}) after the first event`, { ...fault, when: 'first-event' }, withinMs, more),
    failsOnce(`${name} (${message}) as an HTTP answer`, { ...fault, when: 'start', http: 400 }, withinMs, { shows }),
  ];
};

const short = { isShort: true } as const;

const brokenCells = (['start', 'first-event'] as const).flatMap((when) => {
  const isFirst = when === 'start';
  const at = isFirst ? 'before the first event' : 'after the first event';
  // The last event may be lost with its connection, so that the session was never ready.
  const waitMs = waits.backoff;
  return [
    failsOnce(`a reset ${at}`, { kind: 'reset', when }, waitMs + backMs, short),
    failsOnce(`a dead TCP connection ${at}`, { kind: 'destroy', when }, waitMs + backMs, short),
    failsOnce(`an end nobody asked for ${at}`, { kind: 'end', when }, waitMs + backMs, short),
    failsOnce(`a peer that goes silent ${at}`, { kind: 'silent', when }, mute + backMs, ...(isFirst ? [] : [short])),
    failsOnce(
      `a peer that stops reading ${at}`,
      { kind: 'stop-reading', when },
      mute + backMs,
      ...(isFirst ? [] : [short]),
    ),
  ];
});

const internal = { kind: 'exception', name: 'InternalFailureException', message: 'A problem.', when: 'start' } as const;

/** Every session fails in that way until it is told otherwise; the present one too. */
const failsEvery = (name: string, fault: Fault, ms = 6000) =>
  failsFor(
    name,
    ms,
    (stage) => {
      stage.standIn.failEvery(fault);
      present(stage)?.strike(fault);
    },
    ({ standIn }) => standIn.failEvery(null),
  );

const longCells: readonly Cell[] = [
  failsEvery('a service that answers every session with an exception for 6 s', internal),
  failsEvery('a service that resets every session for 6 s', { kind: 'reset', when: 'start' }),
  failsEvery('a service that ends every session for 6 s', { kind: 'end', when: 'start' }),
  failsFor(
    'a service that cannot be reached for 6 s',
    6000,
    ({ proxy }) => proxy.refuse(true),
    ({ proxy }) => proxy.refuse(false),
  ),
  {
    ...failsFor(
      'a service whose process is killed, and is back after 3 s',
      3000,
      ({ process }) => process?.kill(),
      ({ process }) => process?.start(),
    ),
    isProcess: true,
    isShort: true,
  },
  {
    ...failsFor(
      'signatures that have expired for 3 s',
      3000,
      (stage) => {
        stage.standIn.limits = { ...stage.standIn.limits, maxSkewMs: -1 };
        present(stage)?.strike({ kind: 'reset', when: 'start' });
      },
      ({ standIn }) => {
        standIn.limits = { ...standIn.limits, maxSkewMs: 300_000 };
      },
    ),
    isShort: true,
  },
  {
    ...failsFor(
      'a quota of the account that others use up for 2 s',
      2000,
      (stage) => {
        stage.standIn.limits = { ...stage.standIn.limits, maxStreams: 0 };
        present(stage)?.strike({ kind: 'reset', when: 'start' });
      },
      ({ standIn }) => {
        standIn.limits = { ...standIn.limits, maxStreams: 25 };
      },
      capacityMs + backMs,
    ),
    ...{ shows: capacity, isShort: true },
  },
  failsFor(
    'a black hole of 12 s in the middle',
    12_000,
    ({ proxy }) => proxy.blackHole(true),
    ({ proxy }) => proxy.blackHole(false),
    swallowed + waits.cap + backMs,
  ),
];

/** Nothing works from the start, until a person puts it right after so long. */
function startsBroken(
  name: string,
  options: Partial<HallOptions>,
  repair: (stage: Stage) => void | Promise<void>,
): Cell {
  return {
    ...{ name, options, shows: unavailable, isShort: true },
    talk: async (stage) => {
      await stage.say(60);
      await repair(stage);
      const ableAtMs = performance.now();
      await stage.say(60);
      return { ableAtMs, withinMs: waits.cap + backMs };
    },
  };
}

const { secretAccessKey } = standInCredentials;
const brokenFromTheStart: readonly Cell[] = [
  startsBroken('no credentials at all', { secretKey: null }, ({ hall }) => hall.writeKeys(secretAccessKey)),
  startsBroken('a wrong secret key', { secretKey: 'wrong' }, ({ hall }) => hall.writeKeys(secretAccessKey)),
  {
    name: 'a relay that was started in a region that streams nothing',
    ...{ isShort: true, shows: unavailable },
    talk: async ({ hall, speaker, say }) => {
      await say(30);
      await hall.restart('eu-west-3');
      speaker.connect();
      await say(40);
      await hall.restart('eu-west-1');
      speaker.connect();
      const ableAtMs = performance.now();
      await say(60);
      return { ableAtMs, withinMs: backMs };
    },
  },
  {
    name: 'a connection that is swallowed from the start',
    before: (_standIn, proxy) => proxy.blackHole(true),
    talk: async ({ proxy, say }) => {
      await say(30);
      proxy.blackHole(false);
      const ableAtMs = performance.now();
      await say(160);
      return { ableAtMs, withinMs: swallowed + waits.backoff + backMs };
    },
  },
];

const others: readonly Cell[] = [
  {
    ...{ name: 'a kit that sends nothing for longer than the service waits', isShort: true },
    before: (standIn) => {
      standIn.limits = { ...standIn.limits, idleTimeoutMs: 2500 };
    },
    talk: async ({ say }) => {
      await say(30);
      await delay(6000);
      const ableAtMs = performance.now();
      await say(30);
      return { ableAtMs, withinMs: backMs };
    },
  },
  {
    name: 'sessions that the service ends after 3 s each',
    before: (standIn) => {
      standIn.limits = { ...standIn.limits, maxSessionMs: 3000 };
    },
    talk: async ({ standIn, say }) => {
      await say(80);
      standIn.limits = { ...standIn.limits, maxSessionMs: 3_600_000 };
      const ableAtMs = performance.now();
      await say(60);
      return { ableAtMs, withinMs: waits.cap + backMs };
    },
  },
  {
    ...{ name: 'places that another room of this relay holds', shows: capacity, isShort: true },
    options: { quota: { maxSessions: 1, reserve: 0 } },
    talk: async ({ hall, say }) => {
      const lease = hall.parts.quota.take('live', 'attic');
      await say(60);
      lease?.release();
      const ableAtMs = performance.now();
      await say(60);
      return { ableAtMs, withinMs: backMs };
    },
  },
];

/** Those that take longest first. */
export const cells: readonly Cell[] = [
  ...brokenCells.toReversed(),
  ...longCells,
  ...brokenFromTheStart,
  ...others,
  ...exceptions.flatMap(exceptionCells),
];
