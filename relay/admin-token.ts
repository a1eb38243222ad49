import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { messageOf, SalaError } from '../systemd/errors.ts';
import { sha256 } from './tokens.ts';

export const minAdminTokenLength = 16;

/** The organizers' token: opens the admin calls and everything readable, never a room's audio. */
export class AdminToken {
  readonly #hash: Buffer;

  constructor(token: string) {
    this.#hash = sha256(token);
  }

  /** Names this token to those alone who know it: what is bound to it is void with another one. */
  get binding(): Buffer {
    return createHash('sha256').update('sala admin session').update(this.#hash).digest();
  }

  matches(token: string): boolean {
    return timingSafeEqual(sha256(token), this.#hash);
  }
}

/**
 * The admin token from its file, white space around it ignored.
 * @throws {SalaError} `admin-token` when the file cannot be read, or its token is too short or has white space in it
 */
export function readAdminToken(path: string): AdminToken {
  const hint = `Write at least ${minAdminTokenLength} random characters into it: openssl rand -hex 32 > ${path}`;
  let token: string;
  try {
    token = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new SalaError(`cannot be read: ${messageOf(cause)}`, { code: 'admin-token', hint, cause });
  }
  if (token.length < minAdminTokenLength || /\s/.test(token))
    throw new SalaError(`${path} must hold one token of at least ${minAdminTokenLength} characters, without spaces`, {
      code: 'admin-token',
      hint,
    });
  return new AdminToken(token);
}
