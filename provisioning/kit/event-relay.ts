import { z } from 'zod';
import { type Explained, messageOf, SalaError } from '../../systemd/errors.ts';

const maxAnswerBytes = 4_000_000;
const errorBody = z.object({ error: z.object({ code: z.string(), message: z.string(), hint: z.string() }) });
const roomList = z.object({ rooms: z.array(z.object({ room: z.string(), public: z.boolean() })) });
const kitView = z.object({
  name: z.string(),
  kind: z.string(),
  room: z.string().nullable(),
  /** When it was enrolled; null: it has no key. */
  enrolled: z.number().nullable(),
  enrolment: z.object({ expires: z.number() }).nullable(),
});
const kitState = kitView.extend({
  state: z.string(),
  seen: z.number().nullable(),
  version: z.string().nullable(),
  health: z.unknown(),
});
const kitList = z.object({ kits: z.array(kitView) });
const madeKit = z.object({ token: z.string(), expiresMs: z.number() });
const madeToken = z.object({ token: z.string() });

export type RelayRoom = z.infer<typeof roomList>['rooms'][number];
export type RelayKit = z.infer<typeof kitView>;
export type RelayKitState = z.infer<typeof kitState>;
export type MadeEnrolment = z.infer<typeof madeKit>;

export interface EventRelayOptions {
  /** `https://HOST` */
  readonly url: string;
  readonly adminToken: string;
  /** Of each single call. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly fetch?: typeof globalThis.fetch;
}

/** The event's relay, in the organizer's name. Each call throws a SalaError: `relay-away`, `relay-login`, or what the relay said. */
export class EventRelay {
  readonly #options: EventRelayOptions;

  constructor(options: EventRelayOptions) {
    this.#options = options;
  }

  async rooms(): Promise<RelayRoom[]> {
    return (await this.#ask(roomList, 'GET', '/api/rooms')).rooms;
  }

  async makeRoom(
    room: string,
    fields: { readonly name: string; readonly language?: string | undefined },
  ): Promise<void> {
    await this.#ask(z.unknown(), 'PUT', `/api/rooms/${room}`, fields);
  }

  /** @returns a token that reads the captions of a room */
  async readToken(room: string, label: string): Promise<string> {
    return (await this.#ask(madeToken, 'POST', `/api/rooms/${room}/tokens`, { right: 'read', label })).token;
  }

  async kits(): Promise<RelayKit[]> {
    return (await this.#ask(kitList, 'GET', '/api/kits')).kits;
  }

  /** How one kit is, as the relay knows it. */
  async kit(name: string): Promise<RelayKitState> {
    return this.#ask(kitState, 'GET', `/api/kits/${name}`);
  }

  async makeKit(kit: { readonly name: string; readonly kind: string; readonly room: string }): Promise<MadeEnrolment> {
    return this.#ask(madeKit, 'POST', '/api/kits', { name: kit.name, kind: kit.kind, room: kit.room });
  }

  async assign(kit: string, room: string): Promise<void> {
    await this.#ask(z.unknown(), 'PUT', `/api/kits/${kit}/room`, { room });
  }

  /** Another token to enrol a kit with; its key of before ends when that is used. */
  async renew(kit: string): Promise<MadeEnrolment> {
    return this.#ask(madeKit, 'POST', `/api/kits/${kit}/enrolment`);
  }

  async #ask<T>(schema: z.ZodType<T>, method: string, path: string, body?: object): Promise<T> {
    const { url, adminToken, timeoutMs, signal, fetch = globalThis.fetch } = this.#options;
    let status: number;
    let text: string;
    try {
      const response = await fetch(new URL(path, url), {
        method,
        headers: { authorization: `Bearer ${adminToken}`, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
        // Whoever answers in the relay's place must not learn the token.
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      status = response.status;
      text = (await response.text()).slice(0, maxAnswerBytes);
    } catch (error) {
      throw away(url, error, timeoutMs);
    }
    const json = parsed(text);
    const answer = status < 300 ? schema.safeParse(json).data : undefined;
    if (answer !== undefined) return answer;
    const refusal = errorBody.safeParse(json).data?.error;
    if (refusal && (status === 401 || status === 403)) throw noLogin(url, refusal);
    if (refusal?.code === 'not-found') throw tooOld(url);
    if (refusal) throw new SalaError(refusal.message, { code: refusal.code, hint: refusal.hint });
    throw noRelay(url, status);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text === '' ? 'null' : text);
  } catch {
    return null;
  }
}

function away(url: string, error: unknown, timeoutMs: number): SalaError {
  const cause = error instanceof Error && error.cause ? error.cause : error;
  const isSlow = error instanceof Error && error.name === 'TimeoutError';
  const why = isSlow ? `no answer within ${timeoutMs / 1000} s` : messageOf(cause);
  return new SalaError(`The relay ${url} cannot be reached: ${why}`, {
    code: 'relay-away',
    hint: 'Check that it runs, its address in the inventory, and this machine’s network. What was done so far is kept.',
    cause: error,
  });
}

const noLogin = (url: string, { message }: Explained) =>
  new SalaError(`The relay ${url} does not take the admin token: ${message}`, {
    code: 'relay-login',
    hint: 'Name the file of its admin token with --admin-token-file, or one made on the admin page.',
  });

const tooOld = (url: string) =>
  new SalaError(`The relay ${url} knows nothing of kits`, { code: 'relay-too-old', hint: 'Update the relay.' });

const noRelay = (url: string, status: number) =>
  new SalaError(`What answers at ${url} is no relay (HTTP ${status})`, {
    code: 'relay-away',
    hint: 'Correct the address in the inventory, or look at what stands before the relay.',
  });
