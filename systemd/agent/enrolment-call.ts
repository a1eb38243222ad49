import { z } from 'zod';
import { type EnrolmentAnswer, enrolmentAnswer } from '../../relay/kit-protocol.ts';
import type { Explained } from '../errors.ts';
import { explainFailure, explainRefusal, networkLogin, relayTooOld, relayUnavailable } from './problems.ts';

export type EnrolmentOutcome =
  | { readonly answer: EnrolmentAnswer }
  | {
      readonly problem: Explained;
      /** The relay said no to this token; asking again soon is of no use. */
      readonly refused: boolean;
      readonly retryAfterMs: number | null;
    };

export interface EnrolmentRequest {
  /** `enr_…` */
  readonly token: string;
  /** `kit_…`, made by the kit. */
  readonly key: string;
  readonly version: string;
  readonly serial?: string | undefined;
}

export interface EnrolmentCallOptions {
  /** `https://HOST`. */
  readonly relay: string;
  readonly fetch: typeof globalThis.fetch;
  readonly hasNetwork: () => boolean;
  readonly timeoutMs?: number;
}

const maxAnswerBytes = 16_384;
const errorBody = z.object({ error: z.object({ code: z.string().max(64), message: z.string().max(1000) }) });

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

async function readBounded(response: Response): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const part of response.body ?? []) {
    text += decoder.decode(part, { stream: true });
    if (text.length > maxAnswerBytes) break;
  }
  return text;
}

/** Asks the relay once to take the kit's key. Never throws. */
export async function callEnrolment(
  { relay, fetch, hasNetwork, timeoutMs = 20_000 }: EnrolmentCallOptions,
  { token, ...body }: EnrolmentRequest,
): Promise<EnrolmentOutcome> {
  let status: number;
  let text: string;
  let retryAfter: string | null;
  try {
    const response = await fetch(`${relay}/api/enrolment`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      // A page that wants a login must not be taken for the relay, and must not learn the token.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    status = response.status;
    retryAfter = response.headers.get('retry-after');
    text = await readBounded(response);
  } catch (error) {
    return { problem: explainFailure(error, hasNetwork()), refused: false, retryAfterMs: null };
  }
  const json = parseJson(text);
  const answer = enrolmentAnswer.safeParse(json).data;
  if (answer && status >= 200 && status < 300) return { answer };
  const error = errorBody.safeParse(json).data?.error;
  const refusal = error && explainRefusal(error.code, error.message);
  if (refusal) return { problem: refusal, refused: true, retryAfterMs: null };
  const retryMs = retryAfter === null ? Number.NaN : Number(retryAfter) * 1000;
  const retryAfterMs = Number.isFinite(retryMs) ? retryMs : null;
  const failed = (problem: Explained) => ({ problem, refused: false, retryAfterMs });
  if (error && status === 404) return failed(relayTooOld);
  if (error && status >= 400) return failed({ ...relayUnavailable(status), code: error.code, message: error.message });
  return failed(status >= 500 ? relayUnavailable(status) : networkLogin(status));
}
