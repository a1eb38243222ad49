import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { standInCredentials } from './transcribe.ts';
import { type Credentials, readAuthorization } from './transcribe-signature.ts';

export interface StandInVocabulary {
  readonly name: string;
  readonly language: string;
  readonly region: string;
  phrases: readonly string[];
  state: 'PENDING' | 'READY' | 'FAILED';
  failureReason: string;
  modifiedMs: number;
}

/** What one call is answered instead: an exception, no answer at all, or the answer's loss once it has been done. */
export type ControlFault =
  | { readonly name: string; readonly message: string; readonly status?: number }
  | 'cut'
  | 'lose-answer';

export interface ControlOptions {
  readonly credentials?: Credentials;
  readonly maxVocabularies?: number;
  /** Vocabularies become ready so long after they were made; null: when `finish` says so. */
  readonly readyAfterMs?: number | null;
  readonly pageSize?: number;
}

const named = z.object({ VocabularyName: z.string().regex(/^[0-9a-zA-Z._-]{1,200}$/) });
const filled = named.extend({
  LanguageCode: z.string().regex(/^[a-z]{2,3}-[A-Z]{2}$/),
  Phrases: z.array(z.string().min(1).max(255).regex(/^\S+$/)).min(1),
});
const listing = z.object({
  NameContains: z.string().default(''),
  MaxResults: z.number().max(100).default(5),
  NextToken: z.string().default('0'),
  StateEquals: z.string().optional(),
});

/**
 * Takes the place of the control plane of Amazon Transcribe in tests: AWS JSON 1.1 over HTTP/1, and of its operations those
 * of custom vocabularies, region by region. The signature is read, not checked.
 */
export class TranscribeControlStandIn {
  readonly vocabularies: StandInVocabulary[] = [];
  /** Every call that came, in order: the operation and the name it was for. */
  readonly calls: { readonly operation: string; readonly name: string; readonly region: string }[] = [];
  readonly #options: Required<ControlOptions>;
  #next: { readonly operation: string; readonly fault: ControlFault }[] = [];
  #every: ControlFault | null = null;
  #server: Server | null = null;
  #port = 0;

  constructor({
    credentials = standInCredentials,
    maxVocabularies = 100,
    readyAfterMs = 0,
    pageSize = 2,
  }: ControlOptions = {}) {
    this.#options = { credentials, maxVocabularies, readyAfterMs, pageSize };
  }

  /** @returns the address for AWS_ENDPOINT_URL_TRANSCRIBE */
  async start(): Promise<{ url: string }> {
    const server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address !== null && typeof address === 'object') this.#port = address.port;
    this.#server = server;
    return { url: `http://127.0.0.1:${this.#port}` };
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    server?.closeAllConnections();
    if (server) await new Promise((resolve) => server.close(resolve));
  }

  /** The next call of that operation has this fault. */
  failNext(operation: string, fault: ControlFault): void {
    this.#next.push({ operation, fault });
  }

  failEvery(fault: ControlFault | null): void {
    this.#every = fault;
  }

  /** Makes what is pending ready, or failed for that reason. */
  finish(name: string, failureReason = ''): void {
    const found = this.vocabularies.find((each) => each.name === name);
    if (!found) throw new Error(`There is no vocabulary ${name}`);
    found.state = failureReason === '' ? 'READY' : 'FAILED';
    found.failureReason = failureReason;
  }

  count(operation: string): number {
    return this.calls.filter((call) => call.operation === operation).length;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const operation = String(request.headers['x-amz-target'] ?? '').split('.')[1] ?? '';
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString() || '{}');
    const signed = readAuthorization(String(request.headers.authorization ?? '').replaceAll(', ', ', '));
    const region = signed?.scope.split('/')[1] ?? '';
    const name = named.safeParse(body).data?.VocabularyName ?? '';
    this.calls.push({ operation, name, region });
    const planned = this.#next.findIndex((each) => each.operation === operation);
    const fault = planned >= 0 ? this.#next.splice(planned, 1)[0]?.fault : this.#every;
    if (fault === 'cut') {
      request.socket.destroy();
      return;
    }
    const say = (status: number, value: unknown) => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify(value));
    };
    try {
      if (signed?.accessKeyId !== this.#options.credentials.accessKeyId)
        throw new Refusal('UnrecognizedClientException', 'The security token included in the request is invalid.');
      if (fault && fault !== 'lose-answer') throw new Refusal(fault.name, fault.message, fault.status);
      const value = this.#do(operation, body, region);
      if (fault === 'lose-answer') request.socket.destroy();
      else say(200, value);
    } catch (error) {
      const { name: type, message, status } = error instanceof Refusal ? error : badRequest(String(error));
      say(status, { __type: type, Message: message, message });
    }
  }

  #do(operation: string, body: unknown, region: string): unknown {
    this.#ripen();
    const mine = this.vocabularies.filter((each) => each.region === region);
    const existing = () => {
      const { VocabularyName: name } = named.parse(body);
      const found = mine.find((each) => each.name === name);
      if (!found) throw new Refusal('NotFoundException', "The requested vocabulary couldn't be found.");
      return found;
    };
    switch (operation) {
      case 'CreateVocabulary': {
        const { VocabularyName: name, LanguageCode: language, Phrases: phrases } = filled.parse(body);
        if (mine.some((each) => each.name === name))
          throw new Refusal('ConflictException', 'The requested vocabulary name already exists.');
        if (mine.length >= this.#options.maxVocabularies)
          throw new Refusal('LimitExceededException', 'You have reached the maximum number of vocabularies.');
        const made: StandInVocabulary = {
          name,
          language,
          region,
          phrases,
          state: 'PENDING',
          failureReason: '',
          modifiedMs: Date.now(),
        };
        this.vocabularies.push(made);
        return viewOf(made);
      }
      case 'UpdateVocabulary': {
        const found = existing();
        Object.assign(found, { phrases: filled.parse(body).Phrases, state: 'PENDING', modifiedMs: Date.now() });
        return viewOf(found);
      }
      case 'GetVocabulary':
        return viewOf(existing());
      case 'DeleteVocabulary': {
        const found = existing();
        if (found.state === 'PENDING') throw badRequest('The vocabulary is in a non-terminal state.');
        this.vocabularies.splice(this.vocabularies.indexOf(found), 1);
        return {};
      }
      case 'ListVocabularies': {
        const { NameContains: part, MaxResults: max, NextToken: token } = listing.parse(body);
        const found = mine.filter(({ name }) => name.includes(part));
        const size = Math.min(max, this.#options.pageSize);
        const from = Number(token);
        return {
          Vocabularies: found.slice(from, from + size).map(viewOf),
          ...(from + size < found.length && { NextToken: String(from + size) }),
        };
      }
      default:
        throw badRequest(`The stand-in does not know the operation ${operation}.`);
    }
  }

  #ripen(): void {
    const { readyAfterMs } = this.#options;
    if (readyAfterMs === null) return;
    for (const each of this.vocabularies)
      if (each.state === 'PENDING' && Date.now() - each.modifiedMs >= readyAfterMs) each.state = 'READY';
  }
}

class Refusal extends Error {
  readonly status: number;

  constructor(name: string, message: string, status = 400) {
    super(message);
    this.name = name;
    this.status = status;
  }
}

const badRequest = (message: string) => new Refusal('BadRequestException', message);

const viewOf = ({ name, language, state, failureReason, modifiedMs }: StandInVocabulary) => ({
  VocabularyName: name,
  LanguageCode: language,
  VocabularyState: state,
  LastModifiedTime: modifiedMs / 1000,
  ...(failureReason !== '' && { FailureReason: failureReason }),
});
