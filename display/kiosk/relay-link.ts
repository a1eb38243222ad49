import { z } from 'zod';
import { codeOf } from '../../systemd/errors.ts';
import type { Placing } from './placing.ts';

/** Why the page's line to the relay does not open, as far as an ordinary request shows. */
export interface LinkFault {
  /** What the relay says of this kit's key and of its places. */
  readonly refusal: 'refused' | 'full' | null;
  /** What the way to the relay says: its name is not found, nobody answers, somebody else answers (a login page), its
   * certificate does not count, or does not count at the time that this machine's clock shows. */
  readonly reason: 'name' | 'unreachable' | 'portal' | 'certificate' | 'clock' | null;
}

const askTimeoutMs = 4000;
const maxAnswerBytes = 20_000;
const relayError = z.object({ error: z.object({ code: z.string() }) });
const fullCodes = ['too-many-readers', 'too-many-sockets'];

/** By the codes of Node's resolver, sockets and TLS. */
function reasonOf(error: unknown): LinkFault['reason'] {
  const code = error instanceof Error ? codeOf(error.cause) || codeOf(error) : '';
  if (/^(ENOTFOUND|EAI_)/.test(code)) return 'name';
  if (/^CERT_(NOT_YET_VALID|HAS_EXPIRED)$/.test(code)) return 'clock';
  if (/CERT|TLS|SSL|UNABLE_TO_/.test(code)) return 'certificate';
  return 'unreachable';
}

async function boundedText(answer: Response): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const part of answer.body ?? []) {
    text += decoder.decode(part, { stream: true });
    if (text.length > maxAnswerBytes) return '';
  }
  return text;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Asks for the room's captions as an ordinary request, which a page cannot do at a relay that did not serve it. */
export async function linkFault({ relay, room, token }: Placing): Promise<LinkFault> {
  if (room === null) return { refusal: null, reason: null };
  const url = new URL(`/api/rooms/${room}/captions`, relay);
  url.protocol = url.protocol.replace('ws', 'http');
  try {
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: token ? { authorization: `Bearer ${token}` } : {},
      signal: AbortSignal.timeout(askTimeoutMs),
    });
    const text = await boundedText(answer);
    const parsed = relayError.safeParse(jsonOf(text));
    if (!parsed.success) return { refusal: null, reason: answer.status >= 500 ? 'unreachable' : 'portal' };
    if ([401, 403, 404].includes(answer.status)) return { refusal: 'refused', reason: null };
    const isFull = [429, 503].includes(answer.status) && fullCodes.includes(parsed.data.error.code);
    return { refusal: isFull ? 'full' : null, reason: null };
  } catch (error) {
    return { refusal: null, reason: reasonOf(error) };
  }
}
