import type { Explained } from '../systemd/errors.ts';

/** An answer of "no" over HTTP, also to an upgrade: a status and the words of the JSON error. */
export interface Refusal extends Explained {
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 426 | 429 | 500 | 503;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The body of every refusal: `{"error":{"code","message","hint"}}`. */
export const errorBody = ({ code, message, hint }: Explained) => ({ error: { code, message, hint } });

export const unauthorized = (tokenGiven: boolean): Refusal => ({
  status: 401,
  code: tokenGiven ? 'token-unknown' : 'token-missing',
  message: tokenGiven ? 'This token is not known here' : 'This needs a token',
  hint: tokenGiven
    ? 'Ask the organizer for a new token of this room.'
    : 'Send "Authorization: Bearer TOKEN"; a browser offers the WebSocket subprotocol "bearer.TOKEN".',
  headers: { 'www-authenticate': tokenGiven ? 'Bearer realm="sala", error="invalid_token"' : 'Bearer realm="sala"' },
});

/** It was one of ours. */
export const tokenEnded: Refusal = {
  ...unauthorized(true),
  code: 'token-ended',
  message: 'This token was revoked, or has expired',
};

/** Of an admin page's cookie. */
export const notLoggedIn: Refusal = {
  status: 401,
  code: 'session-ended',
  message: 'You are not logged in any more',
  hint: 'Log in again with an admin token.',
  headers: { 'www-authenticate': 'Bearer realm="sala"' },
};

/** A cookie came from another page than ours. @param origins where ours are */
export const foreignOrigin = (origins: readonly string[]): Refusal => ({
  status: 403,
  code: 'origin',
  message: 'The browser says that this comes from a page of another site, or does not say from which',
  hint: `Open the admin page at ${origins.join(' or ')}; if it has another address, name that with --origin.`,
});

export const wrongRoom: Refusal = {
  status: 403,
  code: 'token-other-room',
  message: 'This token belongs to another room',
  hint: 'Use the token that was made for this room.',
};

/** Of a kit's key. */
export const kitElsewhere: Refusal = {
  status: 403,
  code: 'kit-other-room',
  message: 'This kit serves another room',
  hint: 'Assign it to this room on the admin page; the kit itself asks again which room it has.',
};

export const wrongRight = (needed: string): Refusal => ({
  status: 403,
  code: 'token-wrong-right',
  message: `This token does not give the right to ${needed}`,
  hint: 'A publish token opens the audio of its room, a read token its captions, an admin token everything but audio, a kit’s key what its kind is for.',
});

export const badRequest = (code: string, message: string, hint: string): Refusal => ({
  status: 400,
  code,
  message,
  hint,
});

export const unavailable = (code: string, message: string, hint: string, retryAfterSeconds: number): Refusal => ({
  status: 503,
  code,
  message,
  hint,
  headers: { 'retry-after': String(retryAfterSeconds) },
});

const tooMany = (code: string, message: string, hint: string, retryAfterSeconds: number): Refusal => ({
  status: 429,
  code,
  message,
  hint,
  headers: { 'retry-after': String(retryAfterSeconds) },
});

export const tooManyAttempts = (retryAfterSeconds: number) =>
  tooMany(
    'too-many-attempts',
    'This token opens nothing here, and too many like it came from this address',
    'A token that was made for a room, or on the admin page, is taken at any time. The admin token of the file is not, until then.',
    retryAfterSeconds,
  );

export const tooManyUpgrades = (retryAfterSeconds: number) =>
  tooMany('too-many-upgrades', 'Too many connections were asked for', 'Connect again later.', retryAfterSeconds);

export const tooManyRequests = (retryAfterSeconds: number) =>
  tooMany('too-many-requests', 'Too many requests came from this address', 'Ask again later.', retryAfterSeconds);

export const tooManySockets = (retryAfterSeconds: number) =>
  tooMany(
    'too-many-sockets',
    'This address has as many sockets open as it may',
    'Close some, or raise the limit of the relay.',
    retryAfterSeconds,
  );
