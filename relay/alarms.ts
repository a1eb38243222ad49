import type { RecordingTrouble } from './archive/troubles.ts';
import type { FailureKind } from './engines/engine.ts';
import { atWorkMs, displayTroubles, isAtWork, type KitFacts, machineTroubles, named } from './kit-alarms.ts';
import type { RoomLive } from './live.ts';
import type { Alarm, Health, Talk } from './protocol.js';

/** What a room's alarms follow from. */
export interface RoomFacts {
  readonly live: RoomLive;
  readonly paused: boolean;
  readonly talk: Talk | null;
  /** When the newest words of the room were spoken, room time; null where there are none. */
  readonly lastWordsAt: number | null;
  /** Why the language of the talk that is on could not be assigned; empty where it was. */
  readonly talkFault: string;
  /** Those that were enrolled; a kit that has but a token of the room is not known by its name. */
  readonly kits?: readonly KitFacts[];
  /** What is wrong with its recordings. */
  readonly recording?: RecordingTrouble | null;
  /** Room time. */
  readonly now: number;
}

/** What the relay's own alarms follow from. */
export interface RelayFacts {
  /** What its disk does not take, in words; empty when all is well. */
  readonly storage: string;
  /** Of the disk with the data folder; null while not known. */
  readonly freeBytes: number | null;
  /** What became of a damaged database; null where nothing did. */
  readonly renewal: { readonly atMs: number; readonly keptAs: string } | null;
  /** Money of today, and the amounts at which to warn and to end; null: none. */
  readonly spent: number;
  readonly alarmPerDay: number | null;
  readonly maxPerDay: number | null;
  /** Rooms that wait for a place at the captioning service. */
  readonly waitingRooms: number;
  /** What is wrong with the conference's schedule; an empty message when all is well. */
  readonly schedule: { readonly message: string; readonly hint: string };
  /** What is wrong with recordings as a whole. */
  readonly recordings?: RecordingTrouble | null;
  /** Room time. */
  readonly now: number;
}

export type AlarmCode =
  | 'kit-offline'
  | 'no-sound'
  | 'clipping'
  | 'weak-power'
  | 'kit-disk'
  | 'source-microphone'
  | 'display-offline'
  | 'display-frozen'
  | 'display-power'
  | 'display-fault'
  | 'kit-storage'
  | 'kit-hot'
  | 'kit-clock'
  | 'engine-waiting'
  | 'engine-fault'
  | 'no-words'
  | 'talk-language'
  | 'lag'
  | 'budget'
  | 'relay-disk'
  | 'relay-database'
  | 'relay-quota'
  | 'relay-schedule'
  | 'recording'
  | 'relay-recordings';

/** Something that is not as it should be at this moment. */
export interface Trouble extends Omit<Alarm, 'since' | 'code'> {
  readonly code: AlarmCode;
  /** It is an alarm once it has lasted so long; left out: `defaultAfterMs`. */
  readonly afterMs?: number;
}

/** What comes and goes within a second is nobody's work. */
export const defaultAfterMs = 1000;
/** An alarm stays for so long after its cause was seen last, so that it can be read and does not flap. */
const defaultClearMs = 5000;
const clearMs: Partial<Record<AlarmCode, number>> = {
  // Comes with loud syllables: the second within this time raises it.
  clipping: 15_000,
  // A supply that gives way does so under load, again and again.
  'weak-power': 600_000,
  'display-power': 600_000,
  'source-microphone': 0,
};
export const clearAfterMs = (code: AlarmCode) => clearMs[code] ?? defaultClearMs;

const limits = {
  /** After a start of the relay its kits come back, each in its own time. */
  returnMs: 15_000,
  noAudioMs: 2000,
  /** Samples at full scale in a second: of a card with two channels at 48 kHz a thousandth. */
  clippedSamples: 100,
  lagMs: 5000,
  badLagMs: 15_000,
  kitFreeBytes: 500e6,
  relayFreeBytes: 2e9,
  relayFullBytes: 200e6,
  renewalMs: 24 * 3_600_000,
};

/** Stand-in microphones name themselves so. */
const standIn = /^microphone-/;

/** What is wrong in a room at this moment, worst first, in words for whoever can mend it. */
export function roomTroubles(facts: RoomFacts): Trouble[] {
  const found = [
    kitOffline(facts),
    noSound(facts),
    engineTrouble(facts),
    lagging(facts),
    heldBack(facts),
    clipping(facts),
    weakPower(facts),
    kitDisk(facts),
    noWords(facts),
    talkLanguage(facts),
    facts.recording ? { code: 'recording' as const, ...facts.recording } : null,
    standInMicrophone(facts),
    ...displayTroubles(facts.kits ?? [], { ...facts, isTalk: facts.talk !== null }),
    ...machineTroubles(facts.kits ?? []),
  ].filter((each) => each !== null);
  return found.sort((a, b) => Number(b.severity === 'fault') - Number(a.severity === 'fault'));
}

function kitOffline({ live, paused, talk, lastWordsAt, now, kits = [] }: RoomFacts): Trouble | null {
  if (live.source) return null;
  const heardMs = Math.min(live.lastAudioMs ?? Infinity, lastWordsAt === null ? Infinity : now - lastWordsAt);
  const known = kits.filter(({ kind }) => kind !== 'display');
  const isKnown = known.some((kit) => isAtWork(kit, { paused, isTalk: talk !== null, now }));
  if (!talk && heardMs > atWorkMs && !isKnown) return null;
  const there = known.filter(({ isConnected }) => isConnected);
  return {
    code: 'kit-offline',
    severity: paused ? 'warning' : 'fault',
    ...(there.length > 0
      ? silentKit(there)
      : awayKit(known, heardMs === Infinity && known.every(({ seenMs }) => seenMs === null))),
    afterMs: live.lastAudioMs === null || there.length > 0 ? limits.returnMs : defaultAfterMs,
  };
}

const awayKit = (known: readonly KitFacts[], isNew: boolean) => ({
  message: `The kit ${known.length > 0 ? `${named(known)} ` : ''}${isNew ? 'has not connected yet.' : 'is not connected.'}`,
  hint: 'Check its power and its network cable; it keeps what it hears. Or open the stand-in microphone in the room.',
});

const silentKit = (there: readonly KitFacts[]) => ({
  message: `The kit ${named(there)} is connected, but its sound does not come.`,
  hint: 'It starts its program again by itself. If this stays, take its power away for ten seconds, or open the stand-in microphone.',
});

function noSound({ live: { source, lastAudioMs }, paused, talk }: RoomFacts): Trouble | null {
  if (!source) return null;
  const { health } = source;
  const trouble = (
    severity: Trouble['severity'],
    message: string,
    hint: string,
    afterMs = defaultAfterMs,
  ): Trouble => ({
    code: 'no-sound',
    severity: paused ? 'warning' : severity,
    message,
    hint,
    afterMs,
  });
  const told = health && health.state !== 'ok' && health.state !== 'starting' ? health : null;
  if (told && health?.source?.state === 'fault')
    return trouble('fault', sentence(told.message), told.hint ?? checkMixer, 0); // the kit has waited already
  const quietMs = Math.min(lastAudioMs ?? Infinity, source.connectedMs);
  if (quietMs > limits.noAudioMs)
    return trouble('fault', sentence(told?.message ?? 'No sound comes from the room'), told?.hint ?? checkLine, 500);
  // Between talks a mixer may well be turned down.
  if (told?.state === 'silent')
    return trouble(talk ? 'fault' : 'warning', sentence(told.message), told.hint ?? checkMixer);
  return null;
}

/** A kit that is there and gets no sound says so itself. */
const checkLine = 'Check the kit’s network cable and its power first, then the mixer and its USB cable.';
const checkMixer = 'Check that the mixer is switched on and its USB cable is plugged into the kit.';

const waiting: readonly FailureKind[] = ['capacity'];
/** Those that nobody need mend unless they last. */
const passing: readonly FailureKind[] = ['reopen', 'backoff'];

function engineTrouble({ live: { engine } }: RoomFacts): Trouble | null {
  const { failure, code, message, hint } = engine;
  if (failure === null) return null;
  if (code === 'engine-cost') return { code: 'budget', severity: 'fault', message, hint };
  const isTurn = code === 'engine-turn';
  if (waiting.includes(failure))
    return {
      ...{ code: 'engine-waiting', severity: isTurn ? 'warning' : 'fault', message: sentence(message), hint },
      ...(isTurn && { afterMs: 5000 }),
    };
  const isPassing = passing.includes(failure);
  return {
    ...{ code: 'engine-fault', severity: 'fault', message: sentence(message), hint },
    ...(isPassing && { afterMs: 4000 }),
  };
}

/** Where the engine is in trouble itself, captions lag because of that. */
function lagging({ live: { lagMs, engine, rest }, paused }: RoomFacts): Trouble | null {
  if (lagMs <= limits.lagMs || paused || rest.resting || engine.failure !== null) return null;
  return {
    code: 'lag',
    severity: lagMs > limits.badLagMs ? 'fault' : 'warning',
    message: `Captions are ${Math.round(lagMs / 1000)} s behind what is said.`,
    hint: 'They catch up by themselves. If this stays, see the relay’s own network and load; the venue’s line is the card’s backlog.',
  };
}

/** What is said now is captioned; what was missed waits until tomorrow. */
function heldBack({ live: { backfillHeld, engine } }: RoomFacts): Trouble | null {
  if (backfillHeld === '' || engine.code === 'engine-cost') return null;
  const hint =
    'What was missed is stored and goes on tomorrow (UTC), or after a restart of the relay with a higher limit.';
  return { code: 'budget', severity: 'warning', message: backfillHeld, hint };
}

function clipping({ live: { source } }: RoomFacts): Trouble | null {
  const level = source?.health?.level;
  if (!level || level.clipped < limits.clippedSamples) return null;
  return {
    code: 'clipping',
    severity: 'warning',
    message: 'The sound is too loud for the kit and distorts.',
    hint: 'Turn down the mixer’s output to the kit until the meter stays clear of its right end.',
  };
}

function weakPower({ live: { source } }: RoomFacts): Trouble | null {
  if (!source?.health?.power?.low) return null;
  return {
    code: 'weak-power',
    severity: 'warning',
    message: 'The kit gets too little power.',
    hint: 'Use the power supply that belongs to the Raspberry Pi, on a short cable; a weak one restarts it and ruins its card.',
  };
}

const kitDiskStates = /^(disk|buffer)-/;

function kitDisk({ live: { source } }: RoomFacts): Trouble | null {
  const health = source?.health;
  if (!health) return null;
  const words = diskWords(health);
  return words && { code: 'kit-disk', severity: health.state === 'buffer-dropping' ? 'fault' : 'warning', ...words };
}

function diskWords({ state, message, hint, buffer, disk }: Health): Pick<Trouble, 'message' | 'hint'> | null {
  if (kitDiskStates.test(state)) return { message: sentence(message), hint: hint ?? replaceCard };
  if (buffer && buffer.state !== 'ok') return { message: 'The kit cannot keep sound on its disk.', hint: replaceCard };
  if (disk && disk.freeBytes < limits.kitFreeBytes)
    return {
      message: `The kit’s disk is nearly full: ${amount(disk.freeBytes)} are free.`,
      hint: 'Without space it cannot keep what it hears while the network is away. Delete what does not belong to Sala, or replace the SD card.',
    };
  return null;
}

const replaceCard = 'It goes on from memory for a few minutes. Replace the SD card at the next break.';

function noWords({ live: { engine } }: RoomFacts): Trouble | null {
  if (engine.code !== 'engine-no-words') return null;
  return { code: 'no-words', severity: 'warning', message: engine.message, hint: engine.hint };
}

function talkLanguage({ talkFault }: RoomFacts): Trouble | null {
  if (talkFault === '') return null;
  return {
    ...{ code: 'talk-language', severity: 'fault', message: sentence(talkFault) },
    hint: 'Assign the language the talk is given in on the room’s card, and correct the talk or the room’s settings.',
  };
}

function standInMicrophone({ live: { source } }: RoomFacts): Trouble | null {
  if (!source || !standIn.test(source.device)) return null;
  return {
    code: 'source-microphone',
    severity: 'warning',
    message: 'A stand-in microphone is the room’s source.',
    hint: 'Keep its page open and its screen on. The kit takes over by itself when it is back.',
  };
}

/** What is wrong with the relay itself at this moment, worst first. */
export function relayTroubles(facts: RelayFacts): Trouble[] {
  const looks = [relayDisk, relayBudget, relayQuota, relayDatabase, relaySchedule, relayRecordings];
  return looks.map((look) => look(facts)).filter((each) => each !== null);
}

function relayDisk({ storage, freeBytes }: RelayFacts): Trouble | null {
  const trouble = (severity: Trouble['severity'], message: string): Trouble => ({
    ...{ code: 'relay-disk', severity, message },
    hint: 'Free space on the disk with the data folder, or enlarge it; lower --retain-hours. Captions go on meanwhile.',
  });
  if (storage !== '') return trouble('fault', sentence(storage));
  if (freeBytes === null || freeBytes >= limits.relayFreeBytes) return null;
  const isFull = freeBytes < limits.relayFullBytes;
  return trouble(
    isFull ? 'fault' : 'warning',
    `The relay’s disk is ${isFull ? 'full' : 'nearly full'}: ${amount(freeBytes)} are free.`,
  );
}

function relayBudget({ spent, alarmPerDay, maxPerDay }: RelayFacts): Trouble | null {
  if (maxPerDay !== null && spent >= maxPerDay)
    return {
      ...{ code: 'budget', severity: 'fault' },
      message: 'The daily limit of spending on captions is reached: no room is captioned by a paid engine.',
      hint: 'Captions go on tomorrow (UTC), or with a higher --max-cost-per-day. Audio is kept meanwhile.',
    };
  if (alarmPerDay === null || spent < alarmPerDay) return null;
  return {
    ...{ code: 'budget', severity: 'warning' },
    message: `Captions have cost ${spent.toFixed(2)} today, as much as --alarm-cost-per-day says.`,
    hint:
      maxPerDay === null ? 'Nothing ends by itself: there is no limit.' : `Captions end at ${maxPerDay.toFixed(2)}.`,
  };
}

function relayQuota({ waitingRooms }: RelayFacts): Trouble | null {
  if (waitingRooms === 0) return null;
  return {
    ...{ code: 'relay-quota', severity: 'warning', afterMs: 5000 },
    message: `${waitingRooms} ${waitingRooms === 1 ? 'room waits' : 'rooms wait'} for a place at the captioning service.`,
    hint: 'Pause rooms that need no captions, or have the account’s quota raised and set --max-engine-sessions.',
  };
}

function relayDatabase({ renewal, now }: RelayFacts): Trouble | null {
  if (!renewal || now - renewal.atMs > limits.renewalMs) return null;
  return {
    ...{ code: 'relay-database', severity: 'warning' },
    message: 'The relay’s database was damaged; a copy at most half a minute old has taken its place.',
    hint: `Captions go on. Have the disk checked after the event; the damaged file is kept as ${renewal.keptAs}.`,
  };
}

function relaySchedule({ schedule: { message, hint } }: RelayFacts): Trouble | null {
  if (message === '') return null;
  return { code: 'relay-schedule', severity: 'warning', message: `The schedule: ${sentence(message)}`, hint };
}

const relayRecordings = ({ recordings }: RelayFacts): Trouble | null =>
  recordings ? { code: 'relay-recordings', ...recordings } : null;

const sentence = (words: string) => (/[.!?…]$/.test(words) ? words : `${words}.`);
const amount = (bytes: number) => (bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`);
