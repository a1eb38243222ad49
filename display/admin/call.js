// @ts-check
/** Calls of the relay's HTTP interface, its refusals in plain words. */

const requestTimeoutMs = 10_000;

/** The relay does not know who asks, or not any more. */
export class SignedOut extends Error {}

/** @typedef {<T>(method: string, path: string, body?: object) => Promise<T>} Call */

/**
 * @param {{ signedOut: () => void, bearer?: () => string }} parts `signedOut`: the relay asks for a login; `bearer`: the
 *   token in this page's memory, where there is no session
 * @returns {Call} it throws an `Error` whose message may be shown
 */
export function makeCall({ signedOut, bearer }) {
  return async (method, path, body) => {
    const token = bearer?.();
    const { answer, ok, status } = await fetch(path, {
      method,
      headers: {
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(requestTimeoutMs),
    })
      .then(async (response) => ({
        answer: response.status === 204 ? undefined : await response.json(),
        ok: response.ok,
        status: response.status,
      }))
      .catch(() => {
        throw new Error('The relay cannot be reached. What stands here may be old; this page keeps asking.');
      });
    if (ok) return answer;
    const words = `${answer.error.message}. ${answer.error.hint}`;
    if (status !== 401) throw new Error(words);
    signedOut();
    throw new SignedOut(words);
  };
}
