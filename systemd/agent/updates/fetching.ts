import { SalaError } from '../../errors.ts';
import type { UpdateDisk } from './disk.ts';
import { maxManifestBytes, type Release } from './manifest.ts';

export interface FetchParts {
  readonly disk: UpdateDisk;
  readonly fetch: typeof globalThis.fetch;
  /** `https://HOST`. */
  readonly relay: string;
  readonly key: string;
  readonly signal: AbortSignal;
  /** Nothing heard for so long: the line is dead. */
  readonly stallMs: number;
}

/** The relay gives something else than what was offered: no use to ask again. */
const notOffered = (why: string) =>
  new SalaError(`The relay does not give the release as it was offered: ${why}`, {
    code: 'release-differs',
    hint: 'Upload the release again, and offer it anew.',
  });

/** Tried again by whoever asked. */
const failed = (why: string, cause?: unknown) =>
  new SalaError(`The release cannot be fetched from the relay: ${why}`, {
    code: 'release-fetch',
    hint: 'The kit tries again by itself.',
    cause,
  });

async function ask(
  { fetch, relay, key }: FetchParts,
  path: string,
  signal: AbortSignal,
  headers: Record<string, string> = {},
): Promise<Response> {
  const options = { headers: { authorization: `Bearer ${key}`, ...headers }, redirect: 'error', signal } as const;
  try {
    return await fetch(`${relay}/api/kit/release/${path}`, options);
  } catch (cause) {
    throw failed('it does not answer', cause);
  }
}

/** Pieces of a body, each in time. @throws {SalaError} `release-fetch` */
async function* pieces(body: AsyncIterable<Uint8Array>, alive: () => void): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of body) {
      alive();
      yield piece;
    }
  } catch (cause) {
    throw failed('the line broke', cause);
  }
}

/** Ends a request on which nothing moves. */
function stallSignal({ signal, stallMs }: FetchParts) {
  const stalled = new AbortController();
  let timer = setTimeout(() => stalled.abort(), stallMs);
  return {
    signal: AbortSignal.any([signal, stalled.signal]),
    alive: () => {
      clearTimeout(timer);
      timer = setTimeout(() => stalled.abort(), stallMs);
    },
    end: () => clearTimeout(timer),
  };
}

/** The text of a release's manifest. @throws {SalaError} `release-fetch` or `release-differs` */
export async function fetchManifest(parts: FetchParts, version: string): Promise<string> {
  const stall = stallSignal(parts);
  try {
    const response = await ask(parts, `${version}/manifest`, stall.signal);
    if (!response.ok || !response.body) throw failed(`it answers ${response.status}`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of pieces(response.body, stall.alive)) {
      bytes += piece.length;
      if (bytes > maxManifestBytes) throw notOffered('its manifest is endless');
      chunks.push(piece);
    }
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    stall.end();
  }
}

/** How many bytes the whole archive has by an answer, and where the answer begins. */
function extentOf(response: Response): { from: number; total: number } {
  if (response.status === 200) return { from: 0, total: Number(response.headers.get('content-length') ?? Number.NaN) };
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '') ?? [];
  if (response.status !== 206 || !from || !total) throw failed(`it answers ${response.status}`);
  return { from: Number(from), total: Number(total) };
}

/**
 * Fetches the rest of an archive to `file`; what is there already is not asked for again.
 * @param took told of each piece; the next one waits for it
 * @throws {SalaError} `release-fetch`, after which it may go on; `release-differs`, for good
 */
export async function fetchArchive(
  parts: FetchParts,
  { version, bytes }: Pick<Release, 'version' | 'bytes'>,
  file: string,
  took: (bytes: number) => Promise<void>,
): Promise<void> {
  const { disk } = parts;
  let have = await disk.size(file);
  if (have > bytes) {
    await disk.remove(file);
    have = 0;
  }
  if (have === bytes) return;
  const stall = stallSignal(parts);
  try {
    const response = await ask(parts, version, stall.signal, have > 0 ? { range: `bytes=${have}-` } : {});
    const { from, total } = extentOf(response);
    if (total !== bytes) throw notOffered(`it has ${total} bytes, not ${bytes}`);
    if (!response.body) throw failed('it answers nothing');
    if (from === 0 && have > 0) await disk.remove(file);
    else if (from !== have) throw failed('it answers with another part');
    let reached = from;
    const bounded = async function* (body: AsyncIterable<Uint8Array>) {
      for await (const piece of pieces(body, stall.alive)) {
        reached += piece.length;
        if (reached > bytes) throw notOffered('it does not end');
        yield piece;
      }
    };
    await disk.append(file, bounded(response.body), took);
    if (reached < bytes) throw failed('it ended too early');
  } finally {
    stall.end();
  }
}
