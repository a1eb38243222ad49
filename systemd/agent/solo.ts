import { z } from 'zod';
import type { Explained } from '../errors.ts';
import { adminTokenRefused, explainFailure, relayUnavailable } from './problems.ts';

export interface SoloOptions {
  /** `http://127.0.0.1:PORT`: the relay of this machine. */
  readonly relay: string;
  /** @throws where it cannot be read */
  readonly adminToken: () => Promise<string>;
  readonly kit: string;
  readonly room: string;
  readonly title?: string | undefined;
  readonly language?: string | undefined;
  readonly fetch: typeof globalThis.fetch;
  readonly timeoutMs?: number;
}

const tokenAnswer = z.object({ token: z.string() });

/** Prepares the relay of a kit that is everything in one: its room, the kit itself, and a token to enrol it with. */
export class SoloRelay {
  readonly #options: SoloOptions;

  constructor(options: SoloOptions) {
    this.#options = options;
  }

  /** A token for this kit. What is there already is left as people have set it. Never throws. */
  async token(): Promise<{ readonly token: string } | { readonly problem: Explained }> {
    const { kit, room, title, language } = this.#options;
    try {
      const known = await this.#call('GET', `/api/rooms/${room}`);
      if (known.status === 404)
        await this.#done('PUT', `/api/rooms/${room}`, {
          ...(title !== undefined && { name: title }),
          ...(language !== undefined && { language }),
        });
      const there = await this.#call('GET', `/api/kits/${kit}`);
      const made =
        there.status === 404
          ? await this.#done('POST', '/api/kits', { name: kit, kind: 'solo', room })
          : await this.#done('POST', `/api/kits/${kit}/enrolment`);
      return tokenAnswer.parse(await made.json());
    } catch (error) {
      if (error instanceof RefusedError)
        return { problem: /^40[13]$/.test(`${error.status}`) ? adminTokenRefused : relayUnavailable(error.status) };
      return { problem: explainFailure(error, true) };
    }
  }

  async #done(method: string, path: string, body?: unknown): Promise<Response> {
    const response = await this.#call(method, path, body);
    if (!response.ok) throw new RefusedError(response.status);
    return response;
  }

  async #call(method: string, path: string, body?: unknown): Promise<Response> {
    const { relay, adminToken, fetch, timeoutMs = 10_000 } = this.#options;
    return fetch(`${relay}${path}`, {
      method,
      headers: { authorization: `Bearer ${await adminToken()}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
  }
}

class RefusedError extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`refused with ${status}`);
    this.status = status;
  }
}
