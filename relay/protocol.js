// @ts-check
/**
 * Sala's wire: what a device and a relay, a relay and a page say to each other. No dependencies, so that kits, relay
 * and browsers share this one file. The tables of messages and close codes for readers are in relay/README.md.
 *
 * Positions are indexes of 16 kHz sample frames within a stream. Ranges are half-open pairs `[from, to)`; a range set
 * is a sorted array of disjoint, non-touching ranges. Times end in `Ms`; room time is milliseconds since 1970.
 */

export const audioProtocol = 'sala.audio.v1';
export const captionsProtocol = 'sala.captions.v1';
export const liveProtocol = 'sala.live.v1';
/** Browsers cannot set headers: they offer the token as a second subprotocol, which is never echoed. */
export const bearerPrefix = 'bearer.';

export const sampleRate = 16000;
/** 100 ms: the service asks for 50 to 200 ms, uniform. */
export const frameSamples = 1600;
export const bytesPerSample = 2;
export const headerBytes = 16;
export const wireVersion = 1;

export const limits = Object.freeze({
  /** One audio frame holds at most one second, as one engine event may. */
  maxFrameSamples: sampleRate,
  maxTextBytes: 256 * 1024,
  maxStreams: 256,
  maxRanges: 1024,
  maxAnchors: 1024,
  /** A year of one run; all bookkeeping of positions is bounded by it. */
  maxPosition: 366 * 86_400 * sampleRate,
  helloTimeoutMs: 5000,
  pingIntervalMs: 5000,
  /** Silence of every kind for this long means a dead peer: terminate. */
  deadAfterMs: 12000,
});

/** Close codes beyond RFC 6455's own; each is documented in relay/README.md. */
export const closeCodes = Object.freeze({
  unsupportedData: 1003,
  invalidData: 1007,
  policy: 1008,
  tooBig: 1009,
  restart: 1012,
  overloaded: 1013,
  protocol: 4000,
  unauthorized: 4401,
  forbidden: 4403,
  roomGone: 4404,
  helloTimeout: 4408,
  otherSource: 4409,
  slowReader: 4410,
  tooFast: 4413,
  tooManyMessages: 4429,
});

export const roomPattern = /^[a-z0-9][a-z0-9-]{0,63}$/;
export const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** What a message that breaks the protocol is refused with; `closeCode` is what the socket is closed with. */
export class WireError extends Error {
  /** @param {string} message @param {number} [closeCode] */
  constructor(message, closeCode = closeCodes.protocol) {
    super(message);
    this.name = 'WireError';
    this.code = 'wire';
    this.closeCode = closeCode;
  }
}

// ---------------------------------------------------------------------------------------------------- range sets

/** @typedef {[from: number, to: number]} Range */
/** @typedef {Range[]} RangeSet */

/** The positions in `a` or in `b`. @param {RangeSet} a @param {RangeSet} b @returns {RangeSet} */
export function union(a, b) {
  const sorted = [...a, ...b].sort((x, y) => x[0] - y[0]);
  /** @type {RangeSet} */
  const out = [];
  for (const [from, to] of sorted) {
    if (from >= to) continue;
    const last = out.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else out.push([from, to]);
  }
  return out;
}

/** The positions in `a` that are not in `b`. @param {RangeSet} a @param {RangeSet} b @returns {RangeSet} */
export function subtract(a, b) {
  /** @type {RangeSet} */
  const out = [];
  let next = 0;
  for (let [from, to] of a) {
    while (next > 0 && (b[next - 1]?.[1] ?? 0) > from) next--;
    for (; next < b.length; next++) {
      const [cutFrom, cutTo] = /** @type {Range} */ (b[next]);
      if (cutTo <= from) continue;
      if (cutFrom >= to) break;
      if (cutFrom > from) out.push([from, cutFrom]);
      from = cutTo;
      if (from >= to) break;
    }
    if (from < to) out.push([from, to]);
  }
  return out;
}

/** The positions in both. @param {RangeSet} a @param {RangeSet} b @returns {RangeSet} */
export function intersect(a, b) {
  return subtract(a, subtract(a, b));
}

/** How many positions a set holds. @param {RangeSet} set */
export function size(set) {
  return set.reduce((sum, [from, to]) => sum + to - from, 0);
}

/** The end of the run without a break that begins at `position`; `position` itself where it is not in the set.
 * @param {RangeSet} set @param {number} position */
export function runEnd(set, position) {
  let [low, high] = [0, set.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((set[middle]?.[1] ?? 0) <= position) low = middle + 1;
    else high = middle;
  }
  const range = set[low];
  return range && range[0] <= position ? range[1] : position;
}

// ---------------------------------------------------------------------------------------------------- audio frames

/** @typedef {{ encoding: 'pcm_s16le', rate: 16000, channels: 1 | 2 }} StreamFormat */
/** @typedef {{ index: number, position: number, live: boolean, audio: Uint8Array }} AudioFrame */

/**
 * Header (16 bytes, big-endian): version u8 = 1, flags u8 (bit 0: live edge, not backlog), stream index u16,
 * reserved u32 = 0, position u64. Then whole sample frames of s16le audio, at most one second.
 * @param {AudioFrame} frame @returns {Uint8Array}
 */
export function encodeAudioFrame({ index, position, live, audio }) {
  const bytes = new Uint8Array(headerBytes + audio.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, wireVersion);
  view.setUint8(1, live ? 1 : 0);
  view.setUint16(2, index);
  view.setBigUint64(8, BigInt(position));
  bytes.set(audio, headerBytes);
  return bytes;
}

/** The frame in `bytes`, its audio a view on them. @param {Uint8Array} bytes @returns {AudioFrame}
 * @throws {WireError} on anything that is not a whole frame of this version */
export function decodeAudioFrame(bytes) {
  if (bytes.length < headerBytes) throw new WireError('an audio frame is shorter than its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(0) !== wireVersion) throw new WireError(`unknown audio frame version ${view.getUint8(0)}`);
  const position = view.getBigUint64(8);
  if (position > BigInt(limits.maxPosition)) throw new WireError('a position is beyond a year');
  const audio = bytes.subarray(headerBytes);
  if (audio.length === 0 || audio.length % bytesPerSample !== 0)
    throw new WireError('an audio frame holds no whole samples');
  return { index: view.getUint16(2), position: Number(position), live: (view.getUint8(1) & 1) === 1, audio };
}

// ---------------------------------------------------------------------------------------------------- text messages

/** @template T @typedef {(value: unknown, path: string) => T} Check */
/** @template C @typedef {C extends Check<infer T> ? T : never} Checked */

/** @param {string} path @param {string} expected @returns {never} */
function refuse(path, expected) {
  throw new WireError(`${path} must be ${expected}`);
}

/** @param {number} [max] @returns {Check<string>} */
const string =
  (max = 1000) =>
  (value, path) =>
    typeof value === 'string' && value.length <= max ? value : refuse(path, `a string of at most ${max} characters`);

/** @type {Check<boolean>} */
const boolean = (value, path) => (typeof value === 'boolean' ? value : refuse(path, 'true or false'));

/** @param {number} [min] @param {number} [max] @returns {Check<number>} */
const integer =
  (min = 0, max = Number.MAX_SAFE_INTEGER) =>
  (value, path) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
      ? value
      : refuse(path, `a whole number from ${min} to ${max}`);

/** @type {Check<number>} */
const number = (value, path) =>
  typeof value === 'number' && Number.isFinite(value) ? value : refuse(path, 'a finite number');

/** @template {string | number} const T @param {readonly T[]} values @returns {Check<T>} */
const oneOf = (values) => (value, path) =>
  values.find((each) => each === value) ?? refuse(path, `one of ${values.join(', ')}`);

/** @param {RegExp} pattern @param {string} what @returns {Check<string>} */
const matching = (pattern, what) => (value, path) =>
  typeof value === 'string' && pattern.test(value) ? value : refuse(path, what);

/** @template T @param {Check<T>} check @returns {Check<T | undefined>} */
const optional = (check) => (value, path) => (value === undefined ? undefined : check(value, path));

/** @template T @param {Check<T>} check @param {number} max @returns {Check<T[]>} */
const listOf = (check, max) => (value, path) =>
  Array.isArray(value) && value.length <= max
    ? value.map((each, i) => check(each, `${path}[${i}]`))
    : refuse(path, `a list of at most ${max}`);

/** Unknown fields are dropped, so that either side may be newer.
 * @template {Record<string, Check<unknown>>} F @param {F} fields
 * @returns {Check<{ [K in keyof F as undefined extends Checked<F[K]> ? never : K]: Checked<F[K]> }
 *   & { [K in keyof F as undefined extends Checked<F[K]> ? K : never]?: Checked<F[K]> }>} */
const object = (fields) => (value, path) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(path, 'an object');
  const given = new Map(Object.entries(value));
  const entries = Object.entries(fields).map(([name, check]) => [name, check(given.get(name), `${path}.${name}`)]);
  return Object.fromEntries(entries.filter(([, each]) => each !== undefined));
};

/** @type {Check<RangeSet>} */
const rangeSet = (value, path) => {
  let end = -1;
  return listOf((each, at) => {
    const [from, to] = Array.isArray(each) && each.length === 2 ? each : refuse(at, 'a pair [from, to]');
    integer(end + 1, limits.maxPosition)(from, at);
    integer(from + 1, limits.maxPosition)(to, at);
    end = to;
    return /** @type {Range} */ ([from, to]);
  }, limits.maxRanges)(value, path);
};

export const holeReasons = /** @type {const} */ ([
  'source-lost', // the mixer gave nothing for this long
  'bound', // the device's buffer was full
  'other-source', // another source was in charge of the room
  'not-assigned', // the kit did not serve the room then
  'damaged', // the buffer's file was damaged
  'killed', // the device ended before this was on its disk
  'closed', // the relay gave the stream up
]);

const position = integer(0, limits.maxPosition);
const uuid = matching(uuidPattern, 'a UUID');
const streamIndex = integer(0, 65535);
/** @type {Check<StreamFormat>} */
const format = object({ encoding: oneOf(['pcm_s16le']), rate: oneOf([16000]), channels: oneOf([1, 2]) });
const holeFields = { from: position, to: position, reason: oneOf(holeReasons) };
const hole = object(holeFields);
const anchor = object({
  position,
  /** The kernel's boot id: monotonicMs counts within it. */
  bootId: uuid,
  monotonicMs: number,
  wallMs: number,
  wallSynced: boolean,
});
const stream = object({
  index: streamIndex,
  id: uuid,
  format,
  /** The newest position captured, exclusive. */
  edge: position,
  ended: boolean,
  /** What the device still holds, stored by the relay or not. */
  ranges: rangeSet,
  holes: listOf(hole, limits.maxRanges),
  anchors: listOf(anchor, limits.maxAnchors),
});
const level = object({ rmsDbfs: number, peakDbfs: number, clipped: integer() });
const health = object({
  /** `ok`, or the name of the state that needs a person. */
  state: string(64),
  message: string(),
  hint: optional(string()),
  version: optional(string(64)),
  source: optional(
    object({ state: string(64), name: string(256), rateHz: optional(number), channels: optional(number) }),
  ),
  level: optional(level),
  buffer: optional(
    object({ heldMs: number, backlogMs: number, diskBytes: number, droppedMs: number, state: string(64) }),
  ),
  uplink: optional(object({ state: string(64), rttMs: optional(number), reconnects: integer() })),
  clock: optional(object({ synced: boolean, driftPpm: optional(number) })),
  /** Whether the supply is too weak at this moment, and how often it became so since the kit's program started. */
  power: optional(object({ low: boolean, lowCount: integer() })),
  /** Of the disk with the data folder. */
  disk: optional(object({ freeBytes: integer() })),
});

const deviceMessages = {
  hello: object({
    type: oneOf(['hello']),
    /** `monotonicMs`: the kit's monotonic clock at the moment of sending, which places what it held before. */
    device: object({ id: string(128), version: string(64), bootId: uuid, monotonicMs: optional(number) }),
    /** false: only ask whether the room is free, never push another source out. */
    takeover: boolean,
    /** A phone or laptop in the place of the room's kit: a kit that has sound goes before it. */
    standIn: optional(boolean),
    /** Only hands in ended streams, whoever is in charge of the room. */
    deliver: optional(boolean),
    streams: listOf(stream, limits.maxStreams),
    health: optional(health),
  }),
  stream: object({ type: oneOf(['stream']), stream }),
  ended: object({ type: oneOf(['ended']), index: streamIndex, edge: position }),
  hole: object({ type: oneOf(['hole']), index: streamIndex, ...holeFields }),
  /** `sentMonotonicMs`: the same clock at the moment of sending; without it, the anchor counts as made right then. */
  anchor: object({ type: oneOf(['anchor']), index: streamIndex, anchor, sentMonotonicMs: optional(number) }),
  health: object({ type: oneOf(['health']), health }),
  /** It leaves and does not come back: another source need not wait. */
  goodbye: object({ type: oneOf(['goodbye']) }),
};

const settings = object({ language: optional(string(64)), paused: optional(boolean) });
const acknowledged = { index: streamIndex, ranges: rangeSet };
const relayMessages = {
  welcome: object({
    type: oneOf(['welcome']),
    /** Which relay's disk answers; another id has stored nothing of what its predecessor had. */
    relay: uuid,
    room: matching(roomPattern, 'a room name'),
    roomTime: number,
    streams: listOf(object({ index: streamIndex, received: rangeSet, stored: rangeSet }), limits.maxStreams),
    settings,
    limits: object({
      /** Backlog, in seconds of audio per second. */
      maxBacklogRate: number,
      maxLiveRate: number,
    }),
  }),
  received: object({ type: oneOf(['received']), ...acknowledged }),
  stored: object({ type: oneOf(['stored']), ...acknowledged }),
  settings: object({ type: oneOf(['settings']), settings }),
  /** Says why, just before the relay closes the socket. */
  refused: object({
    type: oneOf(['refused']),
    code: string(64),
    message: string(),
    hint: optional(string()),
    retryAfterMs: optional(number),
  }),
};

/** @typedef {Checked<typeof anchor>} Anchor */
/** @typedef {Checked<typeof hole>} Hole */
/** @typedef {(typeof holeReasons)[number]} HoleReason */
/** @typedef {Checked<typeof stream>} StreamReport */
/** @typedef {Checked<typeof level>} Level */
/** @typedef {Checked<typeof health>} Health */
/** @typedef {Checked<typeof settings>} RoomSettingsForDevice */
/** @typedef {Checked<typeof deviceMessages.hello>} Hello */
/** @typedef {{ [K in keyof typeof deviceMessages]: Checked<(typeof deviceMessages)[K]> }[keyof typeof deviceMessages]} DeviceMessage */
/** @typedef {Checked<typeof relayMessages.welcome>} Welcome */
/** @typedef {{ [K in keyof typeof relayMessages]: Checked<(typeof relayMessages)[K]> }[keyof typeof relayMessages]} RelayMessage */

/** @type {Record<string, Check<DeviceMessage>>} */
const deviceTable = deviceMessages;
/** @type {Record<string, Check<RelayMessage>>} */
const relayTable = relayMessages;

/** @template M @param {Record<string, Check<M>>} table @param {string} text @returns {M} */
function parseMessage(table, text) {
  /** @type {unknown} */
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new WireError('a text frame is not JSON', closeCodes.invalidData);
  }
  const type = typeof value === 'object' && value !== null && 'type' in value ? String(value.type) : '';
  const check = Object.hasOwn(table, type) ? table[type] : undefined;
  if (!check) throw new WireError(`unknown message type ${JSON.stringify(type.slice(0, 40))}`);
  return check(value, type);
}

/** What a device said. @param {string} text @returns {DeviceMessage} @throws {WireError} */
export const parseDeviceMessage = (text) => parseMessage(deviceTable, text);

/** What a relay said to a device. @param {string} text @returns {RelayMessage} @throws {WireError} */
export const parseRelayMessage = (text) => parseMessage(relayTable, text);

// ---------------------------------------------------------------------------------------------------- captions

/**
 * `catching-up`: captions follow what is spoken again, and what was missed is being filled in, or they still lag a little.
 * @typedef {'waiting' | 'listening' | 'resting' | 'no-audio' | 'offline' | 'delayed' | 'catching-up' | 'capacity' | 'paused' | 'fault'} RoomState
 * @typedef {{ id: string, title: string, speakers: string[], start: number, end: number }} Talk of the schedule; room time in ms
 * @typedef {{ type: 'hello', log: string, seq: number, room: { name: string, title: string }, talk: Talk | null, at?: number }} CaptionsHello `at`: room time now
 * @typedef {{ type: 'reset' }} CaptionsReset
 * @typedef {{ type: 'caption', seq: number, final: true, text: string, language: string, start: number, end: number,
 *   speaker: string | null, late: boolean, stream: string, from: number, to: number, timeUncertain?: boolean, marks?: CaptionMark[] }} Caption
 * @typedef {{ kind: 'vocabulary-filter' | 'pii', type: string | null, start: number, end: number }} CaptionMark what the
 *   engine noticed in it, by room time
 *
 * What an organizer did, `at` in room time; absent in logs of before it was kept.
 * @typedef {{ type: 'amend', seq: number, of: number, text: string | null, at?: number }} Amend corrects caption `of`, or hides it
 * @typedef {{ type: 'clear', seq: number, at?: number }} Clear
 * @typedef {{ type: 'pause', seq: number, at: number }} Pause what is spoken from now on is not captioned
 * @typedef {{ type: 'resume', seq: number, at: number }} Resume
 *
 * @typedef {{ type: 'partial', text: string, language: string, start: number, speaker?: string | null, stable?: number }} Partial
 *   `stable`: so many UTF-16 units at the beginning of `text` will not change any more
 * @typedef {'power' | 'card'} KitNote what the kit at the mixer lacks: enough power; a card that keeps what it hears
 * @typedef {{ type: 'status', state: RoomState, message: string, kit?: KitNote[] }} Status `kit`: left out where nothing is lacking
 * @typedef {{ type: 'talk', talk: Talk | null }} TalkChange
 * @typedef {{ type: 'recording', on: boolean }} RecordingChange whether what is said in the room is recorded: told to
 *   everyone when that changes, and to a reader that comes, before the first status, where it is
 * @typedef {{ type: 'level', rmsDbfs: number }} InputLevel of the room's sound, for readers that asked with `level=true`
 * @typedef {Caption | Amend | Clear | Pause | Resume} LogMessage
 * @typedef {CaptionsHello | CaptionsReset | LogMessage | Partial | Status | TalkChange | RecordingChange | InputLevel} CaptionsMessage
 */

// ------------------------------------------------------------------------------------------------- organizers' live view

/**
 * `/api/live`, for admin pages; the page sends nothing. Rooms are the views of `GET /api/rooms`.
 * @typedef {{ code: string, severity: 'fault' | 'warning', message: string, hint: string, since: number }} Alarm in plain
 *   words, with what to do; `since`: room time
 * @typedef {{ type: 'hello', version: string, at: number }} LiveHello first of all; `at`: room time now
 * @typedef {{ type: 'rooms', at: number, rooms: object[], gone: string[] }} LiveRoomsMessage every room at first, then those
 *   that changed; `gone` were deleted
 * @typedef {{ type: 'levels', levels: Record<string, number> }} LiveLevels dBFS by room, about four times a second
 * @typedef {{ type: 'alarms', alarms: Alarm[] }} LiveAlarms of the relay itself, when they change
 * @typedef {LiveHello | LiveRoomsMessage | LiveLevels | LiveAlarms} LiveMessage
 */
