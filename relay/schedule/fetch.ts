import { lookup as resolveName } from 'node:dns/promises';
import type { IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { codeOf, messageOf, SalaError } from '../../systemd/errors.ts';
import { isPublicAddress } from './public-address.ts';
import { scheduleLimits } from './schedule-file.ts';

export const fetchLimits = { maxRedirects: 5, timeoutMs: 20_000, maxUrlLength: 2000, port: 443 };

/** What may differ in tests: who answers for a name, which address may be connected to, whom TLS trusts. */
export interface FetchPorts {
  readonly resolve: (name: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;
  readonly mayConnect: (address: string) => boolean;
  readonly port: number;
  readonly ca?: string;
}

export const fetchPorts: FetchPorts = {
  resolve: (name) => resolveName(name, { all: true }),
  mayConnect: isPublicAddress,
  port: fetchLimits.port,
};

/** What makes an answer short where nothing changed. */
export interface Validators {
  readonly etag: string | null;
  readonly lastModified: string | null;
}

export type Fetched =
  | ({ readonly changed: true; readonly bytes: Uint8Array } & Validators)
  | { readonly changed: false };

/** The answer could not be had, and why. Never names more of the address than its host. */
export class FetchError extends SalaError {
  constructor(message: string, hint: string, cause?: unknown) {
    super(message, { code: 'schedule-fetch', hint, cause });
  }
}

/**
 * Why nothing may be fetched from an address; null where it may. It is https at port 443, without a password, and where it
 * has no name, on the open internet.
 */
export function mistakeInUrl(text: string, ports: Pick<FetchPorts, 'mayConnect' | 'port'> = fetchPorts): string | null {
  if (text.length > fetchLimits.maxUrlLength) return `is longer than ${fetchLimits.maxUrlLength} characters`;
  if (!URL.canParse(text)) return 'is no address like https://talks.example.org/schedule.json';
  const url = new URL(text);
  if (url.protocol !== 'https:') return 'must begin with https://';
  if (url.username !== '' || url.password !== '') return 'must have no name or password in it';
  if (Number(url.port || 443) !== ports.port) return `must be at port ${ports.port}`;
  const host = hostOf(url);
  if (isIP(host) !== 0 && !ports.mayConnect(host))
    return 'leads into a private network, where no schedule is fetched from';
  return null;
}

const hostOf = (url: URL) => url.hostname.replace(/^\[|\]$/g, '');

/**
 * Fetches a schedule: https alone, from the very address that was checked, each redirect likewise; bounded in time and
 * in bytes, before and after they are unpacked.
 * @throws {FetchError}, and nothing else
 */
export async function fetchSchedule(
  address: string,
  known: Validators,
  ports: FetchPorts = fetchPorts,
  { timeoutMs, maxRedirects } = fetchLimits,
): Promise<Fetched> {
  const deadline = AbortSignal.timeout(timeoutMs);
  let url = address;
  try {
    for (let hops = 0; ; hops++) {
      const mistake = mistakeInUrl(url, ports);
      if (mistake) throw new FetchError(`The address ${hops > 0 ? 'it leads on to ' : ''}${mistake}`, checkAddress);
      const response = await ask(new URL(url), known, ports, deadline);
      const { statusCode: status = 0, headers } = response;
      if (![301, 302, 303, 307, 308].includes(status)) return await answerOf(response, deadline);
      response.destroy();
      if (hops >= maxRedirects)
        throw new FetchError(`The address leads on more than ${maxRedirects} times`, checkAddress);
      if (!headers.location || !URL.canParse(headers.location, url))
        throw new FetchError('The address leads on, and does not say where to', checkAddress);
      url = new URL(headers.location, url).href;
    }
  } catch (error) {
    if (error instanceof FetchError) throw error;
    if (deadline.aborted)
      throw new FetchError(`No whole answer within ${timeoutMs / 1000} s`, 'It is tried again by itself.');
    throw new FetchError(`It cannot be reached: ${reasonOf(error)}`, 'It is tried again by itself.', error);
  }
}

const checkAddress = 'Correct the address of the schedule; it is the one of the export, …/schedule.json.';

/** In words; what a system says may name the whole address. */
function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'no such name is known';
  // A resolver that is away has the codes of a connection: nothing was connected to.
  if (error instanceof Error && 'syscall' in error && error.syscall === 'getaddrinfo')
    return `its name cannot be looked up (${code})`;
  if (/CERT|SSL|TLS|SIGNATURE|ALTNAME/.test(code)) return `its certificate is not trusted (${code})`;
  return code === '' ? messageOf(error).slice(0, 200) : code;
}

/** Resolves a name once, for this connection, and gives only what may be connected to: there is no second answer. */
function guarded({ resolve, mayConnect }: FetchPorts): LookupFunction {
  return (name, { all }, done) => {
    resolve(name).then(
      (found) => {
        const [first] = found;
        if (!first) return done(Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), '');
        // One bad address is enough: nobody who means well names a private one beside a public one.
        if (!found.every(({ address }) => mayConnect(address)))
          return done(
            new FetchError('Its name leads into a private network, where no schedule is fetched from', checkAddress),
            '',
          );
        if (all) done(null, [...found]);
        else done(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => done(error, ''),
    );
  };
}

async function ask(url: URL, known: Validators, ports: FetchPorts, signal: AbortSignal): Promise<IncomingMessage> {
  const options: RequestOptions = {
    agent: new Agent({ keepAlive: false, ...(ports.ca === undefined ? {} : { ca: ports.ca }) }),
    lookup: guarded(ports),
    signal,
    maxHeaderSize: 32 * 1024,
    headers: {
      accept: 'application/json, application/xml, text/xml, text/csv;q=0.9, */*;q=0.5',
      'accept-encoding': 'gzip, deflate, br',
      'user-agent': 'Sala',
      ...(known.etag === null ? {} : { 'if-none-match': known.etag }),
      ...(known.lastModified === null ? {} : { 'if-modified-since': known.lastModified }),
    },
  };
  return new Promise((resolve, reject) => {
    request(url, options, resolve).once('error', reject).end();
  });
}

const unpackers = { gzip: createGunzip, 'x-gzip': createGunzip, deflate: createInflate, br: createBrotliDecompress };
const isPacking = (name: string): name is keyof typeof unpackers => Object.hasOwn(unpackers, name);

async function answerOf(response: IncomingMessage, signal: AbortSignal): Promise<Fetched> {
  const { statusCode: status = 0, headers } = response;
  try {
    if (status === 304) return { changed: false };
    if (status !== 200)
      throw new FetchError(
        `It answered with status ${status}`,
        status === 401 || status === 403 || status === 404 ? checkAddress : 'It is tried again by itself.',
      );
    const packing = (headers['content-encoding'] ?? 'identity').trim().toLowerCase();
    if (packing !== 'identity' && !isPacking(packing))
      throw new FetchError('It answered packed in a way that is not understood', checkAddress);
    if (Number(headers['content-length'] ?? 0) > scheduleLimits.maxBytes) throw tooLong();
    let received = 0;
    response.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received > scheduleLimits.maxBytes) response.destroy(tooLong());
    });
    const body: Readable = isPacking(packing) ? response.pipe(unpackers[packing]()) : response;
    // What was cut off is no whole answer; `pipe` hands on neither errors nor a deadline.
    response.once('error', (error) => body.destroy(error));
    signal.addEventListener('abort', () => body.destroy(), { once: true });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > scheduleLimits.maxBytes) throw tooLong();
      chunks.push(chunk);
    }
    signal.throwIfAborted();
    return {
      changed: true,
      bytes: Buffer.concat(chunks),
      etag: bounded(headers.etag),
      lastModified: bounded(headers['last-modified']),
    };
  } finally {
    response.destroy();
  }
}

const bounded = (value: string | undefined) => (value !== undefined && value.length <= 500 ? value : null);

const tooLong = () =>
  new FetchError(
    `It answered with more than ${scheduleLimits.maxBytes / 1024 / 1024} MB`,
    'Export only the days and rooms that are to be captioned.',
  );
