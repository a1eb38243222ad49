// @ts-check
/**
 * Which relay, which room, with which right. Under `/rooms/ROOM` the page belongs to the relay that served it, and the
 * token is in the fragment, which no server sees. Anywhere else it was served by a kit's own launcher, which says all
 * three in `/config.json`. An address never names a relay: a link could otherwise put anybody's words on the screen.
 */
import { bearerPrefix, captionsProtocol, roomPattern } from '../relay/protocol.js';

/** @import { Refusal } from './connection.js' */
/** @import { Reason } from './strings.js' */

/** @typedef {'key' | 'room'} WaitsFor what a kit's launcher lacks: this kit is not enrolled, or has no room */

/**
 * @typedef {object} Place
 * @property {string} relay origin of the relay, `https://HOST` or `http://HOST:PORT`
 * @property {string} room
 * @property {string} token empty for a room that is open to all
 * @property {string} readers the token that a QR code hands to the audience; empty: this page's own
 */

const configTimeoutMs = 5000;
const kitKeyPrefix = 'kit_';

export const placeLimits = Object.freeze({
  /** The QR code of a longer address has too many modules to be read from the back of a room. */
  maxReadersAddress: 300,
  /** A launcher may name a room, another one or another relay at any time. */
  lookMs: 2000,
});

/** The room in a relay's own page address; null where the page is not one of a relay.
 * @param {URL} address @returns {Place | null} */
export function placeOfAddress(address) {
  const match = /^\/rooms\/([^/]+)\/?$/.exec(address.pathname);
  if (!match?.[1]) return null;
  const fragment = new URLSearchParams(address.hash.slice(1));
  const [token, readers] = [fragment.get('token') ?? '', fragment.get('readers') ?? ''];
  return { relay: address.origin, room: match[1], token, readers };
}

/** Reads what a launcher answers at `/config.json`. @param {unknown} config @returns {Place | null} null: no room yet */
export function placeOfConfig(config) {
  if (typeof config !== 'object' || config === null) return null;
  const { relay, room, token, readers } = { relay: '', room: '', token: '', readers: '', ...config };
  if (typeof relay !== 'string' || typeof room !== 'string') return null;
  if (typeof token !== 'string' || typeof readers !== 'string') return null;
  if (!URL.canParse(relay) || !roomPattern.test(room)) return null;
  const { protocol, host } = new URL(relay);
  if (!/^(ws|http)s?:$/.test(protocol)) return null;
  return { relay: `${protocol.replace('ws', 'http')}//${host}`, room, token, readers };
}

/** Asks the launcher once; null where it does not answer within 5 s.
 * @returns {Promise<Place | WaitsFor | null>} */
export async function fetchPlace() {
  try {
    const answer = await fetch('/config.json', { cache: 'no-store', signal: AbortSignal.timeout(configTimeoutMs) });
    if (!answer.ok) return null;
    const config = await answer.json();
    return placeOfConfig(config) ?? (config?.waitsFor === 'key' ? 'key' : 'room');
  } catch {
    return null;
  }
}

/**
 * Asks the launcher for ever, since it may get a room, another one, or another relay at any time.
 * @param {{ fetchPlace: () => Promise<Place | WaitsFor | null>, onPlace: (place: Place) => void, onMoved: () => void,
 *   onUnplaced: (waitsFor: WaitsFor) => void, setTimeout: (run: () => void, ms: number) => number }} host `onMoved`: the
 *   place that was given no longer holds; a launcher that does not answer says nothing
 */
export async function watchPlace(host, { lookMs } = placeLimits) {
  /** @type {Place | null} */
  let known = null;
  const look = async () => {
    const found = await host.fetchPlace();
    if (known) {
      if (found && JSON.stringify(found) !== JSON.stringify(known)) {
        host.onMoved();
        return;
      }
    } else if (found === null || typeof found === 'string') host.onUnplaced(found ?? 'room');
    else {
      known = found;
      host.onPlace(found);
    }
    host.setTimeout(() => void look(), lookMs);
  };
  await look();
}

/**
 * What a phone opens: the room's page for readers, with the right that is meant for them.
 * @param {Place} place @returns {string | null} null: this place cannot be handed on
 */
export function readersAddress({ relay, room, token, readers }) {
  if (!URL.canParse(relay) || !/^https?:$/.test(new URL(relay).protocol) || !roomPattern.test(room)) return null;
  // A kit's key opens more than this page, and as long as the kit is enrolled: it is handed to nobody.
  const right = readers || (token.startsWith(kitKeyPrefix) ? '' : token);
  const address = `${new URL(relay).origin}/rooms/${room}?view=reader${right && `#token=${encodeURIComponent(right)}`}`;
  return address.length > placeLimits.maxReadersAddress ? null : address;
}

/** The same in words, without what nobody could type. @param {Place} place */
export const spokenAddress = ({ relay, room }) => `${new URL(relay).host}/rooms/${room}`;

/**
 * The address of the room's captions and the subprotocols to offer.
 * @param {Place} place
 * @param {{ partial: boolean, late: boolean, level: boolean }} wanted
 * @param {{ since: number, log: string } | null} resume what the page already has; null: the last few captions
 */
export function captionsSocket({ relay, room, token }, wanted, resume) {
  const url = new URL(`/api/rooms/${room}/captions`, relay);
  url.protocol = url.protocol.replace('http', 'ws');
  if (resume) {
    url.searchParams.set('since', String(resume.since));
    url.searchParams.set('log', resume.log);
  }
  url.searchParams.set('partial', String(wanted.partial));
  url.searchParams.set('late', String(wanted.late));
  if (wanted.level) url.searchParams.set('level', 'true');
  return { url: url.href, protocols: token ? [captionsProtocol, bearerPrefix + token] : [captionsProtocol] };
}

/**
 * What the relay says of a line that did not open. A browser hides why a WebSocket was refused, so the same address is
 * asked for by HTTP; only at the page's own relay, since another one is out of a page's reach.
 * @param {Place} place @param {string} origin the page's own @param {number} timeoutMs
 * @returns {Promise<Refusal>}
 */
export async function whyRefused({ relay, room, token }, origin, timeoutMs) {
  if (relay !== origin) return null;
  try {
    const answer = await fetch(`/api/rooms/${room}/captions`, {
      cache: 'no-store',
      credentials: 'omit',
      headers: token ? { authorization: `Bearer ${token}` } : {},
      signal: AbortSignal.timeout(timeoutMs),
    });
    if ([401, 403, 404].includes(answer.status)) return 'refused';
    if (![429, 503].includes(answer.status)) return null;
    const { error } = await answer.json();
    return ['too-many-readers', 'too-many-sockets'].includes(error?.code) ? 'full' : null;
  } catch {
    return null;
  }
}

/** @type {readonly Reason[]} */
const reasons = ['name', 'unreachable', 'portal', 'certificate', 'clock'];

/**
 * What a kit's launcher finds where the page's line to its relay does not open: it can ask where a page cannot.
 * @param {number} timeoutMs @returns {Promise<{ refusal: Refusal, reason: Reason | null }>} never rejects
 */
export async function kitLinkFault(timeoutMs) {
  try {
    const answer = await fetch('/link.json', { cache: 'no-store', signal: AbortSignal.timeout(timeoutMs) });
    const { refusal, reason } = answer.ok ? await answer.json() : { refusal: null, reason: null };
    return {
      refusal: refusal === 'refused' || refusal === 'full' ? refusal : null,
      reason: reasons.find((each) => each === reason) ?? null,
    };
  } catch {
    return { refusal: null, reason: null };
  }
}
