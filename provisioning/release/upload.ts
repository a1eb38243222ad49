import { open } from 'node:fs/promises';
import { z } from 'zod';
import { messageOf, SalaError } from '../../systemd/errors.ts';

/** The relay takes no more at a time. */
const pieceBytes = 4 * 1024 * 1024;

const state = z.object({ received: z.number(), bytes: z.number() });
const refusal = z.object({ error: z.object({ message: z.string(), hint: z.string() }) });

export interface UploadOrder {
  /** `https://HOST`. */
  readonly relay: string;
  readonly adminToken: string;
  readonly version: string;
  readonly manifest: string;
  /** The archive. */
  readonly file: string;
  readonly fetch: typeof globalThis.fetch;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** Uploads a release to the relay, which keeps it until it is offered; one that broke off goes on. @throws {SalaError} */
export async function uploadRelease(order: UploadOrder): Promise<void> {
  const { version, manifest, file, say } = order;
  let { received, bytes } = await ask(order, '', 'application/json', JSON.stringify({ manifest }));
  const archive = await open(file, 'r');
  try {
    while (received < bytes) {
      const { buffer, bytesRead } = await archive.read(Buffer.alloc(pieceBytes), 0, pieceBytes, received);
      if (bytesRead === 0) throw failed('the archive is shorter than its manifest says');
      const piece = new Uint8Array(buffer.subarray(0, bytesRead));
      ({ received, bytes } = await ask(order, `/archive?from=${received}`, 'application/octet-stream', piece));
      say(`uploaded ${Math.floor((received / bytes) * 100)} %`);
    }
  } finally {
    await archive.close();
  }
  say(`the relay has ${version}; offer it to the kits on the admin page`);
}

const failed = (why: string, hint = 'Try again; what the relay has already is not sent again.', cause?: unknown) =>
  new SalaError(`The release could not be uploaded: ${why}`, { code: 'release-upload', hint, cause });

async function ask(
  { relay, adminToken, version, fetch, signal }: UploadOrder,
  path: string,
  type: string,
  body: string | Uint8Array<ArrayBuffer>,
): Promise<z.output<typeof state>> {
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': type };
  let response: Response;
  let answer: unknown;
  try {
    response = await fetch(`${relay}/api/releases/${version}${path}`, { method: 'PUT', headers, body, signal });
    answer = await response.json();
  } catch (cause) {
    signal.throwIfAborted();
    throw failed(messageOf(cause), undefined, cause);
  }
  if (response.ok) return state.parse(answer);
  const { data } = refusal.safeParse(answer);
  throw failed(data?.error.message ?? `the relay answers ${response.status}`, data?.error.hint);
}
