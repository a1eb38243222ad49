import { type ClientAddress, ClientAddresses, unknownAddress } from './addresses.ts';
import type { AdminSessions } from './admin-sessions.ts';
import type { AdminToken } from './admin-token.ts';
import type { FailedAttempts } from './attempts.ts';
import type { Kits } from './kits.ts';
import type { Origins } from './origins.ts';
import { bearerPrefix } from './protocol.js';
import {
  foreignOrigin,
  kitElsewhere,
  notLoggedIn,
  type Refusal,
  tokenEnded,
  unauthorized,
  wrongRight,
  wrongRoom,
} from './refusal.ts';
import { readSessionCookie, writeSessionCookie } from './session-cookie.ts';
import type { TokenOwner, Tokens } from './tokens.ts';

/** `kit`: to speak as a kit, of its own state; nothing but a kit's key gives it. */
export type Right = 'publish' | 'read' | 'admin' | 'kit';

/** What a request shows of who it comes from. */
export interface Credentials {
  /** Of the header, of an offered subprotocol, or of an address that may hold one; it decides alone where there is one. */
  readonly token: string | null;
  /** The `Cookie` header. */
  readonly cookie?: string | undefined;
  /** The `Origin` header. */
  readonly origin?: string | undefined;
  /** Where it comes from; gives no right to anything, wrong tokens are counted by it. */
  readonly from?: ClientAddress;
  /** It changes something, or opens a socket: with a cookie alone it must come from a page of the relay. */
  readonly acts?: boolean;
}

/** A door opened, and by what. It closes when that ends, see `onEnded`. */
export interface Admission {
  /** null where the token of the file or a public room opened it. */
  readonly tokenId: string | null;
  /** null where there was no cookie, or it did not count. */
  readonly sessionId: string | null;
  /** Nobody's token: the room is public. */
  readonly anonymous: boolean;
  /** What it has: an admin's opens what readers have, too. */
  readonly right: Right;
  /** In words, for the audit log. */
  readonly actor: string;
  /** null: never. */
  readonly expiresMs: number | null;
  /** Whose key it was. */
  readonly kit: AdmittedKit | null;
}

export interface AdmittedKit {
  readonly name: string;
  /** It serves another room by now: it only hands in what it heard while it served this one. */
  readonly isFormer: boolean;
}

export interface RoomAsked {
  readonly name: string;
  readonly public: boolean;
}

const nobody: Admission = {
  ...{ tokenId: null, sessionId: null, anonymous: true, right: 'read', actor: 'nobody', expiresMs: null, kit: null },
};
const byFile: Admission = { ...nobody, anonymous: false, right: 'admin', actor: 'admin token of the file' };

type RoomToken = Extract<TokenOwner, { kit: null }>;
const byToken = ({ id, access: right, label, expiresMs }: RoomToken): Admission => ({
  ...{ tokenId: id, sessionId: null, anonymous: false, right, expiresMs, kit: null },
  actor: label === '' ? `token (${id})` : `token "${label}" (${id})`,
});
const byKit = (id: string, name: string, right: Right, isFormer: boolean): Admission => ({
  ...{ tokenId: id, sessionId: null, anonymous: false, right, expiresMs: null, kit: { name, isFormer } },
  actor: `kit ${name}`,
});

type KitOwner = Exclude<TokenOwner, RoomToken>;

/** What an admin token opens: not what spends money, nor what only a kit can say. */
const isForAdmins = (right: Right) => right === 'admin' || right === 'read';

const words: Readonly<Record<Right, string>> = {
  publish: 'send audio',
  read: 'read captions',
  admin: 'administer',
  kit: 'speak as a kit',
};

/** The token of an `Authorization: Bearer` header; null where there is none. */
export function bearerToken(authorization: string | undefined): string | null {
  return /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? null;
}

/** The token a browser offered as a subprotocol; null where it did not. */
export function offeredToken(protocols: readonly string[]): string | null {
  return protocols.find((each) => each.startsWith(bearerPrefix))?.slice(bearerPrefix.length) ?? null;
}

export interface AccessParts {
  readonly tokens: Pick<Tokens, 'identify' | 'hasEnded' | 'get' | 'use' | 'onEnded'>;
  readonly adminToken: Pick<AdminToken, 'matches'>;
  readonly sessions: Pick<AdminSessions, 'begin' | 'find' | 'use' | 'end' | 'onEnded'>;
  readonly kits: Pick<Kits, 'opens' | 'onMoved'>;
  readonly origins: Origins;
  /** By default the peer's own address counts. */
  readonly addresses?: ClientAddresses;
  /** Wrong tokens so far, of calls and doors together. */
  readonly attempts?: FailedAttempts;
}

/**
 * Who may do what: three rights, apart. Nothing depends on the peer's address.
 *
 * Of the refusals, `token-unknown` alone is a failed attempt: somebody shows what was never a token of ours. A token that
 * has ended (`token-ended`) or is another right's or room's was not guessed, and a browser sends an old cookie by itself.
 */
export class Access {
  readonly #parts: AccessParts;
  /** From where requests come. */
  readonly addresses: ClientAddresses;

  constructor(parts: AccessParts) {
    this.#parts = parts;
    this.addresses = parts.addresses ?? new ClientAddresses();
  }

  /** Whether `credentials` give `right`, to `room` where the right is one room's. A room that does not exist is asked for like
   * any other, so that the answer does not tell which rooms there are. */
  decide(credentials: Credentials, right: Right, room: RoomAsked | null): Admission | Refusal {
    const { token, from = unknownAddress } = credentials;
    const { tokens, adminToken, attempts } = this.#parts;
    // A screen's kit is known even where it need not be: it has to leave when it is to serve another room.
    if (right === 'read' && room?.public === true) return (token && this.#kitIn(token, room)) || nobody;
    if (token === null) return this.#decideCookie(credentials, right);
    const barred = attempts?.barred(from, token);
    if (barred) return barred;
    if (adminToken.matches(token)) return isForAdmins(right) ? byFile : wrongRight(words[right]);
    const owner = tokens.identify(token);
    if (!owner) return tokens.hasEnded(token) ? tokenEnded : (attempts?.note(from, token, right) ?? unauthorized(true));
    if (owner.kit !== null) return this.#decideKit(owner, right, room);
    if (owner.access === 'admin' && isForAdmins(right)) return byToken(owner);
    if (owner.access !== right) return wrongRight(words[right]);
    return owner.room === null || owner.room === room?.name ? byToken(owner) : wrongRoom;
  }

  /** The same of a token in an address, which is no place for one that administers. */
  decideAddressed({ token, from }: Credentials, room: RoomAsked): Admission | Refusal {
    const admission = this.decide({ token, ...(from ? { from } : {}) }, 'read', room);
    return 'status' in admission || admission.right !== 'admin' ? admission : unauthorized(true);
  }

  /**
   * Logs a browser in that shows an admin token; one that was logged in already begins anew.
   * @returns the `Set-Cookie` to answer with
   */
  login(credentials: Credentials): { admission: Admission; setCookie: string } | Refusal {
    const { cookie, origin } = credentials;
    if (origin !== undefined && !this.#parts.origins.has(origin)) return this.#foreign();
    const admission = this.decide({ ...credentials, cookie: undefined }, 'admin', null);
    if ('status' in admission) return admission;
    const { sessions, origins } = this.#parts;
    this.#endCookie(cookie, origin);
    const begun = sessions.begin(admission.tokenId);
    const { id, createdMs, expiresMs } = begun.session;
    const maxAgeSeconds = Math.floor((expiresMs - createdMs) / 1000);
    return {
      admission: { ...admission, sessionId: id, expiresMs },
      setCookie: writeSessionCookie(begun.cookie, maxAgeSeconds, origins, origin),
    };
  }

  /**
   * Logs a browser out: its session, and every socket that it opened.
   * @returns the `Set-Cookie` to answer with, where a page of ours asked; null admission: nobody was logged in
   */
  logout(credentials: Credentials): { admission: Admission | null; setCookie: string | null } | Refusal {
    const { token, cookie, origin } = credentials;
    const { origins } = this.#parts;
    const admission = this.decide(credentials, 'admin', null);
    if (token !== null) return 'status' in admission ? admission : { admission, setCookie: null };
    if (origin !== undefined && !origins.has(origin)) return this.#foreign();
    if ('status' in admission && admission.status !== 401) return admission;
    this.#endCookie(cookie, origin);
    // Who is not logged in any more is not to be told so again.
    const setCookie = writeSessionCookie('', 0, origins, origin);
    return { admission: 'status' in admission ? null : admission, setCookie };
  }

  /** What an admission rests on is in use. */
  use({ tokenId, sessionId }: Admission): void {
    if (tokenId !== null) this.#parts.tokens.use(tokenId);
    if (sessionId !== null) this.#parts.sessions.use(sessionId);
  }

  /** Tells of the end of what opened doors: `isOver` says of each admission whether it was meant. Returns what ends the
   * telling. */
  onEnded(listener: (isOver: (admission: Admission) => boolean) => void): () => void {
    const ends = [
      this.#parts.tokens.onEnded((id) => listener(({ tokenId }) => tokenId === id)),
      this.#parts.sessions.onEnded((id) => listener(({ sessionId }) => sessionId === id)),
    ];
    return () => {
      for (const end of ends) end();
    };
  }

  /** Notes that somebody showed what was never a token of ours where kits are enrolled; what to answer where there were too
   * many, else null. */
  noteFailed(from: ClientAddress, token: string): Refusal | null {
    return this.#parts.attempts?.note(from, token, 'kit') ?? null;
  }

  /** Tells of kits that serve another room from now on; returns what ends the telling. */
  onMoved(listener: (kit: string, room: string | null) => void): () => void {
    return this.#parts.kits.onMoved(listener);
  }

  #decideKit({ id, kit, access }: KitOwner, right: Right, room: RoomAsked | null): Admission | Refusal {
    if (access === 'enrol') return wrongRight(words[right]);
    if (right === 'kit') return byKit(id, kit, right, false);
    const opening = this.#parts.kits.opens(kit, right, room?.name ?? null);
    if (opening === 'wrong-right') return wrongRight(words[right]);
    if (opening === 'wrong-room') return kitElsewhere;
    return byKit(id, kit, right, opening === 'former-room');
  }

  #kitIn(token: string, room: RoomAsked): Admission | null {
    const owner = this.#parts.tokens.identify(token);
    const decided = owner && owner.kit !== null ? this.#decideKit(owner, 'read', room) : null;
    return decided && !('status' in decided) ? decided : null;
  }

  #decideCookie({ cookie, origin, acts = false }: Credentials, right: Right): Admission | Refusal {
    const { origins, sessions, tokens } = this.#parts;
    const shown = readSessionCookie(cookie, origins, origin);
    if (shown === null) return unauthorized(false);
    // Browsers send a cookie along whoever made the page that asks.
    const isOurs = origin === undefined ? !acts : origins.has(origin);
    if (!isOurs) return right === 'admin' ? this.#foreign() : unauthorized(false);
    const session = sessions.find(shown);
    if (!session) return right === 'admin' ? notLoggedIn : unauthorized(false);
    if (!isForAdmins(right)) return wrongRight(words[right]);
    const { id: sessionId, token, expiresMs } = session;
    const owner = token === null ? null : tokens.get(token);
    return { ...(owner?.kit === null ? byToken(owner) : byFile), sessionId, expiresMs };
  }

  #endCookie(cookie: string | undefined, origin: string | undefined): void {
    const { origins, sessions } = this.#parts;
    const shown = readSessionCookie(cookie, origins, origin);
    const session = shown === null ? null : sessions.find(shown);
    if (session) sessions.end(session.id);
  }

  #foreign = () => foreignOrigin(this.#parts.origins.all());
}
