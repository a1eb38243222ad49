import { z } from 'zod';
import { closeCodes, roomPattern, uuidPattern, WireError } from './protocol.js';

/**
 * What a kit's agent and the relay say to each other on `GET /api/kit`, and what both know of enrolment. No page takes part
 * in it. The table of messages is in relay/README.md. Unknown fields are dropped, so that either side may be newer.
 */
export const kitProtocol = 'sala.kit.v1';

/** How a kit's name looks: that of its host. */
export const kitPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** A kit makes its own key: 48 bits of key id in hex, 256 bits of secret in base64url. */
export const kitKeyPattern = /^kit_[0-9a-f]{12}_[A-Za-z0-9_-]{43}$/;
export const kitKinds = ['device', 'display', 'solo'] as const;
export type KitKind = (typeof kitKinds)[number];

export const kitLimits = {
  maxTextBytes: 16 * 1024,
  helloTimeoutMs: 5000,
  healthIntervalMs: 10_000,
  /** How long a kit makes itself known after `identify`. */
  identifyMs: 30_000,
} as const;

const word = z.string().max(64);
const text = z.string().max(500);
const amount = z.number().nonnegative();
const updateStates = ['fetching', 'verified', 'staged', 'switched', 'confirmed', 'rolled-back', 'refused'] as const;

export const kitUpdate = z.object({ version: word, state: z.enum(updateStates), message: text });

/** How a kit is; what is left out is not known, or not of its kind. The health of a device goes on by its audio socket, too. */
export const kitHealth = z.object({
  /** `ok`, or the name of the state that needs a person. */
  state: word,
  message: text,
  hint: text.optional(),
  /** Of a screen: how long ago its page painted last (null: it never did), and what it shows, in words. */
  page: z.object({ beatAgeMs: amount.nullable(), shows: text }).optional(),
  machine: z
    .object({
      model: text.optional(),
      uptimeMs: amount.optional(),
      /** Whether the supply is too weak at this moment, and how often it became so since the start. */
      power: z.object({ low: z.boolean(), lowCount: amount.int() }).optional(),
      temperatureC: z.number().optional(),
      storage: z.object({ state: word, message: text.optional(), freeBytes: amount.optional() }).optional(),
      clock: z.object({ synced: z.boolean(), offsetMs: z.number().optional() }).optional(),
      network: z
        .object({ kind: word, state: word, address: word.optional(), signalPercent: amount.optional() })
        .optional(),
      memory: z.object({ freeBytes: amount, totalBytes: amount }).optional(),
    })
    .optional(),
  update: kitUpdate.optional(),
});

const kitMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), version: word, bootId: z.string().regex(uuidPattern), health: kitHealth }),
  z.object({ type: z.literal('health'), health: kitHealth }),
  kitUpdate.extend({ type: z.literal('update') }),
]);

const room = z.string().regex(roomPattern);
const assignment = z.object({ room, title: text });

const relayMessage = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('welcome'),
    /** Room time. */
    at: z.number(),
    /** null: the room was deleted, and there is no other yet. The kit stays with what it had. */
    assignment: assignment.nullable(),
    /** Nobody would miss the room for a minute. */
    idle: z.boolean(),
  }),
  assignment.extend({ type: z.literal('assignment') }),
  z.object({
    type: z.literal('release'),
    version: word,
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    bytes: amount.int(),
    /** It may be older than what the kit runs. */
    downgrade: z.boolean().optional(),
    idle: z.boolean(),
  }),
  /** The release offered before is offered no more. */
  z.object({ type: z.literal('withdrawn') }),
  z.object({ type: z.literal('identify') }),
]);

/** The answer of `POST /api/enrolment`. */
export const enrolmentAnswer = z.object({
  kit: z.object({ name: z.string().regex(kitPattern), kind: z.enum(kitKinds) }),
  /** null: it has none at this moment. */
  room: z.object({ name: room, title: text }).nullable(),
  /** Room time. */
  at: z.number(),
});

export type KitHealth = z.infer<typeof kitHealth>;
export type KitUpdate = z.infer<typeof kitUpdate>;
export type KitMessage = z.infer<typeof kitMessage>;
export type KitAssignment = z.infer<typeof assignment>;
export type KitRelayMessage = z.infer<typeof relayMessage>;
export type EnrolmentAnswer = z.infer<typeof enrolmentAnswer>;

function parsed<T>(schema: z.ZodType<T>, text: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new WireError('a text frame is not JSON', closeCodes.invalidData);
  }
  const { data, error } = schema.safeParse(value);
  if (!error) return data;
  const [issue] = error.issues;
  throw new WireError(`${issue?.path.join('.') || 'the message'}: ${issue?.message}`.slice(0, 120));
}

/** What a kit said. @throws {WireError} */
export const parseKitMessage = (text: string): KitMessage => parsed(kitMessage, text);

/** What a relay said to a kit. @throws {WireError} */
export const parseKitRelayMessage = (text: string): KitRelayMessage => parsed(relayMessage, text);
