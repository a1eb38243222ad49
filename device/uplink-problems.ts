/** What ends a connection, in words, and how long it asks to wait. */
import { z } from 'zod';
import { closeCodes, type RelayMessage } from '../relay/protocol.js';
import type { Explained } from '../systemd/errors.ts';
import type { UplinkState } from './uplink.ts';

export interface ConnectionEnd {
  /** Milliseconds; null for the ordinary schedule. */
  readonly delayMs: number | null;
  /** Nobody answered, or the line broke without a word: another attempt costs the relay next to nothing. */
  readonly unanswered: boolean;
  readonly state: UplinkState;
  readonly problem: Explained | null;
}

const refusalBody = z.object({
  error: z.object({
    code: z.string().max(64),
    message: z.string().max(1000),
    hint: z.string().max(1000).optional(),
    retryAfterMs: z.number().optional(),
  }),
});

export const tokenRetryMs = 60_000;
/** The key of a kit that is not enrolled yet may be there at any moment. */
export const noKeyRetryMs = 5000;
/** A relay refuses a kit's key with this where it serves another room. */
export const kitElsewhereCode = 'kit-other-room';
const unknownRoomRetryMs = 10_000;
const otherSourceRetryMs = 30_000;

const unreachable = 'relay-unreachable';
/** RFC 6455: the connection broke without a close. */
const brokenCode = 1006;

const tokenRefused: Explained = {
  code: 'token-refused',
  message: 'The relay does not accept this kit’s token',
  hint: 'Make a new publish token for this room on the admin page and put it into the token file.',
};
const otherSource: Explained = {
  code: 'other-source',
  message: 'Another source is in charge of this room',
  hint: 'Unplug the other kit, or choose this one on the admin page. Sound is kept here meanwhile.',
};
const unknownRoom = (room: string): Explained => ({
  code: 'room-unknown',
  message: `The relay does not know the room “${room}”`,
  hint: 'Create the room on the admin page, or correct --room.',
});

/** The relay gave the kit another room, and it has not heard which: that comes by another way, in a moment. */
export const explainMoved: ConnectionEnd = {
  delayMs: 3000,
  unanswered: false,
  state: 'refused',
  problem: {
    code: 'room-moves',
    message: 'The relay gave this kit another room; it waits to hear which',
    hint: 'If this stays, look at the admin page: this kit must be assigned to the room it is in.',
  },
};

/** @param reason of the file system */
export const tokenUnreadable = (reason: string): Explained => ({
  code: 'token-unreadable',
  message: `The token file cannot be read: ${reason}`,
  hint: 'Give this program’s user the right to read it.',
});

/** No connection came about, or it broke. @param code of the system, `''` where there is none */
export function explainFailure(code: string, message: string): Explained {
  if (/^CERT_NOT_YET_VALID$|^CERT_HAS_EXPIRED$/.test(code))
    return {
      code: 'relay-certificate',
      message: `The relay’s certificate is not valid at this time (${code})`,
      hint: 'Check the date of this kit first: without a network clock it may be years off.',
    };
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code))
    return {
      code: 'relay-certificate',
      message: `The relay’s certificate is not trusted (${code})`,
      hint: 'Correct the relay’s certificate; a network that intercepts connections shows itself like this too.',
    };
  const hints: Record<string, string> = {
    ENOTFOUND: 'Check the network cable, the DNS of this network and the name in --relay.',
    EAI_AGAIN: 'Check the network cable and the DNS of this network.',
    ECONNREFUSED: 'Check that the relay runs and that --relay names its port.',
    ENETUNREACH: 'Check the network cable or Wi-Fi.',
    EHOSTUNREACH: 'Check the network cable or Wi-Fi.',
  };
  return {
    code: unreachable,
    message: `The relay cannot be reached (${code || message})`,
    hint: hints[code] ?? 'Check the network. Sound is kept here and sent as soon as the relay answers.',
  };
}

/** An attempt to connect failed before anyone answered in HTTP. @param code of the system, `''` where there is none */
export function explainNoAnswer(code: string, message: string): ConnectionEnd {
  const problem = explainFailure(code, message);
  return { delayMs: null, unanswered: problem.code === unreachable, state: 'waiting', problem };
}

/** The relay, or something before it, answered the request to connect with an HTTP status. */
export function explainStatus(
  status: number,
  retryAfter: string | undefined,
  body: string,
  room: string,
): ConnectionEnd & { problem: Explained } {
  const error = parseRefusal(body);
  const said = error
    ? { code: error.code, message: error.message, hint: error.hint ?? 'The relay’s log says more.' }
    : null;
  const retryMs = error?.retryAfterMs ?? (retryAfter ? Number(retryAfter) * 1000 : Number.NaN);
  const delayMs = Number.isFinite(retryMs) ? retryMs : null;
  if (status === 401 || status === 403)
    return {
      delayMs: tokenRetryMs,
      unanswered: false,
      state: 'refused',
      problem: {
        ...tokenRefused,
        ...(said && { message: said.message }),
        ...(said?.code === kitElsewhereCode && said),
      },
    };
  if (status === 404)
    return { delayMs: unknownRoomRetryMs, unanswered: false, state: 'refused', problem: unknownRoom(room) };
  if (status < 400)
    return {
      delayMs: null,
      unanswered: false,
      state: 'waiting',
      problem: {
        code: 'network-login',
        message: `Something between this kit and the relay answered (HTTP ${status})`,
        hint: 'This network may want a login on a web page: ask for one without, or for an exception for this kit.',
      },
    };
  return {
    delayMs,
    unanswered: false,
    state: 'waiting',
    problem: said ?? {
      code: 'relay-unavailable',
      message: `The relay takes no connection now (HTTP ${status})`,
      hint: 'Sound is kept here. If this stays, look at the relay’s log and at what is before it.',
    },
  };
}

/** A connection that was open is over. @param failure what was noticed on this side */
export function explainClose(
  code: number,
  refusal: Extract<RelayMessage, { type: 'refused' }> | null,
  failure: Explained | null,
  room: string,
): ConnectionEnd {
  const delayMs = refusal?.retryAfterMs ?? null;
  const said = refusal && {
    code: refusal.code,
    message: refusal.message,
    hint: refusal.hint ?? 'The relay’s log says more.',
  };
  const answered = { delayMs, unanswered: false };
  if (code === closeCodes.otherSource)
    return {
      ...answered,
      ...{ delayMs: delayMs ?? otherSourceRetryMs, state: 'other-source' },
      problem: said?.code === 'stand-in' ? said : otherSource,
    };
  if (code === closeCodes.unauthorized || code === closeCodes.forbidden)
    return { ...answered, delayMs: delayMs ?? tokenRetryMs, state: 'refused', problem: tokenRefused };
  if (code === closeCodes.roomGone)
    return { ...answered, delayMs: delayMs ?? unknownRoomRetryMs, state: 'refused', problem: unknownRoom(room) };
  if (code === 1001 && !refusal) return { ...answered, state: 'connecting', problem: failure };
  const problem = said ?? failure ?? explainFailure('', `the connection was closed with ${code}`);
  const isBroken = code === brokenCode && problem.code === unreachable;
  return { delayMs, unanswered: isBroken, state: 'waiting', problem };
}

function parseRefusal(body: string): z.output<typeof refusalBody>['error'] | null {
  try {
    return refusalBody.parse(JSON.parse(body)).error;
  } catch {
    return null;
  }
}
