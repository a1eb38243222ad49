import { bearerPrefix } from './protocol.js';
import { type Refusal, unauthorized, wrongRight, wrongRoom } from './refusal.ts';
import type { TokenOwner, Tokens } from './tokens.ts';

export type Right = 'publish' | 'read' | 'admin';

/** A door opened: by which room token, null where the admin token or a public room opened it. */
export interface Admission {
  readonly tokenId: string | null;
  /** Nobody's token: the room is public. */
  readonly anonymous: boolean;
}

export interface RoomAsked {
  readonly name: string;
  readonly public: boolean;
}

const opened = (tokenId: string | null, anonymous = false): Admission => ({ tokenId, anonymous });

const words: Readonly<Record<Right, string>> = {
  publish: 'send audio',
  read: 'read captions',
  admin: 'administer',
};

/** The token of an `Authorization: Bearer` header; null where there is none. */
export function bearerToken(authorization: string | undefined): string | null {
  return /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? null;
}

/** The token a browser offered as a subprotocol; null where it did not. */
export function offeredToken(protocols: readonly string[]): string | null {
  return protocols.find((each) => each.startsWith(bearerPrefix))?.slice(bearerPrefix.length) ?? null;
}

/** Who may do what: three rights, apart. Nothing depends on the peer's address. */
export class Access {
  readonly #tokens: Pick<Tokens, 'identify'>;
  readonly #admin: { matches(token: string): boolean };

  constructor(tokens: Pick<Tokens, 'identify'>, admin: { matches(token: string): boolean }) {
    this.#tokens = tokens;
    this.#admin = admin;
  }

  /** Whether `token` gives `right`, to `room` where the right is one room's. A room that does not exist is asked for like
   * any other, so that the answer does not tell which rooms there are. */
  decide(token: string | null, right: Right, room: RoomAsked | null): Admission | Refusal {
    if (right === 'read' && room?.public === true) return opened(null, true);
    if (token === null) return unauthorized(false);
    if (this.#admin.matches(token)) return right === 'publish' ? wrongRight(words.publish) : opened(null);
    const owner: TokenOwner | null = this.#tokens.identify(token);
    if (!owner) return unauthorized(true);
    if (right !== owner.access) return wrongRight(words[right]);
    return owner.room === room?.name ? opened(owner.id) : wrongRoom;
  }
}
