// @ts-check
/** Calls of the relay's HTTP interface, its refusals in plain words. */

const requestTimeoutMs = 10_000;

/**
 * @typedef {{ at: string, message: string }} Mistake `at`: the path of a value in what was sent, like `phrases.3.phrase`
 * @typedef {{ settings: { name: string, value: string }[], reason: string }} Clash of two settings, by their paths
 */

/** The relay refused; the message may be shown as it is. */
export class ApiError extends Error {
  /** HTTP status. */
  status;
  code;
  /** What it said, and what to do about it. */
  words;
  hint;

  /** @param {number} status @param {{ code: string, message: string, hint: string }} error */
  constructor(status, { code, message, hint }) {
    super(sentences(message, hint));
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.words = message;
    this.hint = hint;
  }

  /** What is wrong with which value; empty where the relay named none. @returns {Mistake[]} */
  get mistakes() {
    if (this.status !== 400) return [];
    // "; " may be inside a sentence, too: a new mistake begins with a path.
    return this.words.split(/; (?=[A-Za-z]+(?:\.\w+)*: )/).flatMap((each) => {
      const [, at, message] = /^([A-Za-z]\w*(?:\.\w+)*): (.*)$/s.exec(each) ?? [];
      return at && message ? [{ at, message: capitalised(message) }] : [];
    });
  }

  /** Settings that cannot both hold. @returns {Clash[]} */
  get clashes() {
    if (this.code !== 'settings-conflict') return [];
    const setting = String.raw`([A-Za-z.]+) ("(?:[^"\\]|\\.)*"|\[[^\]]*\]|\{[^}]*\}|[\w.-]+)`;
    const heads = [...this.words.matchAll(new RegExp(`${setting} clashes with ${setting}: `, 'g'))];
    return heads.map((head, i) => {
      const [all, name = '', value = '', otherName = '', otherValue = ''] = head;
      return {
        settings: [
          { name, value },
          { name: otherName, value: otherValue },
        ],
        reason: this.words.slice(head.index + all.length, heads[i + 1]?.index).trim(),
      };
    });
  }
}

/** The relay does not know who asks, or not any more. */
export class SignedOut extends ApiError {
  /** @param {ConstructorParameters<typeof ApiError>} parts */
  constructor(...parts) {
    super(...parts);
    this.message = 'Nobody is logged in here any more. What you typed still stands here: log in, then try again.';
  }
}

/** It could not be asked at all. */
export class RelayAway extends Error {
  constructor() {
    super('The relay cannot be reached. What stands here may be old; this page keeps asking.');
    this.name = 'RelayAway';
  }
}

/** @param {string} text */
const capitalised = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

/** A message and its hint, each with a full stop. @param {string[]} parts */
export function sentences(...parts) {
  const ended = (/** @type {string} */ text) => (/[.!?]$/.test(text) ? text : `${text}.`);
  return parts.filter(Boolean).map(ended).join(' ');
}

/**
 * `body`: an object goes as JSON, a Blob as it is. `as`: `blob` gives the answer as a Blob, whatever it is.
 * @typedef {{ as?: 'json' | 'blob', timeoutMs?: number }} CallOptions
 * @typedef {<T>(method: string, path: string, body?: object | Blob, options?: CallOptions) => Promise<T>} Call
 */

/** What an answer that is no answer of the relay becomes, e.g. a proxy's page. @param {unknown} answer */
function errorIn(answer) {
  const { error } = typeof answer === 'object' && answer !== null && 'error' in answer ? answer : { error: null };
  if (typeof error !== 'object' || error === null) throw new RelayAway();
  const { code, message, hint } = { code: '', message: '', hint: '', ...error };
  return { code: String(code), message: String(message), hint: String(hint) };
}

/**
 * @param {{ signedOut: () => void, bearer?: () => string }} parts `signedOut`: the relay asks for a login; `bearer`: the
 *   token in this page's memory, where there is no session
 * @returns {Call} it throws an `Error` whose message may be shown: `ApiError`, `SignedOut`, `RelayAway`
 */
export function makeCall({ signedOut, bearer }) {
  return async (method, path, body, { as = 'json', timeoutMs = requestTimeoutMs } = {}) => {
    const token = bearer?.();
    const isJson = body !== undefined && !(body instanceof Blob);
    const response = await fetch(path, {
      method,
      headers: {
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(isJson ? { 'content-type': 'application/json' } : {}),
      },
      ...(body === undefined ? {} : { body: isJson ? JSON.stringify(body) : body }),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: AbortSignal.timeout(timeoutMs),
    }).catch(() => {
      throw new RelayAway();
    });
    const readAs = response.ok ? as : 'json';
    const answer =
      response.status === 204
        ? undefined
        : await response[readAs]().catch(() => {
            throw new RelayAway();
          });
    if (response.ok) return answer;
    const error = errorIn(answer);
    if (response.status !== 401) throw new ApiError(response.status, error);
    signedOut();
    throw new SignedOut(response.status, error);
  };
}

/** In words for people, whatever was thrown. @param {unknown} error */
export const wordsOf = (error) => (error instanceof Error ? error.message : String(error));
