import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { SalaError } from '../systemd/errors.ts';

/** What asks a relay for things in the organizer's name. */
export class RelayAdmin {
  readonly #base: string;
  readonly #token: string;
  readonly #requestTimeoutMs: number;

  /** @param base `http://HOST:PORT` */
  constructor(base: string, token: string, requestTimeoutMs = 5000) {
    this.#base = base;
    this.#token = token;
    this.#requestTimeoutMs = requestTimeoutMs;
  }

  /** Waits until the relay answers. @throws {SalaError} `relay-silent` */
  async ready(timeoutMs = 15_000): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    while (!(await fetch(`${this.#base}/healthz`, { signal }).catch(() => null))?.ok) {
      if (signal.aborted)
        throw new SalaError(`The relay does not answer on ${this.#base}`, {
          code: 'relay-silent',
          hint: 'Try another address with --listen.',
        });
      await sleep(100);
    }
  }

  /** Makes a room, or changes it. */
  async putRoom(room: string, fields: Record<string, unknown>): Promise<void> {
    await this.#ask('PUT', `/api/rooms/${room}`, fields);
  }

  /** @returns a new token that may publish to the room */
  async publishToken(room: string, label: string): Promise<string> {
    const answer = await this.#ask('POST', `/api/rooms/${room}/tokens`, { right: 'publish', label });
    return z.object({ token: z.string() }).parse(JSON.parse(answer)).token;
  }

  async #ask(method: string, path: string, body: unknown): Promise<string> {
    const response = await fetch(`${this.#base}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(this.#requestTimeoutMs),
    });
    const text = await response.text();
    if (response.ok) return text;
    throw new SalaError(`The relay refused ${method} ${path}: ${response.status} ${text.slice(0, 500)}`, {
      code: 'relay-refused',
      hint: 'Its answer says why.',
    });
  }
}
